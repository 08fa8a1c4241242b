/** The development trust service: OCSP (RFC 6960), CRLs (RFC 5280) and time-stamps (RFC 3161) on one loopback port. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { CrlLie } from './behaviour.ts'
import { WELL_BEHAVED, withBehaviour } from './behaviour.ts'
import type { AuthorityName } from './layout.ts'
import type { OcspLie } from './ocsp.ts'
import type { Limits } from './replies.ts'
import { HttpRefusal, perform, readBody, sendJson } from './replies.ts'
import type { CertificateName, Responders } from './responders.ts'
import { openResponders } from './responders.ts'
import type { Reason } from './revocations.ts'
import { isReason } from './revocations.ts'
import type { TsaLie } from './time-stamps.ts'

export interface TrustServiceOptions {
  /** A PKI that `makePki` made. Revocations are kept there, in `state.json`. */
  readonly dir: string
  /** 0: any free one. */
  readonly port?: number
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number
  /** From `thisUpdate` to `nextUpdate`. */
  readonly ocspValidityMs?: number
  readonly crlValidityMs?: number
  readonly bodyBytesMax?: number
  readonly requestTimeoutMs?: number
  /** How much the wrong answer `huge` is. */
  readonly hugeBytes?: number
}

export interface TrustUrls {
  readonly ocsp: string
  /** CRL of the issuing CA. */
  readonly crl: string
  readonly tsaCrl: string
  readonly rootCrl: string
  readonly tsa: string
  readonly tsa2: string
  /** In an RSA PKI: the unit of `tsa` under a name that says so. */
  readonly tsaRsa?: string
  /** `POST {control}/revoke`, `POST {control}/behaviour`. */
  readonly control: string
}

export interface TrustService {
  readonly url: string
  readonly port: number
  readonly urls: TrustUrls
  close(): Promise<void>
}

/** What the control endpoints are told. */
type Order = Readonly<Record<string, unknown>>

const HOST = '127.0.0.1'
const HOUR_MS = 3_600_000
const MIB = 1024 * 1024
const OCSP_REQUEST = 'application/ocsp-request'
const TSA_REQUEST = 'application/timestamp-query'
const CRL_PATH = /^\/crl\/(root|issuing|tsa-ca)\.crl$/

/** @throws {Error} when the folder holds no PKI, or the port is taken */
export async function openTrustService(options: TrustServiceOptions): Promise<TrustService> {
  const { now = Date.now, ocspValidityMs = HOUR_MS, crlValidityMs = HOUR_MS } = options
  const { bodyBytesMax = 64 * 1024, requestTimeoutMs = 10_000, hugeBytes = 100 * MIB } = options
  const responders = await openResponders({ dir: resolve(options.dir), now, ocspValidityMs, crlValidityMs })
  const stopping = new AbortController()
  const handle = openHandler(responders, { bodyBytesMax, hugeBytes, stopped: stopping.signal })
  const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    handle(request, response).catch((error: unknown) => fail(request, response, error))
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(options.port ?? 0, HOST, listening)
  })

  const { port } = server.address() as AddressInfo
  const url = `http://${HOST}:${port}`
  return {
    url,
    port,
    urls: {
      ocsp: `${url}/ocsp`,
      crl: `${url}/crl/issuing.crl`,
      tsaCrl: `${url}/crl/tsa-ca.crl`,
      rootCrl: `${url}/crl/root.crl`,
      tsa: `${url}/tsa`,
      tsa2: `${url}/tsa2`,
      ...(responders.isRsa && { tsaRsa: `${url}/tsa-rsa` }),
      control: url,
    },
    async close() {
      stopping.abort()
      const closed = new Promise<void>((done) => server.close(() => done()))
      server.closeAllConnections()
      await closed
    },
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

function openHandler(responders: Responders, limits: Limits): Handler {
  let behaviours = WELL_BEHAVED

  async function status(request: IncomingMessage, response: ServerResponse, inUrl?: string): Promise<void> {
    const octets = inUrl === undefined ? await readBody(request, OCSP_REQUEST, limits.bodyBytesMax) : fromUrl(inUrl)
    const speak = (lie?: OcspLie) => responders.ocsp(octets, lie)
    await perform(response, behaviours.ocsp, { type: 'application/ocsp-response', speak }, limits)
  }

  async function list(response: ServerResponse, authority: AuthorityName): Promise<void> {
    const speak = (lie?: CrlLie) => responders.crl(authority, lie)
    await perform(response, behaviours.crl, { type: 'application/pkix-crl', speak }, limits)
  }

  async function stamp(request: IncomingMessage, response: ServerResponse, unit: 'tsa' | 'tsa2'): Promise<void> {
    const octets = await readBody(request, TSA_REQUEST, limits.bodyBytesMax)
    const speak = (lie?: TsaLie) => responders[unit](octets, lie)
    await perform(response, behaviours[unit], { type: 'application/timestamp-reply', speak }, limits)
  }

  async function revoke(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const order = await readOrder(request, limits.bodyBytesMax)
    const revoked = await responders.revoke(certificateName(order), reasonOf(order))
    if (revoked === undefined) throw new HttpRefusal(404, 'No such certificate of this PKI')
    sendJson(response, 200, revoked)
  }

  async function behave(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const order = await readOrder(request, limits.bodyBytesMax)
    behaviours = obeying(() => withBehaviour(behaviours, order))
    sendJson(response, 200, behaviours)
  }

  return async (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const crl = CRL_PATH.exec(path)?.[1] as AuthorityName | undefined
    if (crl !== undefined) return list(response, crl)
    if (request.method === 'GET' && path.startsWith('/ocsp/')) return status(request, response, path.slice(6))
    if (path === '/ocsp') return status(request, response)
    if (path === '/tsa' || (path === '/tsa-rsa' && responders.isRsa)) return stamp(request, response, 'tsa')
    if (path === '/tsa2') return stamp(request, response, 'tsa2')
    if (path === '/revoke') return revoke(request, response)
    if (path === '/behaviour') return behave(request, response)
    throw new HttpRefusal(404, 'No such service')
  }
}

/** JSON only, so that no web page can give orders: a browser would have to ask first. */
async function readOrder(request: IncomingMessage, bodyBytesMax: number): Promise<Order> {
  const octets = await readBody(request, 'application/json', bodyBytesMax)
  const order = parseJson(Buffer.from(octets).toString('utf8'))
  if (typeof order !== 'object' || order === null || Array.isArray(order)) throw new HttpRefusal(400, 'Not an object')
  return order as Order
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message would quote the text.
    throw new HttpRefusal(400, 'Not JSON')
  }
}

function obeying<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof TypeError ? new HttpRefusal(400, error.message) : error
  }
}

function certificateName({ cert, sha256 }: Order): CertificateName {
  if (typeof cert === 'string') return { cert }
  if (typeof sha256 === 'string') return { sha256 }
  throw new HttpRefusal(400, 'cert (path) or sha256 (hexadecimal) is needed')
}

function reasonOf({ reason = 'unspecified' }: Order): Reason {
  if (!isReason(reason)) throw new HttpRefusal(400, 'reason is not one of RFC 5280 §5.3.1')
  return reason
}

/** RFC 6960 A.1: base64, then percent-encoding; many clients forget the latter. Nonsense comes out as no request. */
function fromUrl(text: string): Uint8Array {
  try {
    return Buffer.from(decodeURIComponent(text), 'base64')
  } catch {
    return new Uint8Array()
  }
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  // What is left of a long request is thrown away, so that the answer is not lost in a reset; then the connection ends.
  request.resume()
  response.shouldKeepAlive = false
  if (error instanceof HttpRefusal) sendJson(response, error.status, { error: error.message })
  else {
    process.stderr.write(`trust service: ${error instanceof Error ? error.stack : String(error)}\n`)
    sendJson(response, 500, { error: 'The trust service failed' })
  }
}

const USAGE = 'usage: node certs-dev/trust-service.ts --dir DIR [--port PORT]'

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { dir: { type: 'string' }, port: { type: 'string', default: '0' } } })
  const port = Number(values.port)
  if (values.dir === undefined || !Number.isInteger(port) || port < 0 || port > 65535) throw new Error(USAGE)

  const service = await openTrustService({ dir: values.dir, port })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void service.close())
  process.stdout.write(`${JSON.stringify({ ready: true, port: service.port, pid: process.pid, ...service.urls })}\n`)
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 2
  })
}
