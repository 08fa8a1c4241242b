/** Receipts of asynchronous messages: the same UUID gives the same receipt and no second effect. Domain section 0.1. */

import { hash } from 'node:crypto'
import type { Behoerde, Nachrichtenkopf, Quittung } from '../schemas/gemeinsam/payloads.ts'
import type { Caller, Clock } from './adapter.ts'
import { replyHead } from './message-head.ts'
import type { Refusal } from './refusal.ts'
import { refuse } from './refusal.ts'

/** What the local system keeps of a delivery. */
export interface Delivery {
  /** Who sent it and its UUID, lower case: one agency cannot use up another's UUID. */
  readonly key: string
  /** SHA-256 of the message without its head: a retry may carry a new time, never other content. */
  readonly digest: string
}

/** The receipt as the local system stored it at the first delivery. */
export interface StoredReceipt {
  readonly digest: string
  readonly uuid: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
}

export function deliveryOf({ kopf, ...content }: { readonly kopf: Nachrichtenkopf }, caller: Caller): Delivery {
  const [, , member] = caller.client.split('/')
  return {
    key: `${member}:${kopf.nachrichtenUUID.toLowerCase()}`,
    digest: hash('sha256', JSON.stringify(content), 'hex'),
  }
}

/** The receipt, or S100 when the UUID came before with other content. */
export function receiptOf(
  self: Behoerde,
  kopf: Nachrichtenkopf,
  delivery: Delivery,
  stored: StoredReceipt,
): Quittung | Refusal {
  if (stored.digest !== delivery.digest) return refuse(kopf, 'S100', { feldpfad: '/kopf/nachrichtenUUID' })
  return quittung(self, kopf, stored)
}

/** A test message is acknowledged as one and goes no further: it must not be processed. Domain section 0.1. */
export function testReceipt(self: Behoerde, kopf: Nachrichtenkopf, clock: Clock): Quittung | undefined {
  return kopf.test ? quittung(self, kopf, { uuid: clock.uuid(), at: clock.now() }) : undefined
}

function quittung(self: Behoerde, kopf: Nachrichtenkopf, { uuid, at }: Pick<StoredReceipt, 'uuid' | 'at'>): Quittung {
  return { kopf: replyHead(self, kopf, { typ: '0020', uuid, at }), ergebnis: 'angenommen' }
}
