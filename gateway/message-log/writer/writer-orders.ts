/** What the writer is told besides records to write: each goes before whatever waits, and says whether it was done. */

import type { ArchiveWork } from '../archiving/terms.ts'
import type { Request, RetentionRules } from '../erasure/terms.ts'
import type { NewHeads } from '../record/heads.ts'
import type { StampedBatch } from '../record/log-state.ts'
import type { Answer, Command } from './writer-messages.ts'

export type AnswerTo<Did extends Answer['did']> = Extract<Answer, { readonly did: Did }>
export type Ordered = Exclude<Command['do'], 'commit' | 'recover' | 'look' | 'close'>
type CommandOf<Do extends Ordered> = Extract<Command, { readonly do: Do }>

/** All reject with a {@link GatewayError} `LoggingFailed` when the log did not take it. */
export interface WriterOrders {
  closeBatch(): Promise<AnswerTo<'batch'>>
  storeToken(batch: StampedBatch): Promise<void>
  /** Heads of partners, their quarrels and their trust. */
  storeHeads(heard: NewHeads): Promise<void>
  decide(request: Request): Promise<AnswerTo<'decide'>>
  /** One step. */
  erase(rules: RetentionRules | null, dueAt: number): Promise<AnswerTo<'erase'>>
  /** One step. */
  archive(work: ArchiveWork): Promise<AnswerTo<'archive'>>
}

/** @param order the command is made when it is its turn */
export function writerOrders(
  order: <Do extends Ordered>(
    command: () => CommandOf<Do>,
    isDone: (answer: AnswerTo<Do>) => boolean,
  ) => Promise<AnswerTo<Do>>,
  now: () => number,
): WriterOrders {
  return {
    closeBatch: () =>
      order<'batch'>(
        () => ({ do: 'batch', at: now() }),
        ({ batch, problem }) => batch !== null || problem === undefined,
      ),
    async storeToken(batch) {
      const stored = ({ isStored }: AnswerTo<'token'>): boolean => isStored
      await order<'token'>(() => ({ do: 'token', at: now(), ...batch }), stored)
    },
    async storeHeads(heard) {
      const stored = ({ isStored }: AnswerTo<'heads'>): boolean => isStored
      await order<'heads'>(() => ({ do: 'heads', at: now(), heard }), stored)
    },
    decide(request) {
      const done = ({ decided }: AnswerTo<'decide'>): boolean => decided !== null
      return order<'decide'>(() => ({ do: 'decide', at: now(), request }), done)
    },
    archive(work) {
      const done = ({ outcome }: AnswerTo<'archive'>): boolean => outcome !== null
      return order<'archive'>(() => ({ do: 'archive', at: now(), work }), done)
    },
    erase(rules, dueAt) {
      const done = ({ step }: AnswerTo<'erase'>): boolean => step !== null
      return order<'erase'>(() => ({ do: 'erase', at: now(), rules, dueAt }), done)
    },
  }
}
