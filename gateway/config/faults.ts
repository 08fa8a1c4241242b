/**
 * What keeps a configuration from being used: everything that it names is read and tried, and nobody is asked.
 *
 * `gateway check`, `gateway start`, the reload of a running gateway and `registry service add` all ask this one function,
 * so that what one accepts the others accept. It does not know what only a start can know: ports that are taken, host
 * names and addresses that this machine does not have, a message log that another process writes or that is damaged.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import { loadAdapters } from '../../adapters/loading.ts'
import { placeOf } from '../message-log/open-log.ts'
import type { LogPlace } from '../message-log/record/log-place.ts'
import { LogOpenError, STAYS_CLOSED } from '../message-log/record/open-error.ts'
import { checkPlace } from '../message-log/writer/opening.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { addressFlaw, isBlock } from '../transport/service-address.ts'
import { loadSigner } from '../trust/keys.ts'
import { loadAnchor } from '../trust/signed-document.ts'
import type { Config, KeyPair, LocalConfig, LocalService } from './config.ts'
import { logPlace, readLocalConfig } from './config.ts'

export interface ConfigFault {
  /** Member of the file, `provider.client`. */
  readonly member: string
  /** Of one service or client among several. */
  readonly id?: Identifier
  /** What is wrong; never what a file holds. */
  readonly detail: string
}

/** @returns nothing when a gateway can start with it */
export async function configFaults(config: Config): Promise<readonly ConfigFault[]> {
  return [
    ...identityFaults(config),
    ...(await registryFaults(config)),
    ...(await keyFaults(config)),
    ...portFaults(config),
    ...directoryFaults(config),
    ...logFaults(config),
    ...(await localFaults(config)),
  ]
}

/** Of what a running gateway takes up anew: networks, clients, services. */
export async function localFaults(config: LocalConfig): Promise<readonly ConfigFault[]> {
  return [...networkFaults(config), ...clientFaults(config), ...(await serviceFaults(config))]
}

/**
 * The same of a configuration that is not written yet, of which the rest is not looked at.
 *
 * @param raw parsed JSON
 * @throws {Error} naming every offending member at once
 */
export async function entryFaults(raw: object, file: string): Promise<readonly ConfigFault[]> {
  // Reading fills in defaults: on a copy.
  return localFaults(readLocalConfig(structuredClone(raw), file))
}

export function faultText({ member, id, detail }: ConfigFault): string {
  return `${id === undefined ? member : `${member} ${id}`}: ${detail}`
}

/** A gateway cannot start with this. One line, every fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(faultText).join('; '))
  }
}

function* identityFaults({ gateway }: Config): Generator<ConfigFault> {
  if (gateway.split('/').length !== 4) yield { member: 'gateway', detail: 'it does not have four parts' }
}

async function registryFaults({ registry }: Config): Promise<ConfigFault[]> {
  const member = 'registry'
  const url = URL.canParse(registry.url) ? new URL(registry.url) : undefined
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === ''
  const { anchor, anchorSha256 } = registry
  return [
    ...(isPlain
      ? []
      : [{ member: 'registry.url', detail: 'it is not a URL, or has more than scheme, host, port and path' }]),
    ...flawOf(`${member}.ca`, () => readAuthorities(registry.ca)),
    ...(await flawIn(`${member}.anchor`, async () => {
      octetsOf(anchor)
      await loadAnchor(anchor, anchorSha256).catch((cause) => {
        throw new Error(`${anchor} is not the public key that registry.anchorSha256 names`, { cause })
      })
    })),
  ]
}

async function keyFaults({ seal, consumer, provider, admin }: Config): Promise<ConfigFault[]> {
  const tls = { consumer, provider, 'provider.client': provider.client, admin }
  return [
    ...(await flawIn('seal', async () => {
      readPair(seal)
      await loadSigner(seal, () => {}).catch((cause) => {
        throw new Error(`${seal.key} is of a kind that may not sign`, { cause })
      })
    })),
    ...Object.entries(tls).flatMap(([member, pair]) => flawOf(member, () => tryTls(pair))),
  ]
}

function tryTls(pair: KeyPair): void {
  const { key, cert } = readPair(pair)
  try {
    createSecureContext({ key, cert })
  } catch (cause) {
    throw new Error(`${pair.key} and ${pair.certificate} cannot be used for TLS`, { cause })
  }
}

/** @throws {Error} naming the file that does not hold */
function readPair({ key: keyFile, certificate: file }: KeyPair): { readonly key: Buffer; readonly cert: Buffer } {
  const [cert, key] = [octetsOf(file), octetsOf(keyFile)]
  const certificate = attempt(`${file} holds no certificate`, () => new X509Certificate(cert))
  const text = `${keyFile} holds no private key that can be read without a passphrase`
  const fits = attempt(text, () => certificate.checkPrivateKey(createPrivateKey(key)))
  if (!fits) throw new Error(`${keyFile} belongs to another certificate than ${file}`)
  return { key, cert }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Without one, Node would believe nobody. @throws {Error} naming the file */
function readAuthorities(file: string): void {
  const certificates = octetsOf(file).toString('latin1').match(PEM) ?? []
  if (certificates.length === 0) throw new Error(`${file} holds no certificate`)
  attempt(`${file} holds a certificate that cannot be read`, () => certificates.map((pem) => new X509Certificate(pem)))
}

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?$/
const ANYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

function* portFaults({ consumer, provider, admin }: Config): Generator<ConfigFault> {
  const listening = [
    { member: 'consumer', host: consumer.host, port: consumer.port },
    { member: 'consumer.httpPort', host: '127.0.0.1', port: consumer.httpPort ?? 0 },
    { member: 'provider', host: provider.host, port: provider.port },
    { member: 'admin', host: admin.host, port: admin.port },
  ]
  for (const [index, { member, host, port }] of listening.entries()) {
    if (isIP(host) === 0 && !HOST.test(host)) yield { member, detail: 'host is neither an IP address nor a name' }
    const before = listening.slice(0, index).find((it) => port !== 0 && it.port === port && overlap(it.host, host))
    if (before !== undefined) yield { member, detail: `port ${port} is that of ${before.member}` }
  }
}

function overlap(a: string, b: string): boolean {
  return a === b || ANYWHERE.has(a) || ANYWHERE.has(b)
}

function directoryFaults(config: Config): ConfigFault[] {
  const { archive } = logPlace(config)
  const directories = { directory: config.directory, 'log.archive': archive }
  return Object.entries(directories).flatMap(([member, path]) => flawOf(member, () => tryDirectory(path)))
}

/** It may be missing: then it is made. @throws {Error} when it is not writable, or cannot be made */
function tryDirectory(path: string): void {
  let nearest = path
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest)
  if (!statSync(nearest).isDirectory()) throw new Error(`${nearest} is no directory`)
  const access = constants.R_OK | constants.W_OK | constants.X_OK
  attempt(`${nearest} cannot be written by this user`, () => accessSync(nearest, access))
}

function logFaults(config: Config): ConfigFault[] {
  const place = placeOf({ gateway: config.gateway, ...logPlace(config) })
  return [...flawOf('log', () => tryLog(place)), ...flawOf('log.keyStore', () => tryDirectory(place.keys.directory))]
}

/** With a log that has to be seen to a gateway starts, and refuses every exchange. @throws {LogOpenError} any other flaw */
function tryLog(place: LogPlace): void {
  try {
    checkPlace(place)
  } catch (error) {
    if (!(error instanceof LogOpenError) || !STAYS_CLOSED.has(error.flaw)) throw error
  }
}

function networkFaults({ networksAllowed }: LocalConfig): ConfigFault[] {
  return networksAllowed.flatMap((block, index) =>
    isBlock(block)
      ? []
      : [{ member: `networksAllowed[${index}]`, detail: 'it is not a CIDR block, such as 10.1.0.0/16' }],
  )
}

function clientFaults({ clients }: LocalConfig): ConfigFault[] {
  return doubles(clients).map((id) => ({ member: 'clients', id, detail: 'it is there twice' }))
}

async function serviceFaults({ services, networksAllowed }: LocalConfig): Promise<ConfigFault[]> {
  const twice = new Set(doubles(services))
  const faults: ConfigFault[] = []
  for (const service of services) {
    const { id } = service
    const parts = id.split('/').length === 5 ? undefined : 'its id does not have five parts'
    const detail = parts ?? addressFault(service, networksAllowed) ?? (await adapterFault(service))
    if (detail !== undefined) faults.push({ member: 'services', id, detail })
  }
  return [...faults, ...[...twice].map((id) => ({ member: 'services', id, detail: 'it is there twice' }))]
}

function addressFault({ url, ca }: LocalService, networksAllowed: readonly string[]): string | undefined {
  const flaw = url === undefined ? undefined : addressFlaw(url, networksAllowed)
  return flaw ?? (ca === undefined ? undefined : flawOf('ca', () => readAuthorities(ca))[0]?.detail)
}

/** Options of adapters with this end name files that they read later. */
const FILE_OPTION = /File$/

async function adapterFault({ adapter: name, options = {} }: LocalService): Promise<string | undefined> {
  if (name === undefined) return undefined
  try {
    const adapters = await loadAdapters([name])
    const adapter = Object.hasOwn(adapters, name) ? adapters[name] : undefined
    if (adapter === undefined) return `there is no adapter ${name}`
    // Adapters name the option that is missing or wrong, not what it says.
    await (await adapter.open(options)).close()
    for (const [option, file] of Object.entries(options)) {
      if (!FILE_OPTION.test(option) || typeof file !== 'string') continue
      const [flaw] = flawOf(option, () => {
        if (octetsOf(file).length === 0) throw new Error('the file is empty')
      })
      if (flaw !== undefined) return `adapter ${name}: option ${option}: ${flaw.detail}`
    }
    return undefined
  } catch (error) {
    return `adapter ${name}: ${sentenceOf(error)}`
  }
}

function doubles(list: readonly { readonly id: Identifier }[]): Identifier[] {
  const ids = list.map(({ id }) => id)
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))]
}

function flawOf(member: string, work: () => void): ConfigFault[] {
  try {
    work()
    return []
  } catch (error) {
    return [{ member, detail: sentenceOf(error) }]
  }
}

async function flawIn(member: string, work: () => Promise<void>): Promise<ConfigFault[]> {
  try {
    await work()
    return []
  } catch (error) {
    return [{ member, detail: sentenceOf(error) }]
  }
}

/** @throws {Error} naming the file and why it cannot be read */
function octetsOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    throw new Error(`${file} ${REASONS[code] ?? `cannot be read (${code})`}`, { cause })
  }
}

function attempt<T>(text: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new Error(text, { cause })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a directory',
  ENOTDIR: 'is not there',
}

/** One line of what went wrong. */
export function sentenceOf(error: unknown): string {
  return ((error as Error).message.split('\n')[0] ?? '').trim()
}
