/** What every engine that stores a message log keeps, whatever it is made of. Rows here are made up: no key, no chain. */

import { hash } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import { NO_MESSAGE, UNSEALED } from '../../../../gateway/message-log/record/draft.ts'
import type { Columns } from '../../../../gateway/message-log/record/entry.ts'
import type { LogStore, RenewalWriter } from '../../../../gateway/message-log/store/log-store.ts'
import { replayKey } from '../../../../gateway/message-log/store/log-store.ts'
import type { NewBatch, NewRecordRow, WritableStore } from '../../../../gateway/message-log/store/writable-store.ts'

/** One log, empty at first. Whoever opened closes. */
export interface StoredLog {
  writer(): WritableStore
  reader(): LogStore
  renewals(): RenewalWriter
}

const SENDER = 'OWL/GOV/05774032/SS1'
const LOG = `${SENDER}/n1/1`
const DAY = 20_000
const AT = DAY * 86_400_000

export function logStoreContract(t: Test, open: (t: Test) => Promise<StoredLog>): void {
  /** @returns a writer and a reader beside it */
  async function opened(t: Test): Promise<{ store: WritableStore; reader: LogStore; log: StoredLog }> {
    const log = await open(t)
    const store = log.writer()
    const reader = log.reader()
    t.teardown(() => {
      reader.close()
      store.close()
    })
    return { store, reader, log }
  }

  t.test('what is written is read beside the writer, column for column', async (t) => {
    const { store, reader } = await opened(t)
    t.same(reader.records.tip(), { seq: 0, leaf: undefined })
    const id = store.nextText()
    const content = { ...UNSEALED, basis: id, etsiU: id, signature: 'a..b', head: octets(1), body: octets(2) }
    const first = row(1, { requestId: 'r1', sender: SENDER, bodyUntil: DAY, recordUntil: DAY + 1 }, { content })
    store.write({ texts: [{ id, text: 'ä “text”' }], records: [first, row(2, { kind: 'reply', ends: 1 })] })

    t.match(reader.records.get(1), {
      seq: 1,
      leaf: first.leaf,
      requestId: 'r1',
      basis: id,
      body: octets(2),
      kind: 'request',
    })
    t.equal(reader.records.get(1, { bodies: false })?.body, null)
    t.equal(reader.records.get(3), undefined)
    t.same(seqsOf(reader.records.between(2, 9)), [2])
    t.same(seqsOf(reader.records.scan(0, 1)), [1])
    t.same(reader.records.leaves(1, 2).map(hex), [leafOf(1), leafOf(2)].map(hex))
    t.match(
      [...reader.records.links(1, 2)],
      [
        { seq: 1, kind: 'request', ends: null },
        { seq: 2, ends: 1, at: AT },
      ],
    )
    t.match(reader.records.tip(), { seq: 2, leaf: leafOf(2) })
    t.equal(reader.records.stray(2), undefined)
    t.equal(reader.texts.get(id), 'ä “text”')
    t.equal(reader.texts.get(id + 1), undefined)
    t.same(reader.texts.oldest(1, 2), { basis: id, etsiU: id })
    t.same(reader.decisions.dates(1), { requestId: 'r1', bodyUntil: DAY, recordUntil: DAY + 1 })
  })

  t.test('a write is whole or nothing', async (t) => {
    const { store, reader } = await opened(t)
    store.write({ records: [row(1)] })
    const id = store.nextText()

    t.throws(() => store.write({ texts: [{ id, text: 'lost' }], records: [row(2), row(1)] }))

    t.equal(reader.records.tip().seq, 1)
    t.equal(reader.texts.get(id), undefined)
    t.equal(store.nextText(), id)
    store.write({ records: [row(2)] })
    t.equal(reader.records.tip().seq, 2, 'and the next is as if nothing had been')
  })

  t.test('a request id of a sender is known by its time', async (t) => {
    const { store, reader } = await opened(t)
    const [mine, other] = [
      { requestId: 'r1', sender: SENDER },
      { requestId: 'r1', sender: 'OWL/GOV/05774/SS1' },
    ]
    store.write({ records: [row(1, { ...mine, at: AT }), row(2, { requestId: 'r2', at: AT + 1 })] })

    t.equal(reader.exchanges.isTaken('r1', SENDER, AT - 1), true)
    t.equal(reader.exchanges.isTaken('r1', SENDER, AT), false, 'it is free again')
    t.same(reader.exchanges.taken([mine, other], AT - 1), new Set([replayKey(mine)]))
    t.same([...reader.exchanges.takenSince(AT)], ['r1'])
    t.same(seqsOf([...reader.exchanges.between('r1', 'r3')]), [1, 2])
    t.same(seqsOf([...reader.exchanges.between('r1', 'r2')]), [1])
    t.match(reader.exchanges.withLeaves([leafOf(2), leafOf(9)]), [{ leaf: leafOf(2), erasedAt: null }])
    t.same(reader.exchanges.withLeaves([]), [])
  })

  t.test('every record is in the batch that holds it, or whose own it is, and in no other', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(4), async (counts, tail) => {
        const { writer } = await open(t)
        const store = writer()
        const expected: (number | undefined)[] = [undefined]
        for (const [index, count] of counts.entries()) {
          const first = expected.length
          for (let seq = first; seq <= first + count; seq++) expected.push(index + 1)
          const own = first + count
          const records = Array.from({ length: count + 1 }, (_, at) => row(first + at))
          store.write({ records, batch: batch(index + 1, first, own) })
        }
        store.write({ records: Array.from({ length: tail }, (_, at) => row(expected.length + at)) })
        const found = Array.from({ length: expected.length + tail + 1 }, (_, seq) => store.batches.of(seq)?.number)
        const isSame = found.every((number, seq) => number === expected[seq])
        const all = [...store.batches.after(0)].map(({ number }) => number)
        store.close()
        return isSame && all.length === counts.length && all.every((number, at) => number === at + 1)
      }),
      { numRuns: 15 },
    )
  })

  t.test('tokens come one after the other', async (t) => {
    const { store, reader } = await opened(t)
    store.write({ records: [row(1), row(2)], batch: batch(1, 1, 2) })
    store.write({ records: [row(3), row(4)], batch: batch(2, 3, 4) })
    t.same(
      reader.batches.unstamped().map(({ number }) => number),
      [1, 2],
    )
    t.match(reader.batches.numbered(1), { own: 2, first: 1, last: 1, token: null, genTime: null })

    store.write({ token: { number: 1, token: octets(7), genTime: AT, until: AT + 5 } })

    t.same(
      reader.batches.unstamped().map(({ number }) => number),
      [2],
    )
    t.match(reader.batches.numbered(1), { token: octets(7), genTime: AT, tokenUntil: AT + 5 })
    t.same([...reader.batches.tokens(1, 2)], [octets(7)])
    t.equal(reader.batches.tokenUntil(1, 2), AT + 5)
    t.equal(reader.batches.tokenUntil(2, 2), undefined)
    t.equal(reader.batches.latest()?.number, 2)
  })

  t.test('heads that were heard stay as they were first heard', async (t) => {
    const { store, reader } = await opened(t)
    const head = (number: number, seq: number) => ({
      log: LOG,
      batch: number,
      sha256: digest(number),
      seq,
      issuedAt: AT,
    })
    const fork = { ...head(2, 9), sha256: digest(99) }
    const contradiction = { kind: 'fork', log: LOG, batch: 2, seqs: [2, 9], foundAt: AT } as const
    store.write({ heads: { heads: [head(2, 2), head(1, 1)], contradictions: [] } })
    store.write({ heads: { heads: [head(2, 5), fork], contradictions: [contradiction] } })

    t.same(reader.heads.logs(), [LOG])
    t.equal(reader.heads.latest(LOG)?.batch, 2)
    t.same(seqsOf(reader.heads.of(LOG, 2)), [2, 9])
    t.same(seqsOf(reader.heads.from(LOG, 1, 2)), [1, 2])
    t.same(seqsOf([...reader.heads.all()]).sort(), [1, 2, 9])
    t.same(reader.heads.contradictions(), [contradiction])
  })

  t.test('what is held stays, what is erased leaves its number and leaf', async (t) => {
    const { store, reader } = await opened(t)
    const until = { purpose: 'P', bodyUntil: DAY - 1, recordUntil: DAY + 9 }
    const content = { ...UNSEALED, share: octets(3), body: octets(4), bodyShare: octets(5), bodyKey: octets(6) }
    const subjects = Buffer.alloc(16, 7)
    const [one, two] = [row(1, { ...until, requestId: 'r1' }, { content, subjects }), row(2, until, { content })]
    store.write({ records: [one, two] })
    t.same(await reader.subjects.find(subjects), [1])
    const due = { first: 1, last: 2, day: DAY, replayedSince: AT + 1 }
    t.same(
      store.retention.due(due),
      [1, 2].map((seq) => ({ seq, purpose: 'P', what: 'body' })),
    )
    t.same(store.retention.live(1, 2), [{ day: DAY, purpose: 'P', hasBody: true }])

    store.write({
      ...decision(3, 'hold'),
      decision: { seq: 3, id: 'h', isPending: false, held: [2, 77], released: [] },
    })
    t.same(store.erasing.holdsOf(2), ['h'])
    t.equal(store.erasing.seqOf('h'), 3)
    t.same([...reader.decisions.holds()], [{ seq: 2, event: 3 }], 'of records that are there')
    t.same(seqsOf(store.retention.due(due)), [1])

    store.write({ ...decision(4, 'erasure'), decision: { seq: 4, id: 'e', isPending: true, held: [], released: [] } })
    t.match(store.erasing.nextPending(), { seq: 4, id: 'e', at: AT })
    const by = { at: AT, event: 4 }
    t.same(store.erasing.erase([['record', 1]], by), { bodies: 0, records: 1, files: [1] })
    t.same(store.erasing.erase([['record', 1]], by), { bodies: 0, records: 0, files: [] }, 'once')
    t.same(store.erasing.erase([['body', 2]], by), { bodies: 1, records: 0, files: [2] })
    store.erasing.finish(4)

    t.equal(store.erasing.nextPending(), undefined)
    t.match(reader.records.get(1), { leaf: leafOf(1), kind: null, requestId: null, record: null, recordErasedBy: 4 })
    t.match(reader.records.get(2), { body: null, bodyShare: null, bodyKey: null, share: octets(3), bodyErasedBy: 4 })
    t.same(await reader.subjects.find(subjects), [])
    t.same(reader.decisions.upTo(3), [3])
    store.write({
      ...decision(5, 'release'),
      decision: { seq: 5, id: 'r', isPending: false, held: [], released: [{ seq: 2, event: 3 }] },
    })
    t.same([...reader.decisions.holds()], [])
    t.match(store.erasing.select({ seq: 2 }), [{ isHeld: false, hasBody: false, isErased: false }])
    t.same(
      [...store.erasing.decisions()].map(({ id }) => id),
      ['h', 'e', 'r'],
    )
  })

  t.test('what an archive file holds is given up, its keys stay', async (t) => {
    const { store, reader } = await opened(t)
    const id = store.nextText()
    const content = { ...UNSEALED, basis: id, share: octets(3), head: octets(4), body: octets(5), bodyShare: octets(6) }
    store.write({ texts: [{ id, text: 'old' }], records: [row(1, {}, { content }), row(2, { kind: 'in-doubt' })] })
    const sha256 = hash('sha256', 'file', 'buffer')
    const file = { day: DAY, sha256, bytes: 10, first: 1, last: 2, lastBatch: 1, madeAt: AT }
    store.archiving.enter({ ...file, textsBefore: id + 1, seed: octets(8) })
    const archive = store.archiving.unfinished()
    if (archive === undefined) throw new Error('It is entered')

    store.archiving.empty(archive, [1, 2], (seq) => octets(40 + seq))

    t.match(reader.records.get(1), { archive: archive.id, record: null, head: null, body: null, share: octets(3) })
    t.match(reader.records.get(2), { archive: archive.id, share: octets(42) })
    t.match(reader.archives.all(), [{ ...file, emptiedTo: 2 }])
    t.equal(store.archiving.dropTexts(archive, 5), 1)
    t.equal(reader.texts.get(id), undefined)
    t.equal(store.archiving.unfinished(), undefined)
    t.match(reader.archives.get(archive.id), file)
    t.match(store.archiving.latest(), file)
  })

  t.test('a renewal goes on where it stopped, beside the writer', async (t) => {
    const { store, reader, log } = await opened(t)
    store.write({ records: [row(1), row(2)], batch: batch(1, 1, 2) })
    const plan = { kind: 'hash-tree', digest: 'sha512', firstBatch: 1, lastBatch: 1, leaves: 2 } as const
    const block = { level: 0, place: 0, root: octets(1), hashes: octets(2) }
    const before = log.renewals()
    const { number } = await before.begin(plan, AT)
    await before.write(number, block, [{ seq: 1, hash: octets(3) }])
    await before.write(number, { ...block, level: 1, hashes: octets(4) })
    before.close()
    t.match(reader.renewals.unfinished(), { number, ...plan })
    t.same(reader.renewals.covering(1, 99), [])

    const writer = log.renewals()
    await writer.clearAbove(number)
    await writer.finish(number, { root: octets(5), token: octets(6), genTime: AT, until: AT + 1 })
    writer.close()
    store.write({ records: [row(3)] })

    t.same(reader.trees.roots(number, 1), [])
    t.same(reader.trees.block(number, 0, 0), octets(2))
    t.same([...reader.trees.blocks(number, 0)], [{ place: 0, root: octets(1), hashes: octets(2) }])
    t.same(reader.trees.bodyHash(1, number), octets(3))
    t.equal(reader.renewals.unfinished(), undefined)
    t.match(reader.renewals.covering(1, 99), [{ number, token: octets(6) }])
    t.same(reader.renewals.covering(1, number), [])
    t.match(reader.renewals.get(number), { root: octets(5), genTime: AT, tokenUntil: AT + 1 })
    t.equal(reader.renewals.all().length, 1)
  })

  t.test('a log goes on after it was closed', async (t) => {
    const log = await open(t)
    const store = log.writer()
    const { identity } = store
    const id = store.nextText()
    store.write({ texts: [{ id, text: 'kept' }], records: [row(1, { kind: 'configuration' })] })
    store.probe(AT)
    store.fold()
    t.equal(store.foldAll(), true)
    store.close()

    const again = log.writer()
    t.teardown(() => again.close())
    t.same(again.identity, identity)
    t.equal(again.nextText(), id + 1)
    t.equal(again.texts.get(id), 'kept')
    t.match([...again.configurations.before(2)], [{ seq: 1, kind: 'configuration' }])
    t.equal((await again.list.list({ limit: 1 })).records.length, 1)
    t.equal(again.list.summary(1)?.outcome, 'configuration')
  })
}

function row(seq: number, columns: Partial<Columns> = {}, more: Partial<NewRecordRow> = {}): NewRecordRow {
  const all = { ...NO_MESSAGE, at: AT, kind: 'request', bodyBytes: 0, ...columns } as const
  return {
    seq,
    leaf: leafOf(seq),
    columns: all,
    record: Buffer.from(`{"seq":${seq}`),
    content: UNSEALED,
    subjects: null,
    ...more,
  }
}

function decision(seq: number, kind: 'hold' | 'release' | 'erasure') {
  return { records: [row(seq, { kind }, { content: { ...UNSEALED, body: Buffer.from('{}') } })] }
}

function batch(number: number, first: number, own: number): NewBatch {
  const header = octets(number)
  const times = { atMin: AT, atMax: AT }
  return { ...{ number, own, first, last: own - 1, openFrom: first, root: header, headerSha256: header }, ...times }
}

function leafOf(seq: number): Buffer {
  return hash('sha256', `leaf ${seq}`, 'buffer')
}

function octets(value: number): Buffer {
  return Buffer.alloc(32, value)
}

function digest(value: number): string {
  return octets(value).toString('base64url')
}

function seqsOf(rows: readonly { readonly seq: number }[]): number[] {
  return rows.map(({ seq }) => seq)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
