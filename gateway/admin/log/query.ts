/** What may be asked of the message log, as it comes in a query string: every value checked, none coerced or ignored. */

import { GatewayError } from '../../errors.ts'
import type { LogQuery, Outcome } from '../../message-log/message-log.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import { formatIdentifier, parseIdentifier } from '../../protocol/identifiers.ts'
import { parseInstant } from '../../protocol/instant.ts'

export const LIMIT_MAX = 1000
export const OUTCOMES: readonly Outcome[] = [
  'request',
  'reply',
  'refusal',
  'failure',
  'in-doubt',
  'configuration',
  'batch',
  'erasure',
  'hold',
  'release',
  'access',
]

/** Name → what its text becomes; undefined when it is none. */
const PARAMETERS: { readonly [Name in keyof LogQuery]-?: (text: string) => LogQuery[Name] } = {
  from: parseInstant,
  to: parseInstant,
  client: (text) => identifier(text, 3, 4),
  service: (text) => identifier(text, 5, 5),
  purpose: (text) => (/^[A-Za-z0-9_.-]{1,64}$/.test(text) ? text : undefined),
  requestId: (text) => (REQUEST_ID.test(text) ? text : undefined),
  outcome: (text) => OUTCOMES.find((outcome) => outcome === text),
  limit: (text) => wholeNumber(text, 1, LIMIT_MAX),
  after: (text) => wholeNumber(text, 1, Number.MAX_SAFE_INTEGER),
}

const FORMS: Readonly<Record<keyof LogQuery, string>> = {
  from: 'a time such as 2026-03-01T08:00:00Z',
  to: 'a time such as 2026-03-01T08:00:00Z',
  client: 'an identifier of three or four parts, INSTANCE/CLASS/MEMBER/SUBSYSTEM',
  service: 'an identifier of five parts, INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE',
  purpose: 'the code of a purpose',
  requestId: 'a request id',
  outcome: `one of ${OUTCOMES.join(', ')}`,
  limit: `a whole number from 1 to ${LIMIT_MAX}`,
  after: 'the number of a record',
}

const REQUEST_ID = /^[A-Za-z0-9._~-]{1,128}$/

/** @throws {GatewayError} `BadRequest`, naming the parameter and the form it must have, never its value */
export function parseLogQuery(query: Readonly<Record<string, unknown>>): LogQuery {
  const parsed: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(query)) {
    if (!Object.hasOwn(PARAMETERS, name)) throw bad(`the query takes ${Object.keys(PARAMETERS).join(', ')}`)
    const known = name as keyof LogQuery
    if (typeof text !== 'string') throw bad(`${known} may be given once`)
    const value = PARAMETERS[known](text)
    if (value === undefined) throw bad(`${known} is ${FORMS[known]}`)
    parsed[known] = value
  }
  return parsed
}

/** @throws {GatewayError} `BadRequest` */
export function parseSeq(text: string): number {
  const seq = wholeNumber(text, 1, Number.MAX_SAFE_INTEGER)
  if (seq === undefined) throw bad('a record is named by its number')
  return seq
}

/** @throws {GatewayError} `BadRequest` */
export function parseRequestId(text: string): string {
  if (!REQUEST_ID.test(text)) throw bad('an exchange is named by its request id')
  return text
}

function bad(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}

function wholeNumber(text: string, min: number, max: number): number | undefined {
  if (!/^[1-9]\d{0,15}$/.test(text)) return undefined
  const value = Number(text)
  return value >= min && value <= max ? value : undefined
}

function identifier(text: string, partsMin: number, partsMax: number): Identifier | undefined {
  try {
    const parts = parseIdentifier(text)
    return parts.length >= partsMin && parts.length <= partsMax ? formatIdentifier(parts) : undefined
  } catch {
    return undefined
  }
}
