/** The gateway's configuration: one JSON file, checked whole, frozen, then passed by value. */

import { dirname, join, resolve } from 'node:path'
import type { ErrorObject } from 'ajv/dist/2020.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Identifier } from '../protocol/identifiers.ts'
import { readJson, shown } from '../protocol/text.ts'
import { CONFIG_SCHEMA } from './schema.ts'

export interface Config {
  /** `INSTANCE/CLASS/MEMBER/SERVERCODE` */
  readonly gateway: Identifier
  /** State: configuration copies, revocation answers, message log, spool. */
  readonly directory: string
  readonly registry: {
    readonly url: string
    /** CA of the registry's TLS server. */
    readonly ca: string
    /** Public JWK of the registry's signing key and its SHA-256 thumbprint (RFC 7638), both handed over out of band. */
    readonly anchor: string
    readonly anchorSha256: string
    readonly pollIntervalMs: number
  }
  readonly seal: KeyPair
  readonly consumer: Port & KeyPair & { readonly httpPort: number | null }
  readonly provider: Port & KeyPair & { readonly client: KeyPair }
  readonly admin: Port &
    KeyPair & { /** SHA-256 of operator certificates, hex. */ readonly operators: readonly string[] }
  readonly clients: readonly LocalClient[]
  readonly services: readonly LocalService[]
  /** Where services may be: CIDR blocks. */
  readonly networksAllowed: readonly string[]
  readonly idnrTestNumbers: boolean
  readonly log: LogConfig
  readonly limits: Limits
}

export interface Port {
  readonly host: string
  readonly port: number
}

/** Paths: PKCS#8 PEM, mode 0600; certificate PEM with its issuing CA behind it. */
export interface KeyPair {
  readonly key: string
  readonly certificate: string
}

/** A subsystem whose local systems may call through this gateway, and how they prove it. X-Road UG-SS 9.1. */
export interface LocalClient {
  readonly id: Identifier
  /** `mtls`: a listed certificate; `https`: any TLS; `http`: plain HTTP, loopback only. Each weaker form allows the stronger ones. */
  readonly auth: 'mtls' | 'https' | 'http'
  /** SHA-256 of certificates, hex. */
  readonly certificates: readonly string[]
}

/** A service answered here: by an adapter in this process or an HTTP(S) service. */
export interface LocalService {
  readonly id: Identifier
  readonly adapter?: string
  readonly url?: string
  /** Path of its OpenAPI document below the URL. */
  readonly openapi?: string
  /** CA of an https service, PEM path. */
  readonly ca?: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly timeoutMs: number
  readonly bodyBytesMax: number
}

export interface LogConfig {
  /** Master key of the key store: 32 octets, mode 0600. */
  readonly masterKey: string
  /** Apart from the log's own directory and its backups; `<directory>/keys` when absent. */
  readonly keyStore: string | null
  readonly stampIntervalMs: number
  readonly stampRecordsMax: number
  readonly stampFailureLimitMs: number
  readonly queueMax: number
  /** `HH:MM`, UTC; null: only by command. */
  readonly eraseAt: string | null
  readonly clockLeadMaxMs: number
  /** `<directory>/archive` when absent. */
  readonly archive: string | null
  readonly archiveAfterDays: number
  /** `HH:MM`, UTC; null: only by command. */
  readonly archiveAt: string | null
  /** Null: only by command. */
  readonly renewDaysBefore: number | null
  /** Last days, ISO 8601. */
  readonly algorithmEnds: { readonly sha256: string | null; readonly sha512: string | null }
  /** UTC; null: never. */
  readonly reconcileHour: number | null
}

export interface Limits {
  readonly headBytesMax: number
  readonly bodyBytesMax: number
  readonly spoolAboveBytes: number
  readonly urlCharsMax: number
  readonly inFlightMax: number
  readonly inFlightPerClientMax: number
  readonly refusalsPerSecond: number
  readonly refusalsBurst: number
  readonly reconcilesPerSecond: number
  readonly reconcilesBurst: number
  readonly clockSkewMsMax: number
  readonly replayWindowMs: number
  readonly peerConnectionsMax: number
  readonly connectTimeoutMs: number
  readonly peerTimeoutMs: number
  readonly progressTimeoutMs: number
  readonly connectionsMax: number
  readonly strangersMax: number
  readonly headTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly bodyBytesPerSecondMin: number
  readonly bodyStallMsMax: number
  readonly replyStallMsMax: number
  readonly configurationWarnMs: number
  readonly revocationIntervalMs: number
  readonly revocationAgeMsMax: number
}

/**
 * @param file JSON; secrets appear in it only as paths, relative to the file
 * @throws {Error} naming every offending member at once
 */
export async function loadConfig(file: string): Promise<Config> {
  return readConfig(await readJson(file), file)
}

/** @param raw parsed JSON; changed in place by the defaults */
export function readConfig(raw: unknown, file: string): Config {
  check<Config>(raw, CONFIG_SCHEMA, file)
  const at = (path: string): string => resolve(dirname(file), path)
  const pair = <T extends KeyPair>(value: T): T => ({
    ...value,
    key: at(value.key),
    certificate: at(value.certificate),
  })
  const directory = at(raw.directory)
  return freeze({
    ...raw,
    directory,
    registry: { ...raw.registry, ca: at(raw.registry.ca), anchor: at(raw.registry.anchor) },
    seal: pair(raw.seal),
    consumer: pair(raw.consumer),
    provider: { ...pair(raw.provider), client: pair(raw.provider.client) },
    admin: pair(raw.admin),
    services: withPaths(raw.services, file),
    log: {
      ...raw.log,
      masterKey: at(raw.log.masterKey),
      keyStore: raw.log.keyStore === null ? resolve(directory, 'keys') : at(raw.log.keyStore),
      archive: raw.log.archive === null ? resolve(directory, 'archive') : at(raw.log.archive),
    },
  })
}

/** What a configuration says of the agency's own systems. */
export type LocalConfig = Pick<Config, 'clients' | 'services' | 'networksAllowed'>

/** The same of that part alone; the rest is not looked at. */
export function readLocalConfig(raw: unknown, file: string): LocalConfig {
  const { clients, services, networksAllowed } = CONFIG_SCHEMA.properties
  check<LocalConfig>(raw, { type: 'object', properties: { clients, services, networksAllowed } }, file)
  return { ...raw, services: withPaths(raw.services, file) }
}

/** @throws {Error} naming every offending member at once */
function check<T>(raw: unknown, schema: object, file: string): asserts raw is T {
  const ajv = new Ajv2020({ useDefaults: true, allErrors: true, strict: false })
  const validate = ajv.compile<T>(schema)
  if (!validate(raw)) throw new Error(`${file}: ${validate.errors?.map(mistakeOf).join('; ')}`)
}

function withPaths(services: readonly LocalService[], file: string): LocalService[] {
  return services.map((service) =>
    service.ca === undefined ? service : { ...service, ca: resolve(dirname(file), service.ca) },
  )
}

function mistakeOf({ instancePath, message, params }: ErrorObject): string {
  const named = params['additionalProperty'] ?? params['allowedValues']?.join(', ')
  return shown(`config${instancePath} ${message}${named === undefined ? '' : `: ${named}`}`)
}

/** Where the message log of a gateway lies; for who writes it and who only reads. */
export function logPlace({ directory, log }: Config): {
  readonly file: string
  readonly keyStore: string
  readonly masterKey: string
  readonly archive: string
  /** On the file system of the log, which takes large bodies over by a second name. */
  readonly spool: string
} {
  return {
    spool: join(directory, 'log', 'spool'),
    file: join(directory, 'log', 'log.sqlite'),
    keyStore: log.keyStore ?? join(directory, 'keys'),
    masterKey: log.masterKey,
    archive: log.archive ?? join(directory, 'archive'),
  }
}

function freeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freeze(member)
  return Object.freeze(value)
}
