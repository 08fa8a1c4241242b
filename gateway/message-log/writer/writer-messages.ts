/** What the gateway's thread and the writer's say to each other: an answer to each command, in the order of the commands. */

import type { ArchiveOutcome, ArchiveWork } from '../archiving/terms.ts'
import type { Decided, Request, RetentionRules, Step } from '../erasure/terms.ts'
import type { Group } from '../record/entry.ts'
import type { NewHeads } from '../record/heads.ts'
import type { LogPlace } from '../record/log-place.ts'
import type { Known, NamedBatch, RecordedConfiguration, StampedBatch, WriterState } from '../record/log-state.ts'
import type { LogOpenFlaw } from '../record/open-error.ts'

export interface WriterData {
  readonly place: LogPlace
  readonly at: number
  readonly replayWindowMs: number
  /** A log that must not be written is opened all the same, closed: it says why. */
  readonly standsBy: boolean
}

/** The clock is the gateway's: `at` is milliseconds since the Unix epoch. */
export type Command = { readonly at: number } & (
  | {
      readonly do: 'commit'
      readonly group: Group
      /** Texts that the group names and the writer does not know yet: number and text. */
      readonly texts: readonly (readonly [number, string])[]
      /** The numbers known so far mean nothing any more. */
      readonly forget: boolean
      /** Requests whose end the gateway could not hand over. */
      readonly lost: readonly number[]
    }
  | { readonly do: 'batch' }
  | ({ readonly do: 'token' } & StampedBatch)
  | { readonly do: 'heads'; readonly heard: NewHeads }
  | { readonly do: 'decide'; readonly request: Request }
  /** `dueAt`: dates before it have passed. */
  | { readonly do: 'erase'; readonly rules: RetentionRules | null; readonly dueAt: number }
  | { readonly do: 'archive'; readonly work: ArchiveWork }
  /** Are its files still those that were opened? */
  | { readonly do: 'look' }
  | { readonly do: 'recover'; readonly lost: readonly number[] }
  | { readonly do: 'close' }
)

/** Why an entry has no place, in the position of its seq. */
export const NOT_WRITTEN = 0
export const CODES = { replayed: -1, ended: -2, unreadable: -3 } as const

export type Answer =
  | {
      readonly did: 'open'
      readonly state: WriterState
      /** `gateway/node/epoch` */
      readonly id: string
      readonly known: Known
      readonly configuration: RecordedConfiguration | null
    }
  | { readonly did: 'refuse'; readonly flaw: LogOpenFlaw; readonly message: string; readonly reason: string }
  | { readonly did: 'close' }
  | ({ readonly state: WriterState; readonly problem?: string; readonly known?: Known } & (
      | {
          readonly did: 'commit'
          /** seq by entry, or why there is none. */
          readonly seqs: readonly number[]
          /** 32 octets by entry. */
          readonly leaves: Uint8Array
        }
      | { readonly did: 'batch'; readonly batch: NamedBatch | null }
      | { readonly did: 'token'; readonly isStored: boolean }
      | { readonly did: 'decide'; readonly decided: Decided | null }
      | { readonly did: 'erase'; readonly step: Step | null }
      | { readonly did: 'heads'; readonly isStored: boolean }
      /** `ms`: what the writer needed for it. */
      | { readonly did: 'archive'; readonly outcome: ArchiveOutcome | null; readonly ms: number }
      | { readonly did: 'recover' }
      | { readonly did: 'look' }
    ))
