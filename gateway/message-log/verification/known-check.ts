/**
 * Is the log the one that others know? The high-water mark, receipts and heads that partners have received; the heads that
 * it gave itself in messages; and what it says of partners' heads. Source: design of the evidence, section 4.
 */

import { parseLogHead } from '../../protocol/log-head.ts'
import type { LogReader } from '../reading/reader.ts'
import type { ReceivedHead } from '../record/heads.ts'
import type { BatchState } from './batch-check.ts'
import { lineOf } from './column-check.ts'
import { demand } from './damage.ts'
import type { CheckedRecord } from './record-check.ts'

/** A record that somebody knows the log to have had. */
export interface KnownRecord {
  readonly seq: number
  /** Hex. */
  readonly leaf: string
}

/** A batch of the log as somebody knows it. */
export interface KnownHead {
  readonly batch: number
  /** Hex: of the batch header, or the root of its tree. */
  readonly sha256: string
}

export interface KnownCheck {
  /** Of what is not looked at again, the ends at least. @throws {Damage} */
  begin(point: KnownRecord): void
  /** @throws {Damage} */
  record(seq: number, leaf: Buffer): void
  /** @throws {Damage} */
  message(checked: CheckedRecord): void
  /** After a batch was closed. @param seq of its own record @throws {Damage} */
  batch(seq: number, state: BatchState, root: Buffer): void
  /** After the last record. @throws {Damage} */
  finish(last: number, state: BatchState): void
}

export function openKnownCheck(
  { store, contents, identity }: LogReader,
  {
    witnesses,
    heads,
    imprints,
    after,
  }: {
    readonly witnesses: readonly KnownRecord[]
    readonly heads: readonly KnownHead[]
    readonly imprints: readonly KnownHead[]
    /** Records up to this one are not looked at. */
    readonly after: number
  },
): KnownCheck {
  const own = `${identity.name}/${identity.epoch}`
  // Several may know of one, and not the same.
  const leaves = Map.groupBy(witnesses, ({ seq }) => seq)
  const headers = Map.groupBy(heads, ({ batch }) => batch)
  const roots = Map.groupBy(imprints, ({ batch }) => batch)
  const { records, batches } = store
  let said: string | undefined

  /** By the entry of the batch: before this point as it was verified, behind it as it is being verified. */
  function checkEntered(seq: number, batch: number, sha256: string): void {
    const row = batches.numbered(batch)
    demand(row !== undefined, seq, 'cut-off', 'It names a batch that is not there')
    const isSame = row.headerSha256.toString('hex') === sha256
    demand(isSame && row.own < seq, seq, 'forked', 'It names a batch that is another')
  }

  return {
    begin({ seq, leaf }) {
      for (const witness of [{ seq, leaf }, ...witnesses]) {
        if (witness.seq > seq) continue
        const [found] = records.leaves(witness.seq, witness.seq)
        demand(found !== undefined, witness.seq, 'missing', 'The record is not there')
        const isSame = Buffer.from(found).toString('hex') === witness.leaf
        demand(isSame, witness.seq, 'forked', 'It was another record once')
        leaves.delete(witness.seq)
      }
      beginBatches(headers, 'headerSha256', seq)
      beginBatches(roots, 'root', seq)
    },
    record(seq, leaf) {
      if (leaves.size === 0) return
      const text = leaf.toString('hex')
      const isSame = leaves.get(seq)?.every((known) => known.leaf === text) !== false
      demand(isSame, seq, 'forked', 'It was another record once')
    },
    message({ stored, head }) {
      if (stored.direction !== 'out' || head === undefined) return
      const text = lineOf(head.toString('latin1'), '\r\nowl-log-head:')
      if (text === said || text === null) return
      said = text
      const named = parseLogHead(text)
      if (named === undefined || named.log !== own) return
      checkEntered(stored.seq, named.batch, Buffer.from(named.sha256, 'base64url').toString('hex'))
    },
    batch(seq, { number, header }, root) {
      const isHead = headers.get(number)?.every(({ sha256 }) => sha256 === header) !== false
      const isRoot = roots.get(number)?.every(({ sha256 }) => sha256 === root.toString('hex')) !== false
      demand(isHead && isRoot, seq, 'forked', 'It was another batch once')
    },
    finish(last, { number }) {
      for (const seq of leaves.keys()) demand(seq <= last, last + 1, 'cut-off', `Record ${seq} was there once`)
      for (const batch of [...headers.keys(), ...roots.keys()]) {
        demand(batch <= number, last + 1, 'cut-off', `Batch ${batch} was there once`)
      }
      checkReceived()
    },
  }

  /** Batches that are not looked at again. */
  function beginBatches(known: Map<number, readonly KnownHead[]>, column: 'headerSha256' | 'root', last: number): void {
    for (const [batch, heads] of known) {
      const row = batches.numbered(batch)
      if (row === undefined || row.own > last) continue
      const found = row[column].toString('hex')
      const isSame = heads.every(({ sha256 }) => sha256 === found)
      demand(isSame, row.own, 'forked', 'It was another batch once')
      known.delete(batch)
    }
  }

  /** Every head that was received stands in the message it is said to be from. */
  function checkReceived(): void {
    for (const head of store.heads.all()) if (head.seq > after) checkHead(head)

    function checkHead({ log, batch, sha256, seq }: ReceivedHead): void {
      const stored = records.get(seq, { bodies: false })
      demand(stored !== undefined, seq, 'witness', 'A head is entered that no message has brought')
      if (stored.kind === null) return
      const head = contents.head(stored)
      const named = parseLogHead(lineOf(head?.toString('latin1') ?? '', '\r\nowl-log-head:') ?? '')
      const isSame = named?.log === log && named?.batch === batch && named?.sha256 === sha256
      demand(isSame, seq, 'witness', 'A head is entered that this message has not brought')
    }
  }
}
