/** What somebody asks to be erased, held or released, and why it must not be. The writer's thread knows both. */

import type { Decision } from '../record/erasure-event.ts'
import { toRanges } from '../record/erasure-event.ts'
import type { SelectedRecord, WritableStore } from '../store/writable-store.ts'
import type { Moment, Refusal, Request } from './terms.ts'

export type Chosen =
  | { readonly decision: Decision; readonly seqs: readonly number[] }
  | { readonly refused: Refusal; readonly of: number | null }

export interface SelectionDeps {
  readonly store: Pick<WritableStore, 'batches' | 'erasing'>
  /** Requests that have no end yet. */
  readonly open: ReadonlySet<number>
}

export function openSelection({ store, open }: SelectionDeps) {
  const { batches, erasing } = store

  function flawOf(row: SelectedRecord, request: Request, { replayedSince }: Moment): Refusal | undefined {
    if (row.isErased) return 'erased'
    if (row.purpose === null) return 'own'
    if (row.seq > (batches.latest()?.last ?? 0)) return 'unbatched'
    if (request.event === 'release') return row.isHeld ? undefined : 'not-held'
    if (request.event !== 'erasure') return undefined
    if (row.isHeld) return 'held'
    if (request.what === 'body') return undefined
    if (open.has(row.seq)) return 'open'
    return row.at !== null && row.at > replayedSince ? 'fresh' : undefined
  }

  return {
    choose(request: Request, now: Moment): Chosen {
      const { id, by, reason } = request
      const rows = erasing.select(request.records)
      if (rows.length === 0) return { refused: 'none', of: null }
      for (const row of rows) {
        const refused = flawOf(row, request, now)
        // Of an exchange some records may be held, or have no body.
        if (refused === undefined || (refused === 'not-held' && rows.some(({ isHeld }) => isHeld))) continue
        return { refused, of: row.seq }
      }
      const isBody = request.event === 'erasure' && request.what === 'body'
      const isRelease = request.event === 'release'
      const meant = rows.filter(({ hasBody, isHeld }) => (!isBody || hasBody) && (!isRelease || isHeld))
      if (meant.length === 0) return { refused: 'no-body', of: rows[0]?.seq ?? null }
      const seqs = meant.map(({ seq }) => seq)
      const records = toRanges(seqs)
      const said = { id, by, reason }
      if (request.event === 'erasure') {
        const parts = [{ what: request.what, rule: BY_ORDER, records }]
        return { decision: { ...said, event: 'erasure', parts }, seqs }
      }
      if (request.event === 'hold') return { decision: { ...said, event: 'hold', records }, seqs }
      const holds = new Set(seqs.flatMap((seq) => erasing.holdsOf(seq)))
      return { decision: { ...said, event: 'release', holds: [...holds], records }, seqs }
    },
  }
}

/** The rule under which somebody's order is carried out. */
const BY_ORDER = 'by order'
