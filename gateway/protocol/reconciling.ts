/**
 * How two gateways compare their message logs: questions and answers, sealed statements of one JSON form each. Digests
 * only, of exchanges between the two: no content, and nothing about anybody else. Source: design of the evidence, section 4.
 */

import type { JSONSchemaType, ValidateFunction } from 'ajv/dist/2020.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { GatewayError } from '../errors.ts'
import type { Identifier } from './identifiers.ts'
import { JSON_LIMITS, JsonError, parseStrictJson } from './json.ts'

export const QUESTION = 'owl-reconcile+jws'
export const ANSWER = 'owl-reconciled+jws'

/** A question is small but for the heads it names; an answer is a page. */
export const QUESTION_BYTES_MAX = 128 * 1024
export const ANSWER_BYTES_MAX = 1024 * 1024
export const PAGE_MAX = 1000
export const HEADS_MAX = 500
export const HOUR_MS = 3_600_000
export const MINUTE_MS = 60_000
/** Longest time asked for at once. */
export const SPAN_MS_MAX = 31 * 24 * HOUR_MS

/**
 * `digests`: one for each stretch of `stepMs` in which there are exchanges. `exchanges`: each of them, by request id.
 * `heads`: what the other holds of the asker's log. `compare`: does the other know other heads than these? `leaves`:
 * are records with these leaves in its log, and were they erased?
 *
 * Times are milliseconds since the Unix epoch, as in the request ids, so that both sides divide alike.
 */
export type Ask =
  | { readonly what: 'digests'; readonly from: number; readonly to: number; readonly stepMs: number }
  | { readonly what: 'exchanges'; readonly from: number; readonly to: number; readonly after: string }
  | { readonly what: 'heads'; readonly log: string; readonly batch: number }
  | { readonly what: 'compare'; readonly heads: readonly HeadTuple[] }
  | { readonly what: 'leaves'; readonly leaves: readonly string[] }

/** log, batch, SHA-256 of the batch header in base64url */
export type HeadTuple = readonly [string, number, string]

/** In place of a digest: the log that is asked about is the answerer's own, and ends before this batch. */
export const NO_BATCH = 'A'.repeat(43)

/** One exchange as one side has it. Digests and leaves are base64url; empty where there is none. */
export interface ExchangeDigest {
  /** `x-road-request-id` */
  readonly id: string
  /** Of who says this. */
  readonly side: 'consumer' | 'provider'
  /** `messageDigest` of the request, and of the provider's reply or refusal. */
  readonly request: string
  readonly end: string
  /** Leaf of the provider's record of the request: its own, or as its receipt says. */
  readonly receipt: string
  readonly kind: 'reply' | 'refusal' | 'failure' | 'in-doubt' | 'open'
  /** Fault of a refusal or failure, or empty. */
  readonly code: string
  /** When request and end were recorded; 0: no end. */
  readonly at: number
  readonly endAt: number
}

export type Found =
  | {
      readonly what: 'digests'
      /** start, exchanges, digest */
      readonly digests: readonly (readonly [number, number, string])[]
      /** Complete up to here. */
      readonly to: number
    }
  | { readonly what: 'exchanges'; readonly exchanges: readonly ExchangeDigest[]; readonly next: string }
  | { readonly what: 'heads'; readonly heads: readonly HeadTuple[] }
  | { readonly what: 'compare'; readonly heads: readonly HeadTuple[] }
  | {
      readonly what: 'leaves'
      /** leaf, when it was erased; 0: it was not */
      readonly leaves: readonly (readonly [string, number])[]
    }

interface Stated {
  readonly v: 1
  readonly sender: Identifier
  readonly audience: Identifier
  /** ISO 8601, ms, UTC. */
  readonly issuedAt: string
  /** As in every head. */
  readonly logHead: string
}

export interface Question extends Stated {
  /** UUIDv7, used once. */
  readonly id: string
  readonly ask: Ask
}

export interface Answer extends Stated {
  /** SHA-256 of the question's octets, base64url. */
  readonly question: string
  readonly found: Found
}

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const
const digest = { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' } as const
const digestOrNone = { type: 'string', pattern: '^(?:[A-Za-z0-9_-]{43})?$' } as const
const requestId = {
  type: 'string',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
} as const
const requestIdOrNone = { type: 'string', pattern: `^$|${requestId.pattern}` } as const
const whole = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
/** Up to the year 9999. */
const time = { type: 'integer', minimum: 0, maximum: 253_402_300_799_999 } as const
const tuple = (...items: readonly object[]) => ({
  type: 'array',
  prefixItems: items,
  minItems: items.length,
  items: false,
})
const list = (items: object, maxItems: number) => ({ type: 'array', items, maxItems })
const object = (properties: Readonly<Record<string, object>>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})
const head = tuple(text(400), whole, digest)
const stated = {
  v: { const: 1 },
  sender: text(400),
  audience: text(400),
  issuedAt: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
  logHead: text(600),
}
const exchange = object({
  ...{ id: requestId, side: { enum: ['consumer', 'provider'] }, request: digest, end: digestOrNone },
  ...{ receipt: digestOrNone, kind: { enum: ['reply', 'refusal', 'failure', 'in-doubt', 'open'] } },
  ...{ code: { type: 'string', maxLength: 200 }, at: time, endAt: time },
})

const QUESTION_SCHEMA = object({
  ...stated,
  id: requestId,
  ask: {
    oneOf: [
      object({ what: { const: 'digests' }, from: time, to: time, stepMs: { enum: [HOUR_MS, MINUTE_MS] } }),
      object({ what: { const: 'exchanges' }, from: time, to: time, after: requestIdOrNone }),
      object({ what: { const: 'heads' }, log: text(400), batch: whole }),
      object({ what: { const: 'compare' }, heads: list(head, HEADS_MAX) }),
      object({ what: { const: 'leaves' }, leaves: list(digest, HEADS_MAX) }),
    ],
  },
})

const ANSWER_SCHEMA = object({
  ...stated,
  question: digest,
  found: {
    oneOf: [
      object({ what: { const: 'digests' }, digests: list(tuple(time, whole, digest), 10_000), to: time }),
      object({ what: { const: 'exchanges' }, exchanges: list(exchange, PAGE_MAX), next: requestIdOrNone }),
      object({ what: { const: 'heads' }, heads: list(head, HEADS_MAX) }),
      object({ what: { const: 'compare' }, heads: list(head, HEADS_MAX) }),
      object({ what: { const: 'leaves' }, leaves: list(tuple(digest, time), HEADS_MAX) }),
    ],
  },
})

/** Compiled when the first one is read. */
const compiled = new Map<object, ValidateFunction>()

function check<T>(schema: object, payload: Buffer): T {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    validate = new Ajv2020({ strict: true, strictTypes: false }).compile(schema as JSONSchemaType<unknown>)
    compiled.set(schema, validate)
  }
  const value = parse(payload)
  if (!validate(value)) throw malformed(`${validate.errors?.[0]?.instancePath || 'it'} is not as agreed`)
  return value as T
}

function parse(payload: Buffer): unknown {
  try {
    return parseStrictJson(payload, { ...JSON_LIMITS, depthMax: 8 })
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause
    throw malformed('it is not JSON')
  }
}

/** @throws {GatewayError} `InvalidMessage` */
export function parseQuestion(payload: Buffer): Question {
  const question = check<Question>(QUESTION_SCHEMA, payload)
  const { ask } = question
  if ('from' in ask && (ask.from >= ask.to || ask.to - ask.from > SPAN_MS_MAX))
    throw malformed('it asks for no time, or too long a one')
  if ('stepMs' in ask && (ask.from % ask.stepMs !== 0 || (ask.to - ask.from) / ask.stepMs > STEPS_MAX))
    throw malformed('it asks for too many digests, or uneven ones')
  return question
}

const STEPS_MAX = 10_000

/** @throws {GatewayError} `InvalidMessage`, also when it answers something else */
export function parseAnswer(payload: Buffer, ask: Ask): Answer {
  const answer = check<Answer>(ANSWER_SCHEMA, payload)
  if (answer.found.what !== ask.what) throw malformed('it answers another question')
  return answer
}

function malformed(reason: string): GatewayError {
  return new GatewayError('InvalidMessage', { reason })
}
