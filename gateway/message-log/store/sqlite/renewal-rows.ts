/** Renewals of the log's evidence, and their trees. */

import type { DatabaseSync } from 'node:sqlite'
import type { DigestName } from '../../../protocol/signed-data.ts'
import { bufferOf } from '../../record/stored-record.ts'
import type { Renewal, RenewalKind, StoredRenewal } from '../../record/stored-renewal.ts'
import type { Renewals, RenewalTrees } from '../log-store.ts'

const COVERING = 'first_batch <= ? AND last_batch >= ? AND number < ? AND token IS NOT NULL'

export function openRenewals(database: DatabaseSync): Renewals {
  const all = database.prepare('SELECT * FROM renewal ORDER BY number')
  const one = database.prepare('SELECT * FROM renewal WHERE number = ?')
  const covering = database.prepare(`SELECT * FROM renewal WHERE ${COVERING} ORDER BY number`)
  const latest = database.prepare(`SELECT * FROM renewal WHERE ${COVERING} ORDER BY number DESC LIMIT 1`)
  const open = database.prepare('SELECT * FROM renewal WHERE token IS NULL ORDER BY number LIMIT 1')

  return {
    all: () => all.all().map(storedOf),
    get(number) {
      const row = one.get(number)
      return row === undefined ? undefined : storedOf(row)
    },
    covering: (batch, before) =>
      covering
        .all(batch, batch, before)
        .map((row) => ({ ...renewalOf(row), token: bufferOf(row['token'] as Uint8Array) })),
    latest(batch, before) {
      const row = latest.get(batch, batch, before)
      return row === undefined ? undefined : renewalOf(row)
    },
    unfinished() {
      const row = open.get()
      return row === undefined ? undefined : renewalOf(row)
    },
  }
}

export function openRenewalTrees(database: DatabaseSync): RenewalTrees {
  const block = database.prepare('SELECT hashes FROM renewal_node WHERE renewal = ? AND level = ? AND place = ?')
  const blocks = database.prepare(
    'SELECT place, root, hashes FROM renewal_node WHERE renewal = ? AND level = ? ORDER BY place',
  )
  const roots = database.prepare('SELECT root FROM renewal_node WHERE renewal = ? AND level = ? ORDER BY place')
  const bodyHash = database.prepare('SELECT hash FROM renewal_body WHERE seq = ? AND renewal = ?')
  // Bodies that are kept: those of messages have a share of their own, those of the log's own records stand open.
  const bodyWithoutHash = database.prepare(`
    SELECT record.seq FROM record JOIN content USING (seq) WHERE record.seq BETWEEN ? AND ?
    AND record_erased_at IS NULL AND body_erased_at IS NULL
    AND (body_share IS NOT NULL OR kind = 'batch' OR share IS NULL AND body IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM renewal_body WHERE renewal_body.seq = record.seq AND renewal = ?)
    ORDER BY record.seq LIMIT 1`)

  return {
    block(renewal, level, place) {
      const row = block.get(renewal, level, place)
      return row === undefined ? undefined : bufferOf(row['hashes'] as Uint8Array)
    },
    *blocks(renewal, level) {
      for (const { place, root, hashes } of blocks.iterate(renewal, level)) {
        yield { place: Number(place), root: bufferOf(root as Uint8Array), hashes: bufferOf(hashes as Uint8Array) }
      }
    },
    roots: (renewal, level) => roots.all(renewal, level).map((row) => bufferOf(row['root'] as Uint8Array)),
    bodyHash(seq, renewal) {
      const row = bodyHash.get(seq, renewal)
      return row === undefined ? undefined : bufferOf(row['hash'] as Uint8Array)
    },
    bodyWithoutHash(first, last, renewal) {
      const row = bodyWithoutHash.get(first, last, renewal)
      return row === undefined ? undefined : Number(row['seq'])
    },
  }
}

function renewalOf(row: Readonly<Record<string, unknown>>): Renewal {
  return {
    number: Number(row['number']),
    kind: row['kind'] as RenewalKind,
    digest: row['digest'] as DigestName,
    firstBatch: Number(row['first_batch']),
    lastBatch: Number(row['last_batch']),
    leaves: Number(row['leaves']),
  }
}

function storedOf(row: Readonly<Record<string, unknown>>): StoredRenewal {
  const [root, token] = [row['root'], row['token']] as (Uint8Array | null)[]
  return {
    ...renewalOf(row),
    root: root ? bufferOf(root) : null,
    token: token ? bufferOf(token) : null,
    genTime: row['gen_time'] as number | null,
    tokenUntil: row['token_until'] as number | null,
  }
}
