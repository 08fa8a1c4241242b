/**
 * Does a global configuration hold together? Its schema, and what no schema can say: references, fingerprints, doubles.
 *
 * The registry refuses to publish what fails here and knows no other members than these; a gateway refuses to adopt what
 * fails here and overlooks members it does not know, so that a newer registry can speak to it.
 */

import { hash } from 'node:crypto'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Identifier } from '../protocol/identifiers.ts'
import { CODE, decodePart, encodePart, memberOf } from '../protocol/identifiers.ts'
import type { Configuration } from './configuration.ts'

/** Whether members that the schema does not name are errors. */
export type Strictness = 'closed' | 'open'

/** @throws {TypeError} naming everything that is wrong, by place */
export function checkConfiguration(value: unknown, strictness: Strictness): Configuration {
  const validate = validator(strictness)
  if (!validate(value)) {
    throw new TypeError(ajv.errorsText(validate.errors, { dataVar: 'configuration', separator: '; ' }))
  }
  const problems = [...inconsistencies(value)]
  if (problems.length > 0) throw new TypeError(problems.slice(0, PROBLEMS_MAX).join('; '))
  return value
}

const PROBLEMS_MAX = 20

const text = { type: 'string', minLength: 1, maxLength: 2000 } as const
const instant = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z$' } as const
const base64 = { type: 'string', pattern: '^[A-Za-z0-9+/]{16,16384}={0,2}$' } as const
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const
const http = { type: 'string', pattern: '^https?://[^\\s]+$', maxLength: 2000 } as const
const days = { type: 'integer', minimum: 0, maximum: 36_500 } as const
const method = { type: 'string', pattern: '^(\\*|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT|TRACE)$' } as const
const path = { type: 'string', maxLength: 2000 } as const
const list = <S>(items: S, minItems = 0) => ({ type: 'array', items, minItems, maxItems: 100_000 }) as const

function identifier(parts: number) {
  return { type: 'string', pattern: `^[^/]+(/[^/]+){${parts - 1}}$`, maxLength: 400 }
}

function record(required: object, optional: object = {}) {
  return { type: 'object', required: Object.keys(required), properties: { ...required, ...optional } }
}

const registered = { sha256, certificate: base64 }
const SCHEMA = record({
  instance: text,
  version: { type: 'integer', minimum: 1 },
  issued: instant,
  authorities: record({
    issuing: list(record({ certificate: base64, ocsp: http, crl: http }), 1),
    tsa: list(record({ url: http, certificate: base64, ca: base64, crl: http })),
  }),
  members: list(
    record(
      {
        id: identifier(3),
        name: text,
        seals: list(record(registered)),
        subsystems: list(record({ code: text, name: text })),
      },
      { dvdv: text },
    ),
  ),
  gateways: list(
    record({
      id: identifier(4),
      address: { type: 'string', pattern: '^https://[^/\\s]+$' },
      tls: list(record({ ...registered, use: { enum: ['server', 'client'] } })),
      subsystems: list(identifier(4)),
      logs: list(text),
    }),
  ),
  services: list(
    record(
      {
        id: identifier(5),
        title: text,
        type: { enum: ['REST', 'OPENAPI'] },
        endpoints: list(record({ method, path })),
      },
      {
        disabledNotice: text,
        bodyBytesMax: { type: 'integer', minimum: 0 },
        timeoutMs: { type: 'integer', minimum: 1 },
      },
    ),
  ),
  purposes: list(
    record(
      {
        code: text,
        title: text,
        legalBasis: text,
        dataCategories: list(text),
        bodyRetentionDays: days,
        recordRetentionDays: days,
        requires: list({ enum: ['issue', 'userId'] }),
      },
      { retentionBasis: text, maxStalenessS: { type: 'integer', minimum: 1 }, revocationSoftFail: { type: 'boolean' } },
    ),
  ),
  agreements: list(
    record(
      {
        id: text,
        client: { type: 'string', pattern: '^[^/]+(/[^/]+){2,3}$', maxLength: 400 },
        service: identifier(5),
        validFrom: instant,
        endpoints: list(record({ method, path, purposes: list(text) }), 1),
      },
      { validUntil: instant, idnr: { ...list({ enum: ['request', 'reply'] }, 1), uniqueItems: true } },
    ),
  ),
})

// A constant schema need not be checked against the meta-schema at every start.
const ajv = new Ajv2020({ allErrors: true, strict: true, meta: false, validateSchema: false })
const compiled: Partial<Record<Strictness, ValidateFunction<Configuration>>> = {}

function validator(strictness: Strictness): ValidateFunction<Configuration> {
  compiled[strictness] ??= ajv.compile<Configuration>(strictness === 'open' ? SCHEMA : closed(SCHEMA))
  return compiled[strictness]
}

function closed(schema: object): object {
  const copy = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, isObject(value) ? closed(value) : value]),
  )
  return copy['type'] === 'object' && 'properties' in copy ? { ...copy, additionalProperties: false } : copy
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Codes that name what the gateway does itself. */
const PURPOSES_BUILT_IN: ReadonlySet<string> = new Set(['refusal', 'none'])

function* inconsistencies(configuration: Configuration): Generator<string> {
  const { instance, members, gateways, services, purposes, agreements } = configuration
  const memberIds = new Set(members.map(({ id }) => id))
  const subsystemIds = new Set(members.flatMap(({ id, subsystems }) => subsystems.map(({ code }) => `${id}/${code}`)))
  const serviceIds = new Set(services.map(({ id }) => id))
  const purposeCodes = new Set(purposes.map(({ code }) => code))

  yield* doubles(
    'member',
    members.map(({ id }) => id),
  )
  yield* doubles(
    'subsystem',
    members.flatMap(({ id, subsystems }) => subsystems.map(({ code }) => `${id}/${code}`)),
  )
  yield* doubles(
    'gateway',
    gateways.map(({ id }) => id),
  )
  yield* doubles(
    'address',
    gateways.map(({ address }) => address),
  )
  yield* doubles(
    'log',
    gateways.flatMap(({ logs }) => logs),
  )
  yield* doubles(
    'service',
    services.map(({ id }) => id),
  )
  yield* doubles(
    'purpose',
    purposes.map(({ code }) => code),
  )
  yield* doubles(
    'agreement',
    agreements.map(({ id }) => id),
  )
  yield* certificateProblems(configuration)

  for (const id of [...memberIds, ...gateways.map(({ id }) => id)]) {
    if (!isIdentifier(id, instance, isPlain)) yield `${id} is not an identifier of ${instance}`
  }
  for (const id of [...subsystemIds, ...serviceIds]) {
    if (!isIdentifier(id, instance, isEncoded)) yield `${id} is not an identifier of ${instance}`
  }
  for (const { code } of purposes) {
    if (!PURPOSE_CODE.test(code) || PURPOSES_BUILT_IN.has(code)) yield `${code} cannot be the code of a purpose`
  }
  for (const { id, subsystems } of gateways) {
    if (!memberIds.has(memberOf(id))) yield `gateway ${id}: its member is not registered`
    for (const subsystem of subsystems) {
      if (!subsystemIds.has(subsystem)) yield `gateway ${id}: ${subsystem} is not registered`
    }
  }
  for (const id of serviceIds) {
    if (!subsystemIds.has(id.slice(0, id.lastIndexOf('/')))) yield `service ${id}: its subsystem is not registered`
  }
  for (const { id, client, service, validFrom, validUntil, endpoints } of agreements) {
    if (!AGREEMENT_ID.test(id)) yield `${id} cannot be the id of an agreement`
    if (!memberIds.has(client) && !subsystemIds.has(client)) yield `agreement ${id}: ${client} is not registered`
    if (!serviceIds.has(service)) yield `agreement ${id}: ${service} is not registered`
    if (validUntil !== undefined && Date.parse(validUntil) <= Date.parse(validFrom)) {
      yield `agreement ${id}: it ends before it begins`
    }
    for (const code of new Set(endpoints.flatMap(({ purposes }) => purposes))) {
      if (!purposeCodes.has(code)) yield `agreement ${id}: purpose ${code} is not registered`
    }
  }
}

/** In a header and in file names of evidence: no separators. */
const AGREEMENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const PURPOSE_CODE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Instance, class, member and gateway stand in certificates: their codes need no escape. */
function isIdentifier(id: Identifier, instance: string, isCode: (part: string) => boolean): boolean {
  const parts = id.split('/')
  return parts[0] === instance && parts.slice(1, 3).every(isPlain) && parts.slice(3).every(isCode)
}

function isPlain(part: string): boolean {
  return CODE.test(part) && part !== '.' && part !== '..'
}

/** PR-REST §4.2 and §4.8: letters of any alphabet, and `/`, which is legal and not recommended; escaped in one way only. */
function isEncoded(part: string): boolean {
  if (isPlain(part)) return true
  try {
    const code = decodePart(part)
    return CODE_DECODED.test(code) && encodePart(code) === part
  } catch {
    return false
  }
}

const CODE_DECODED = /^[\p{L}\p{N}'()+,\-.=/]{1,64}$/u

function* certificateProblems({ members, gateways }: Configuration): Generator<string> {
  const all = [
    ...members.flatMap(({ id, seals }) => seals.map((seal) => ({ ...seal, whose: `seal of ${id}` }))),
    ...gateways.flatMap(({ id, tls }) => tls.map((it) => ({ ...it, whose: `TLS ${it.use} of ${id}` }))),
  ]
  // A certificate speaks for one party in one role, or nobody could say who spoke.
  yield* doubles(
    'certificate',
    all.map(({ sha256 }) => sha256),
  )
  for (const { certificate, sha256, whose } of all) {
    if (hash('sha256', Buffer.from(certificate, 'base64'), 'hex') !== sha256) {
      yield `${whose}: the fingerprint is that of another certificate`
    }
  }
}

function* doubles(what: string, values: readonly string[]): Generator<string> {
  const seen = new Set<string>()
  for (const value of values) {
    if (seen.has(value)) yield `${what} ${value} is there twice`
    seen.add(value)
  }
}
