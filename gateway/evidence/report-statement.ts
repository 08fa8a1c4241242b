/**
 * `report.json`: what the report on an exchange says that no evidence shows: by what it was made and when, and what of the
 * exchange was erased. The recording agency states it, and nothing proves it; the page says so.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseStrictJson } from '../protocol/json.ts'

export const STATEMENT_NAME = 'report.json'
export const STATEMENT_BYTES_MAX = 1024 * 1024

/** Of owl-gateway. A page is compared only with what the same version makes. */
export const PRODUCT_VERSION = (
  JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
    readonly version: string
  }
).version

export interface ReportStatement {
  /** `PRODUCT_VERSION` of who made the page. */
  readonly version: string
  /** Milliseconds since the Unix epoch. */
  readonly madeAt: number
  readonly requestId: string
  /** `gateway/node` */
  readonly log: string
  /** Ascending by `seq`. */
  readonly erasures: readonly StatedErasure[]
}

export interface StatedErasure {
  readonly seq: number
  /** Of a whole record nothing is left but its number and its hash. */
  readonly what: 'record' | 'body'
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly by: 'retention' | 'order'
  /** The rule of retention, or the reason of the order, as it is on record. */
  readonly reason: string
  /** Number of the record that says so. */
  readonly decision: number
}

export function formatStatement({ version, madeAt, requestId, log, erasures }: ReportStatement): Buffer {
  const members = {
    ...{ v: 1, product: 'owl-gateway', version, madeAt: instantOf(madeAt), requestId, log },
    erasures: erasures.map(({ seq, what, at, by, reason, decision }) => ({
      ...{ seq, what, at: instantOf(at), by, reason, decision },
    })),
  }
  return Buffer.from(`${JSON.stringify(members, undefined, 2)}\n`)
}

/**
 * In the one form in which it is written: it holds nothing that the page does not say.
 *
 * @throws {TypeError} when it has another form @throws {JsonError} when it is no JSON
 */
export function readStatement(octets: Buffer): ReportStatement {
  const { version, madeAt, requestId, log, erasures } = parseStrictJson(octets) as Record<string, unknown>
  const statement: ReportStatement = {
    ...{ version: String(version), madeAt: Date.parse(String(madeAt)), requestId: String(requestId), log: String(log) },
    erasures: (Array.isArray(erasures) ? (erasures as Record<string, unknown>[]) : []).map(readErasure),
  }
  if (Number.isNaN(statement.madeAt) || !formatStatement(statement).equals(octets)) throw otherForm()
  return statement
}

function readErasure({ seq, what, at, by, reason, decision }: Record<string, unknown>): StatedErasure {
  const isKnown = (what === 'record' || what === 'body') && (by === 'retention' || by === 'order')
  const time = Date.parse(String(at))
  if (!isKnown || Number.isNaN(time)) throw otherForm()
  return { seq: Number(seq), what, at: time, by, reason: String(reason), decision: Number(decision) }
}

function instantOf(at: number): string {
  return new Date(at).toISOString()
}

function otherForm(): TypeError {
  return new TypeError('The statement has another form')
}
