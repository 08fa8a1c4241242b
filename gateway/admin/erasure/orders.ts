/** Orders to erase, hold and release as they come in from outside: every member checked, and what is said when refused. */

import { GatewayError } from '../../errors.ts'
import type { Refusal, Selection } from '../../message-log/erasure/terms.ts'
import type { What } from '../../message-log/record/erasure-event.ts'
import { findIdnr } from '../../protocol/idnr.ts'
import { parseRequestId, parseSeq } from '../log/query.ts'

/** `due`: whatever has passed its date. */
export type Order =
  | { readonly event: 'erasure'; readonly what: What; readonly reason: string; readonly records: Selection }
  | { readonly event: 'hold' | 'release'; readonly reason: string; readonly records: Selection }
  | { readonly event: 'due' }

const REASON_CHARS_MAX = 500
/** What is not seen, or makes the rest look like something else. */
const UNSEEN = /\p{Cc}|\p{Bidi_Control}|\p{Noncharacter_Code_Point}|\p{Cs}/u
const MEMBERS = {
  erasure: ['seq', 'exchange', 'what', 'reason', 'due'],
  hold: ['seq', 'exchange', 'reason'],
  release: ['seq', 'exchange', 'reason'],
} as const

/** @param given parsed JSON @throws {GatewayError} `BadRequest`, naming the member and its form, never its value */
export function parseOrder(event: keyof typeof MEMBERS, given: unknown): Order {
  const members: readonly string[] = MEMBERS[event]
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw bad('the body is a JSON object')
  for (const name of Object.keys(given)) if (!members.includes(name)) throw bad(`it takes ${members.join(', ')}`)
  const { seq, exchange, what, reason, due } = given as Readonly<Record<string, unknown>>
  if (due !== undefined) {
    if (due !== true || Object.keys(given).length > 1) throw bad('due is true, and alone')
    return { event: 'due' }
  }
  const records = selectionOf(seq, exchange)
  const text = reasonOf(reason)
  if (event !== 'erasure') return { event, reason: text, records }
  if (what !== 'body' && what !== 'record') throw bad('what is body or record')
  return { event, what, reason: text, records }
}

function selectionOf(seq: unknown, exchange: unknown): Selection {
  if ((seq === undefined) === (exchange === undefined)) throw bad('either seq or exchange names what is meant')
  if (exchange === undefined) {
    if (typeof seq !== 'string' && typeof seq !== 'number') throw bad('a record is named by its number')
    return { seq: parseSeq(String(seq)) }
  }
  if (typeof exchange !== 'string') throw bad('an exchange is named by its request id')
  return { exchange: parseRequestId(exchange) }
}

function reasonOf(reason: unknown): string {
  const text = typeof reason === 'string' ? reason.trim() : ''
  // It stays in the log, in the clear, longer than what is erased, and others read it.
  const isPlain = text !== '' && text.length <= REASON_CHARS_MAX && !UNSEEN.test(text)
  if (!isPlain || findIdnr(Buffer.from(text)) === 'issued') {
    throw bad(`reason is a text of at most ${REASON_CHARS_MAX} characters, without personal data`)
  }
  return text
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  none: 'there is no such record or exchange',
  own: 'it is a record of the log itself, which stays',
  erased: 'it is erased already',
  'no-body': 'there is no body, or it is erased already',
  held: 'it is held: release it first',
  'not-held': 'it is not held',
  open: 'its exchange is under way',
  fresh: 'its request id still guards against replay; its body can be erased now',
  unbatched: 'it is in no batch yet; try again',
}

export function refusalText({ refused, of }: { readonly refused: Refusal; readonly of: number | null }): string {
  return of === null ? REFUSALS[refused] : `record ${of}: ${REFUSALS[refused]}`
}

function bad(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}
