/** The gateway's configuration: one JSON file, checked whole, frozen, then passed by value. */

import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Identifier } from './protocol/identifiers.ts'

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
  readonly clockSkewMsMax: number
  readonly replayWindowMs: number
  readonly peerConnectionsMax: number
  readonly connectTimeoutMs: number
  readonly peerTimeoutMs: number
  readonly progressTimeoutMs: number
  readonly configurationWarnMs: number
  readonly revocationIntervalMs: number
  readonly revocationAgeMsMax: number
}

const path = (description: string) => ({ type: 'string', minLength: 1, description }) as const
const integer = (minimum: number, value: number, description: string) =>
  ({ type: 'integer', minimum, default: value, description }) as const
const host = { type: 'string', default: '127.0.0.1', description: 'Address to listen on' } as const
const port = { type: 'integer', minimum: 0, maximum: 65535, default: 0, description: 'Port; 0: any free one' } as const
const key = path('Private key, PKCS#8 PEM, mode 0600')
const certificate = path('Certificate, PEM, its issuing CA behind it where peers need it')
const identifier = { type: 'string', pattern: '^[^/]+(/[^/]+){3,4}$' } as const
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a certificate, hex' } as const
const object = <P extends object>(required: readonly string[], properties: P, description: string) =>
  ({ type: 'object', additionalProperties: false, required, properties, description }) as const
const optional = <P extends object>(properties: P, description: string) =>
  ({ type: 'object', additionalProperties: false, default: {}, properties, description }) as const

/** JSON Schema of the file; the README's table is checked against it. */
export const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:owl:gateway:configuration:1',
  ...object(
    ['gateway', 'directory', 'registry', 'seal', 'consumer', 'provider', 'admin', 'log'],
    {
      $schema: { type: 'string', description: 'For editors' },
      gateway: { ...identifier, description: 'INSTANCE/CLASS/MEMBER/SERVERCODE' },
      directory: path('State: configuration copies, revocation answers, message log, spool'),
      registry: object(
        ['url', 'ca', 'anchor', 'anchorSha256'],
        {
          url: { type: 'string', pattern: '^https://', description: 'The lead municipality’s registry' },
          ca: path('CA certificate of the registry’s TLS server, PEM'),
          anchor: path('Public JWK of the key that signs the global configuration'),
          anchorSha256: { type: 'string', description: 'Its RFC 7638 thumbprint, base64url, compared out of band' },
          pollIntervalMs: integer(100, 10_000, 'How often to ask for news'),
        },
        'Where the global configuration comes from',
      ),
      seal: object(['key', 'certificate'], { key, certificate }, 'Seal key and certificate of the member'),
      consumer: object(
        ['key', 'certificate'],
        {
          host,
          port,
          key,
          certificate,
          httpPort: {
            type: ['integer', 'null'],
            minimum: 0,
            maximum: 65535,
            default: null,
            description: 'Plain HTTP on loopback; null: none',
          },
        },
        'Port that local systems call',
      ),
      provider: object(
        ['key', 'certificate', 'client'],
        {
          host,
          port,
          key,
          certificate,
          client: object(['key', 'certificate'], { key, certificate }, 'What this gateway shows when it calls another'),
        },
        'Port that other gateways call',
      ),
      admin: object(
        ['key', 'certificate'],
        {
          host,
          port,
          key,
          certificate,
          operators: { type: 'array', items: sha256, default: [], description: 'Operator certificates' },
        },
        'Port for operators: audit, health, metrics',
      ),
      clients: {
        type: 'array',
        default: [],
        description: 'Subsystems whose local systems may call, and how they prove it',
        items: object(
          ['id', 'auth'],
          {
            id: { ...identifier, description: 'Subsystem' },
            auth: {
              enum: ['mtls', 'https', 'http'],
              description: 'mtls: a listed certificate; https: any TLS; http: plain HTTP on loopback',
            },
            certificates: { type: 'array', items: sha256, default: [], description: 'Accepted with mtls' },
          },
          'One subsystem',
        ),
      },
      services: {
        type: 'array',
        default: [],
        description: 'Services answered here',
        items: {
          ...object(
            ['id'],
            {
              id: { ...identifier, description: 'Five parts, as registered' },
              adapter: path('Name of an adapter, e.g. bielefeld/melderegister/vams'),
              url: { type: 'string', pattern: '^https?://', description: 'Or the base URL of an HTTP service' },
              openapi: path('Path of its OpenAPI document (JSON) below the URL, for getOpenAPI'),
              ca: path('CA certificate of an https service, PEM'),
              options: { type: 'object', description: 'Handed to the adapter' },
              timeoutMs: integer(1, 60_000, 'How long the local system may take'),
              bodyBytesMax: integer(0, 10 * 1024 * 1024, 'Largest request or reply body'),
            },
            'One service',
          ),
          oneOf: [{ required: ['adapter'] }, { required: ['url'] }],
        },
      },
      networksAllowed: {
        type: 'array',
        default: [],
        items: { type: 'string' },
        description: 'CIDR blocks in which services may be; empty: none by URL',
      },
      log: object(
        ['masterKey'],
        {
          masterKey: path('32 octets, mode 0600'),
          keyStore: {
            type: ['string', 'null'],
            default: null,
            description: 'Directory of wrapped keys, apart from the log and its backups; null: <directory>/keys',
          },
          stampIntervalMs: integer(100, 60_000, 'A batch is closed and time-stamped this often'),
          stampRecordsMax: integer(1, 10_000, 'or when it holds this many records'),
          stampFailureLimitMs: integer(1000, 4 * 3600_000, 'Without a time-stamp for this long, requests are refused'),
          queueMax: integer(1, 10_000, 'Records waiting for the disk'),
        },
        'Message log',
      ),
      limits: optional(
        {
          headBytesMax: integer(1024, 32 * 1024, 'Head of a message'),
          bodyBytesMax: integer(
            0,
            10 * 1024 * 1024,
            'Body that a local system may send or get, where the service says nothing else',
          ),
          spoolAboveBytes: integer(0, 1024 * 1024, 'Larger bodies go to disk'),
          urlCharsMax: integer(100, 2000, 'Request target'),
          inFlightMax: integer(1, 1000, 'Exchanges under way'),
          inFlightPerClientMax: integer(1, 250, 'Exchanges under way per client'),
          refusalsPerSecond: integer(1, 20, 'Signed refusals per peer and second'),
          refusalsBurst: integer(1, 100, 'and at once'),
          clockSkewMsMax: integer(1000, 60_000, 'Difference of owl-issued-at to our clock'),
          replayWindowMs: integer(60_000, 24 * 3600_000, 'How long a request id stays taken'),
          peerConnectionsMax: integer(1, 64, 'Connections to one gateway'),
          connectTimeoutMs: integer(1, 5000, 'To another gateway or a service'),
          peerTimeoutMs: integer(1, 90_000, 'Until another gateway begins to answer'),
          progressTimeoutMs: integer(1, 15_000, 'Between two octets of a body'),
          configurationWarnMs: integer(1000, 600_000, 'Without news from the registry'),
          revocationIntervalMs: integer(1000, 300_000, 'Between two questions for one certificate'),
          revocationAgeMsMax: integer(1000, 3600_000, 'Oldest answer that counts as fresh'),
        },
        'Limits',
      ),
    },
    'Configuration of an owl-gateway',
  ),
} as const

/**
 * @param file JSON; secrets appear in it only as paths, relative to the file
 * @throws {Error} naming every offending member at once
 */
export async function loadConfig(file: string): Promise<Config> {
  return readConfig(JSON.parse(await readFile(file, 'utf8')), file)
}

/** @param raw parsed JSON; changed in place by the defaults */
export function readConfig(raw: unknown, file: string): Config {
  const ajv = new Ajv2020({ useDefaults: true, allErrors: true, strict: false })
  const validate = ajv.compile<Config>(CONFIG_SCHEMA)
  if (!validate(raw)) {
    throw new Error(`${file}: ${ajv.errorsText(validate.errors, { dataVar: 'config', separator: '; ' })}`)
  }
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
    services: raw.services.map((service) => (service.ca === undefined ? service : { ...service, ca: at(service.ca) })),
    log: {
      ...raw.log,
      masterKey: at(raw.log.masterKey),
      keyStore: raw.log.keyStore === null ? resolve(directory, 'keys') : at(raw.log.keyStore),
    },
  })
}

function freeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freeze(member)
  return Object.freeze(value)
}
