/** Has every request one end, and is that of the same exchange? Source: architecture, "Replay and crashes". */

import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { Records } from '../store/log-store.ts'
import { demand } from './damage.ts'
import type { CheckedRecord } from './record-check.ts'

export interface EndCheck {
  /** Of every record that is not erased. @throws {Damage} */
  take(checked: CheckedRecord): void
  /** An erased record ended this request. */
  ended(seq: number): void
  /** Requests without an end so far, in their order. */
  readonly open: Iterable<number>
  /** May a batch that ends at `last` say this of its oldest open request? */
  fits(openFrom: number, last: number): boolean
}

/** What an end has to have in common with its request. */
type Open = Pick<StoredRecord, 'requestId' | 'xRoadId' | 'client' | 'service' | 'method' | 'side' | 'purpose'> & {
  /** Hex. */
  readonly leaf: string
}

export function openEndCheck(records: Pick<Records, 'get'>): EndCheck {
  // In the order of seq, so that the oldest is the first.
  const open = new Map<number, Open>()

  /** Hex; nothing of a record that is there. */
  function erasedLeaf(seq: number): string | undefined {
    const row = records.get(seq, { bodies: false })
    return row === undefined || row.recordErasedAt === null ? undefined : bufferOf(row.leaf).toString('hex')
  }

  return {
    take({ stored, record, leaf }) {
      const { seq, kind, ends, requestId, xRoadId, client, service, method, side, purpose } = stored
      if (kind === 'request') open.set(seq, { requestId, xRoadId, client, service, method, side, purpose, leaf })
      if (ends === null) return
      const request = open.get(ends)
      if (request === undefined && erasedLeaf(ends) === record.request) return
      demand(request !== undefined, seq, 'end', 'It ends no request, or one that had its end')
      demand(record.request === request.leaf, seq, 'end', 'It ends another request than recorded')
      const same =
        request.requestId === requestId &&
        request.xRoadId === xRoadId &&
        request.client === client &&
        request.service === service &&
        request.method === method &&
        request.side === side &&
        (kind !== 'in-doubt' || request.purpose === purpose)
      demand(same, seq, 'columns', 'Client, service, method or ids are others than those of the request')
      open.delete(ends)
    },
    ended: (seq) => open.delete(seq),
    get open() {
      return open.keys()
    },
    fits(openFrom, last) {
      const [oldest = Number.POSITIVE_INFINITY] = open.keys()
      const expected = Math.min(last + 2, oldest)
      return openFrom === expected || (openFrom < expected && erasedLeaf(openFrom) !== undefined)
    },
  }
}
