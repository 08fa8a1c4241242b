/** `owl doctor`, second half: registry, revocation, time-stamps, clock and ports, each asked as the gateway asks it. */

import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { Agent, request } from 'undici'
import type { Readiness } from '../../admin/health/health.ts'
import type { Config } from '../../config/config.ts'
import { flawAt } from '../../trust/certificate-profile.ts'
import { NOT_READY_OFFSET_MS, WARN_OFFSET_MS } from '../../trust/clock.ts'
import { checkConfiguration } from '../../trust/configuration-check.ts'
import type { Freshness } from '../../trust/freshness.ts'
import { ClockBehind, parseFreshness } from '../../trust/freshness.ts'
import { formatOcspRequest, readOcspResponse } from '../../trust/ocsp.ts'
import { openRegistryClient } from '../../trust/registry-client.ts'
import { openRevocationSources } from '../../trust/revocation-sources.ts'
import { CONFIGURATION, FRESHNESS, loadAnchor, openDocument } from '../../trust/signed-document.ts'
import type { Registered, Snapshot } from '../../trust/snapshot.ts'
import { makeSnapshot } from '../../trust/snapshot.ts'
import { readCertificates } from './certificates.ts'
import type { Finding } from './files.ts'
import { pairsOf, sentence } from './files.ts'

const TIMEOUT_MS = 3000

export async function* examineNetwork(config: Config, file: string, now: () => number): AsyncGenerator<Finding> {
  const published = await askRegistry(config, now())
  if ('finding' in published) yield published.finding
  else {
    const { snapshot, freshness } = published
    yield examineFreshness(snapshot.version, freshness.expiresAt - now())
    yield* examineRegistration(config, snapshot, now())
    yield* examineRevocation(config, snapshot, now())
    for (const { url } of snapshot.tsa) yield await examineTsa(url)
  }
  yield await examineClock(config.registry.url, await readFile(config.registry.ca).catch(() => undefined), now)
  yield* examinePorts(config, file)
}

/** @param leftMs negative: it has ended */
export function examineFreshness(version: number, leftMs: number): Finding {
  const what = 'registry'
  if (leftMs > 0) {
    const left = leftMs < 120_000 ? `${Math.ceil(leftMs / 1000)} s` : `${Math.floor(leftMs / 60_000)} min`
    return { state: 'ok', what, detail: `version ${version}, holds ${left} more` }
  }
  const detail = `version ${version}, its latest word ended ${Math.ceil(-leftMs / 1000)} s ago by this clock`
  return { state: 'fail', what, detail, next: 'set the clock (timedatectl set-ntp true), or mend the registry' }
}

type Published = { readonly snapshot: Snapshot; readonly freshness: Freshness } | { readonly finding: Finding }

/** The same checks as the gateway's: signature by the pinned key, version, digest. */
async function askRegistry({ registry }: Config, now: number): Promise<Published> {
  const { url, ca, anchor: anchorFile, anchorSha256 } = registry
  try {
    const anchor = await loadAnchor(anchorFile, anchorSha256)
    const client = openRegistryClient({ url, ca: await readFile(ca), timeoutMs: TIMEOUT_MS })
    try {
      const signal = AbortSignal.timeout(2 * TIMEOUT_MS)
      const freshness = parseFreshness(
        await openDocument(await client.freshness(undefined, 0, signal), FRESHNESS, anchor),
        now,
      )
      const payload = await openDocument(await client.configuration(signal), CONFIGURATION, anchor)
      const sha256 = hash('sha256', payload, 'hex')
      if (sha256 !== freshness.sha256) throw new Error('the configuration is not the one of the freshness')
      return { snapshot: makeSnapshot(checkConfiguration(JSON.parse(payload.toString()), 'open'), sha256), freshness }
    } finally {
      await client.close()
    }
  } catch (error) {
    const next =
      error instanceof ClockBehind
        ? 'timedatectl set-ntp true'
        : `check registry.url, registry.ca and registry.anchor; curl --cacert ${ca} ${url}/freshness`
    return { finding: { state: 'fail', what: 'registry', detail: sentence(error), next } }
  }
}

/** What the region knows of us must be what we use. */
async function* examineRegistration(config: Config, snapshot: Snapshot, now: number): AsyncGenerator<Finding> {
  const what = 'registration'
  const gateway = snapshot.gateway(config.gateway)
  if (gateway === undefined) {
    const next = `have it registered: npx owl registry gateway add ${config.gateway} …`
    yield { state: 'fail', what, detail: 'the gateway is not registered', next }
    return
  }
  const { seal, provider, 'provider.client': client } = pairsOf(config)
  const used = { seal, 'provider.client': client, provider }
  for (const [use, pair] of Object.entries(used)) {
    const sha256 = await fingerprintOf(pair?.certificate ?? '')
    const registered = sha256 === undefined ? undefined : snapshot.certificate(sha256)
    const flaw = registered === undefined ? 'not registered' : flawAt(registered.verdict, now)
    if (flaw === undefined) yield { state: 'ok', what: `${what} ${use}`, detail: 'registered and of the right form' }
    else yield { state: 'fail', what: `${what} ${use}`, detail: flaw, next: `register ${pair?.certificate}` }
  }
}

async function* examineRevocation(config: Config, snapshot: Snapshot, now: number): AsyncGenerator<Finding> {
  const what = 'revocation of the seal'
  const sha256 = await fingerprintOf(config.seal.certificate)
  const seal = sha256 === undefined ? undefined : snapshot.certificate(sha256)
  const ca = snapshot.issuing.find(({ certificate }) => certificate.sha256 === seal?.verdict.issuer?.sha256)
  if (seal === undefined || ca === undefined) return
  const sources = openRevocationSources({ timeoutMs: TIMEOUT_MS })
  try {
    const status = await askOcsp(sources, seal, ca, now)
    if (status === 'good') yield { state: 'ok', what, detail: `good, says ${hostOf(ca.ocsp)}` }
    else yield { state: 'fail', what, detail: status, next: 'ask the CA for a new seal certificate and register it' }
  } catch (error) {
    const lists = await sources.fetchCrl(ca.crl).then(
      () => true,
      () => false,
    )
    const detail = `${hostOf(ca.ocsp)}: ${sentence(error)}${lists ? '; its list can be had' : ''}`
    yield { state: lists ? 'warn' : 'fail', what, detail, next: `check the way to ${ca.ocsp}` }
  } finally {
    await sources.close()
  }
}

async function askOcsp(
  sources: ReturnType<typeof openRevocationSources>,
  seal: Registered,
  { certificate, ocsp }: Snapshot['issuing'][number],
  now: number,
): Promise<string> {
  const question = formatOcspRequest(seal, certificate)
  return readOcspResponse(await sources.askOcsp(ocsp, question.request), question, now).status
}

/** Only whether somebody is there: an accredited time-stamp costs money. */
async function examineTsa(url: string): Promise<Finding> {
  const what = 'time-stamp authority'
  const { hostname, port, protocol } = new URL(url)
  const reached = await reaches(hostname, Number(port) || (protocol === 'https:' ? 443 : 80))
  if (reached) return { state: 'ok', what, detail: `${hostOf(url)} can be reached` }
  return { state: 'warn', what, detail: `${hostOf(url)} cannot be reached`, next: `check the way to ${url}` }
}

/** By the second that an HTTP server says it is: finer than that a gateway measures by itself. */
async function examineClock(url: string, ca: Buffer | undefined, now: () => number): Promise<Finding> {
  const what = 'clock'
  const dispatcher = new Agent({ connect: { ca, timeout: TIMEOUT_MS } })
  try {
    const sent = now()
    const { headers, body } = await request(`${url}/freshness`, { dispatcher, headersTimeout: TIMEOUT_MS })
    await body.dump()
    const theirs = Date.parse(String(headers['date']))
    if (Number.isNaN(theirs)) return { state: 'warn', what, detail: 'the registry does not say what time it is' }
    // The second that was said has begun at most 1 s before it was said.
    const offsetMs = Math.max(0, theirs - now(), sent - (theirs + 1000))
    const detail =
      offsetMs === 0 ? 'agrees with the registry’s' : `${(offsetMs / 1000).toFixed(0)} s off the registry’s`
    if (offsetMs <= WARN_OFFSET_MS) return { state: 'ok', what, detail }
    const state = offsetMs > NOT_READY_OFFSET_MS ? 'fail' : 'warn'
    return { state, what, detail, next: 'timedatectl set-ntp true' }
  } catch {
    return { state: 'warn', what, detail: 'could not be compared with the registry’s' }
  } finally {
    await dispatcher.destroy()
  }
}

async function* examinePorts(config: Config, file: string): AsyncGenerator<Finding> {
  const { consumer, provider, admin } = config
  const start = `npx owl gateway start --config ${file}`
  if ([consumer, provider, admin].some(({ port }) => port === 0)) {
    yield { state: 'warn', what: 'ports', detail: 'chosen anew at every start: nothing to look at', next: 'name them' }
    return
  }
  for (const [what, { host, port }] of Object.entries({ consumer, provider, admin })) {
    if (await reaches(reachable(host), port)) yield { state: 'ok', what: `port ${what}`, detail: `${port} answers` }
    else yield { state: 'fail', what: `port ${what}`, detail: `nobody listens on ${port}`, next: start }
  }
  yield* examineReadiness(config)
}

/** What the running gateway says of itself. */
async function* examineReadiness({ admin }: Config): AsyncGenerator<Finding> {
  const what = 'running gateway'
  const url = `https://${reachable(admin.host)}:${admin.port}/readyz`
  // The file has the issuing CA behind the certificate; a root is not needed to know one's own gateway.
  const ca = await readFile(admin.certificate).catch(() => undefined)
  const dispatcher = new Agent({ connect: { ca, allowPartialTrustChain: true, timeout: TIMEOUT_MS } })
  try {
    const answer = await request(url, { dispatcher, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
    const { ready, checks } = (await answer.body.json()) as Partial<Readiness>
    if (checks === undefined) throw new Error(`the answer is HTTP ${answer.statusCode}`)
    yield { state: ready ? 'ok' : 'fail', what, detail: ready ? 'says it is ready' : 'says it is not ready' }
    for (const [name, { state, detail = '' }] of Object.entries(checks)) {
      if (state !== 'ok') yield { state, what: `${what}, ${name}`, detail, next: 'see its log' }
    }
  } catch (error) {
    yield { state: 'warn', what, detail: `does not say how it is: ${sentence(error)}`, next: `curl -k ${url}` }
  } finally {
    await dispatcher.destroy()
  }
}

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port, timeout: TIMEOUT_MS })
    const end = (reached: boolean): void => {
      socket.destroy()
      resolve(reached)
    }
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false))
  })
}

/** A server that listens on every address is asked on loopback. */
/** Where a port that listens on `host` is reached from its own machine. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function hostOf(url: string): string {
  return new URL(url).host
}

async function fingerprintOf(file: string): Promise<string | undefined> {
  const [certificate] = await readCertificates(file).catch(() => [])
  return certificate?.fingerprint256.replaceAll(':', '').toLowerCase()
}
