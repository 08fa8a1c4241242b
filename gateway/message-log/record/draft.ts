/** A record before it has its place: its columns, its contents and what it is made of. */

import type { Columns, Entry } from './entry.ts'
import type { NamedDigest } from './log-record.ts'
import { CONFIGURATION_NAME, EVENT_NAME } from './log-record.ts'

/** Of a record that is about no message. */
export const NO_MESSAGE = {
  ...{ side: null, direction: null, requestId: null, xRoadId: null, client: null, service: null, method: null },
  ...{ purpose: null, code: null, stage: null, sender: null, ends: null, bodyUntil: null, recordUntil: null },
}

/** The columns of `content` besides `record`. */
export interface Content {
  readonly basis: number | null
  readonly signature: string | null
  readonly etsiU: number | null
  readonly extension: string | null
  readonly share: Buffer | null
  /** Of a body that is kept: one of its own, so that it can be erased and the head stay. */
  readonly bodyShare: Buffer | null
  readonly bodyKey: Buffer | null
  readonly head: Buffer | null
  readonly body: Buffer | null
}

/** Of a record that is about no message, with its body or head. */
export const UNSEALED = {
  ...{ basis: null, signature: null, etsiU: null, extension: null, share: null, bodyShare: null, bodyKey: null },
  ...{ head: null, body: null },
}

export interface Draft {
  readonly columns: Columns
  /** Every object of the group but `log-record.json`. */
  readonly objects: readonly NamedDigest[]
  readonly content: Content
  readonly request: Buffer | null
  /** JSON text. */
  readonly basis: string | null
}

/** The one object of a record that is about no message. */
const OWN_NAMES = { configuration: CONFIGURATION_NAME, access: EVENT_NAME } as const

/** Of an entry that is about no message. */
export function ownDraft(entry: Entry, kind: keyof typeof OWN_NAMES): Draft {
  const { body, bodySha256 } = entry
  return {
    columns: entry,
    objects: [{ name: OWN_NAMES[kind], sha256: (bodySha256 as Buffer).toString('hex') }],
    content: { ...UNSEALED, body },
    request: null,
    basis: null,
  }
}
