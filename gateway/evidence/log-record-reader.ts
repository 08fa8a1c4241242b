/** Reads `log-record.json` in the one form the log writes it. Design of the evidence, section 3. */

import { parseStrictJson } from '../protocol/json.ts'

export interface ObjectDigest {
  readonly name: string
  readonly sha256: Buffer
}

export interface ReadRecord {
  readonly log: string
  readonly epoch: number
  readonly seq: number
  /** Leaves, hex. */
  readonly prev: string | null
  readonly request: string | null
  /** Request id; null in records of the log's own. */
  readonly id: string | null
  readonly kind: string
  readonly direction: 'in' | 'out' | null
  readonly side: 'consumer' | 'provider' | null
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly outcome: string | null
  readonly objects: readonly ObjectDigest[]
  readonly basis: Basis | undefined
}

/** What of the basis a verifier compares; other members are for people. */
export interface Basis {
  readonly config: { readonly version: number; readonly sha256: string } | undefined
  readonly agreement: { readonly id: string; readonly sha256: string } | undefined
  readonly purpose: string | undefined
  /** Fingerprint of the certificate that signed, hex. */
  readonly seal: string | undefined
  readonly revocation: readonly { readonly cert: string; readonly sha256: string | null }[]
}

export class RecordFormError extends Error {
  override readonly name = 'RecordFormError'
}

export const LOG_RECORD_BYTES_MAX = 1024 * 1024
const OBJECTS_MAX = 32
/** Names are remembered for many records. */
const LOG_CHARS_MAX = 512
const LIMITS = { depthMax: 8, membersMax: 1000, stringBytesMax: 16 * 1024 }
const MEMBERS = 'v log epoch seq prev salt id kind direction side at outcome request objects basis'
/** Of containers made before the form was final. */
const DRAFT_MEMBERS = 'v log seq prev mid dir at objects'
const HEX = /^[0-9a-f]{64}$/
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const OBJECT_NAME = /^[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*$/

/** @throws {RecordFormError} */
export function readLogRecord(octets: Buffer, isDraft: boolean): ReadRecord {
  if (octets.length > LOG_RECORD_BYTES_MAX) throw new RecordFormError('It is too large')
  let value: unknown
  try {
    value = parseStrictJson(octets, LIMITS)
  } catch (cause) {
    throw new RecordFormError('It is no strict JSON', { cause })
  }
  const members = record(value)
  const names = Object.keys(members).join(' ')
  if (names !== MEMBERS && !(isDraft && names === DRAFT_MEMBERS)) throw new RecordFormError('It has other members')
  const { v, log, epoch, seq, prev, salt, id, kind, direction, side, at, outcome, request, objects, basis } = members
  const old = names === DRAFT_MEMBERS
  demand(
    v === 1 && isText(log) && log.length <= LOG_CHARS_MAX && isNumber(seq) && isLeafOrNull(prev),
    'Its place is not as agreed',
  )
  demand(isText(at) && INSTANT.test(at) && isInstant(at), 'Its time is not as agreed')
  if (!old) {
    demand(isNumber(epoch) && HEX.test(String(salt)) && isLeafOrNull(request), 'Its place is not as agreed')
    demand(isTextOrNull(id) && isText(kind) && isTextOrNull(outcome), 'Its kind or outcome is not as agreed')
    demand(direction === null || direction === 'in' || direction === 'out', 'Its direction is not as agreed')
    demand(side === null || side === 'consumer' || side === 'provider', 'Its side is not as agreed')
  }
  return {
    log: log as string,
    epoch: old ? 1 : (epoch as number),
    seq: seq as number,
    prev: prev as string | null,
    request: old ? null : (request as string | null),
    id: (old ? members['mid'] : id) as string | null,
    kind: old ? 'message' : (kind as string),
    direction: (old ? members['dir'] : direction) as 'in' | 'out' | null,
    side: old ? null : (side as ReadRecord['side']),
    at: Date.parse(at as string),
    outcome: old ? null : (outcome as string | null),
    objects: readObjects(objects),
    basis: old || basis === null ? undefined : readBasis(record(basis)),
  }
}

function readObjects(value: unknown): ObjectDigest[] {
  demand(Array.isArray(value) && value.length > 0 && value.length <= OBJECTS_MAX, 'Its objects are not as agreed')
  const names = new Set<string>()
  return value.map((each) => {
    const { name, sha256, ...others } = record(each)
    const fits = isText(name) && OBJECT_NAME.test(name) && !names.has(name) && HEX.test(String(sha256))
    demand(fits && Object.keys(others).length === 0, 'An object is not as agreed, or there twice')
    names.add(name)
    return { name, sha256: Buffer.from(String(sha256), 'hex') }
  })
}

function readBasis({ config, agreement, purpose, seal, revocation }: Record<string, unknown>): Basis {
  const named = config === undefined ? undefined : record(config)
  const agreed = agreement === undefined || agreement === null ? undefined : record(agreement)
  return {
    config: named && { version: Number(named['version']), sha256: String(named['sha256']) },
    agreement: agreed && { id: String(agreed['id']), sha256: String(agreed['sha256']) },
    purpose: isText(purpose) ? purpose : undefined,
    seal: isText(seal) ? seal : undefined,
    revocation: (Array.isArray(revocation) ? revocation : []).map((each) => {
      const { cert, sha256 } = record(each)
      return { cert: String(cert), sha256: isText(sha256) ? sha256 : null }
    }),
  }
}

function record(value: unknown): Record<string, unknown> {
  demand(typeof value === 'object' && value !== null && !Array.isArray(value), 'A member is no object')
  return value as Record<string, unknown>
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** A day that the calendar has: others are read as one of the next month. */
function isInstant(text: string): boolean {
  const at = Date.parse(text)
  return !Number.isNaN(at) && new Date(at).toISOString() === text
}

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value)
}

function isLeafOrNull(value: unknown): boolean {
  return value === null || (typeof value === 'string' && HEX.test(value))
}

function isNumber(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RecordFormError(message)
}
