/** What every answer of a gateway that failed or refused has in common. Contract §2.5. */

import type { Test } from 'tap'
import type { Exchange } from '../rig.ts'
import type { Response } from '../wire.ts'

export interface Fault {
  readonly type: string
  readonly message: string
  readonly detail: string
  readonly stage: string
  readonly side: string
  readonly retryable: boolean
  readonly help: string
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const SIDES = ['consumer-system', 'consumer-gateway', 'network', 'provider-gateway', 'provider-system']

/** Is this a fault of that type in every respect? One assertion, so that a table of a hundred stays readable. */
export function isFault(t: Test, response: Response, type: string, about = ''): Fault {
  const fault = response.json() as Fault
  t.match(
    {
      status: response.status,
      error: response.header('x-road-error'),
      contentType: response.header('content-type'),
      requestId: response.header('x-road-request-id'),
      ...fault,
    },
    {
      status: type.startsWith('Client.') ? 400 : 500,
      error: type,
      contentType: 'application/json; charset=utf-8',
      requestId: UUID,
      type,
      message: /^[A-Z][^<>{}]+$/,
      detail: response.header('x-road-request-id'),
      stage: /^[a-z]+$/,
      side: new RegExp(`^(?:${SIDES.join('|')})$`),
      retryable: Boolean,
      help: /^\/help\/errors(?:\/[A-Z][A-Za-z.]+)?$/,
    },
    `${about} ${type}`.trim(),
  )
  return fault
}

/** The same, and the service was not asked. */
export function isRefused(t: Test, { response, seen }: Exchange, type: string, about = ''): Fault {
  t.equal(seen, undefined, `${about} nothing is delivered`.trim())
  return isFault(t, response, type, about)
}
