/**
 * Are the batches those of the records, and are their tokens of authorities that are believed? Source: design of the
 * evidence, section 4. Of the records only the leaves of the growing batch are kept.
 */

import { readCertificate } from '../../protocol/authority-certificates.ts'
import { HASH_BYTES, sha256 } from '../../protocol/hash-tree.ts'
import { readRevocationList } from '../../protocol/revocation-list.ts'
import type { DigestName } from '../../protocol/signed-data.ts'
import type { TimeStampAuthority } from '../../protocol/time-stamp.ts'
import { checkNotRevoked, verifyTimeStamp } from '../../protocol/time-stamp.ts'
import { completeToken, readToken } from '../../protocol/time-stamp-token.ts'
import { rootOf, treeLevels } from '../../protocol/tree-levels.ts'
import type { LogReader } from '../reading/reader.ts'
import { openLeafList } from '../record/leaf-list.ts'
import { formatBatchHeader } from '../record/log-record.ts'
import type { StoredBatch } from '../record/stored-batch.ts'
import { demand } from './damage.ts'
import type { EndCheck } from './end-check.ts'
import type { CheckedRecord } from './record-check.ts'

/** Base64 of DER, as in the global configuration. */
export interface TimeStampAnchor {
  readonly certificate: string
  readonly ca: string
}

export interface BatchState {
  /** Batches so far. */
  readonly number: number
  /** SHA-256 of the latest header, hex; null before the first. */
  readonly header: string | null
  /** The own record of the latest batch whose token holds, all before it too; 0 before the first. */
  readonly stampedTo: number
  /** Time in its token, milliseconds since the Unix epoch. */
  readonly stampedAt: number | null
}

export interface ClosedBatch {
  /** All batches so far are time-stamped. */
  readonly isStamped: boolean
  /** What its token is over. */
  readonly root: Buffer
}

export interface BatchCheck {
  readonly state: BatchState
  /** Every record but a batch's own, in their order. @param at nothing of an erased one */
  take(leaf: Buffer, at: number | null): void
  /** A batch's own record. @throws {Damage} */
  close(checked: CheckedRecord): ClosedBatch
  /** After the last record. @throws {Damage} */
  finish(last: number): void
}

const START: BatchState = { number: 0, header: null, stampedTo: 0, stampedAt: null }

export function openBatchCheck(
  { store, identity }: Pick<LogReader, 'store' | 'identity'>,
  {
    anchors,
    ends,
    start,
  }: {
    readonly anchors: readonly TimeStampAnchor[]
    readonly ends: Pick<EndCheck, 'fits'>
    /** The end of a batch, and how it was then. */
    readonly start?: { readonly seq: number; readonly batches: BatchState } | undefined
  },
): BatchCheck {
  const verifyToken = openTokenCheck(anchors)
  let state = start?.batches ?? START
  let isUnstamped = start !== undefined && start.batches.stampedTo !== start.seq
  let isAnyErased = false
  const leaves = openLeafList()
  let atMin = Number.POSITIVE_INFINITY
  let atMax = Number.NEGATIVE_INFINITY

  function widen(at: number): void {
    atMin = Math.min(atMin, at)
    atMax = Math.max(atMax, at)
  }

  /** The first or last record may be among the erased ones. */
  function fitsTimes(min: number, max: number): boolean {
    return isAnyErased ? min <= atMin && max >= atMax : min === atMin && max === atMax
  }

  function checkToken(seq: number, imprint: Buffer, row: StoredBatch): void {
    const { token: octets } = row
    if (octets === null) {
      demand(row.genTime === null && row.tokenUntil === null, seq, 'token', 'The token is not there')
      isUnstamped = true
      return
    }
    // They are asked for in the order of the batches.
    demand(!isUnstamped, seq, 'token', 'A token before this one is not there')
    const token = verifyToken(octets, imprint)
    demand(token !== undefined, seq, 'token', 'The token holds for no authority that is believed')
    const { genTime, until } = token
    const isEntered = row.genTime === genTime && row.tokenUntil === until
    demand(isEntered, seq, 'token', 'The times of the token are entered as others')
    state = { ...state, stampedTo: seq, stampedAt: genTime }
  }

  function checkRow(seq: number, header: Buffer, own: Buffer): Buffer {
    const row = store.batches.numbered(state.number + 1)
    const root = rootOf(treeLevels(Buffer.concat([own, leaves.octets]), 'sha256'))
    const last = seq - 1
    const fits =
      row !== undefined &&
      row.own === seq &&
      row.first === seq - leaves.count &&
      row.last === last &&
      fitsTimes(row.atMin, row.atMax) &&
      ends.fits(row.openFrom, last) &&
      header.equals(row.headerSha256) &&
      root.equals(row.root)
    demand(fits, seq, 'batch', 'The batch is entered as another')
    checkToken(seq, root, row)
    return root
  }

  return {
    get state() {
      return state
    },
    take(leaf, at) {
      leaves.add(leaf)
      if (at === null) isAnyErased = true
      else widen(at)
    },
    close({ stored, head, body, leaf }) {
      const { seq, at } = stored
      const { count, octets } = leaves
      const expected = formatBatchHeader({
        log: identity.name,
        epoch: identity.epoch,
        batch: state.number + 1,
        first: seq - count,
        last: seq - 1,
        count,
        prevHeader: state.header,
        lastRecord: octets.toString('hex', Math.max(0, octets.length - HASH_BYTES)),
      })
      demand(head?.toString('utf8') === expected, seq, 'batch', 'The batch header is not that of these records')
      demand(body?.equals(octets) === true, seq, 'batch', 'The leaves are not those of these records')
      if (at !== null) widen(at)
      const header = sha256(head)
      const root = checkRow(seq, header, Buffer.from(leaf, 'hex'))
      state = { ...state, number: state.number + 1, header: header.toString('hex') }
      isAnyErased = false
      leaves.clear()
      atMin = Number.POSITIVE_INFINITY
      atMax = Number.NEGATIVE_INFINITY
      return { isStamped: !isUnstamped, root }
    },
    finish(last) {
      for (const { own } of store.batches.after(state.number)) {
        demand(own > last, own, 'batch', 'A batch is entered that has no record')
      }
    },
  }
}

interface Token {
  /** Milliseconds since the Unix epoch, as `until`: when the first certificate ends that it rests on. */
  readonly genTime: number
  readonly until: number
}

type TokenCheck = (token: Buffer, imprint: Buffer, digest?: DigestName) => Token | undefined

/** @returns what reads a token, when an authority that is believed has given it */
export function openTokenCheck(anchors: readonly TimeStampAnchor[]): TokenCheck {
  const authorities = anchors.map(
    ({ certificate, ca }): TimeStampAuthority => ({
      unit: readCertificate(Buffer.from(certificate, 'base64')),
      ca: readCertificate(Buffer.from(ca, 'base64')),
    }),
  )
  return (token, imprint, digest = 'sha256') => {
    for (const authority of authorities) {
      try {
        const { genTime } = verifyTimeStamp(token, authority, { imprint, digest })
        const [list] = readToken(token).revocationLists
        if (list === undefined) continue
        checkNotRevoked(authority, readRevocationList(list, authority.ca))
        // Beside what is signed there may be nothing but what we put there.
        if (!completeToken(token, [authority.unit.der, authority.ca.der], list).equals(token)) continue
        return { genTime, until: Math.min(authority.unit.notAfter, authority.ca.notAfter) }
      } catch {
        // Another authority may have given it.
      }
    }
    return undefined
  }
}
