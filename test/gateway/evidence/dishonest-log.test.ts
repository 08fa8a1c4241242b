/** A log that its owner lets lie: chained, stamped, exported like any other, and yet at odds with what was signed. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import type { CheckId } from '../../../gateway/evidence/checks.ts'
import { openChecks } from '../../../gateway/evidence/checks.ts'
import { formatContainer } from '../../../gateway/evidence/container.ts'
import { openExchangeBook } from '../../../gateway/evidence/exchange-checks.ts'
import type { EvidenceFile } from '../../../gateway/evidence/files.ts'
import { checkBatch, checkObjects } from '../../../gateway/evidence/log-record-checks.ts'
import type { ReadRecord } from '../../../gateway/evidence/log-record-reader.ts'
import { readLogRecord } from '../../../gateway/evidence/log-record-reader.ts'
import { readHead } from '../../../gateway/evidence/message-head.ts'
import type { Statement } from '../../../gateway/evidence/verify.ts'
import type { NewRecord } from '../../../gateway/message-log/message-log.ts'
import { formatReplyHead } from '../../../gateway/protocol/head.ts'
import { nextRequestId } from '../message-log/messages.ts'
import { octetsOf } from './outside-tools.ts'
import { filesIn, openVerifyRig, withVerdict } from './verify-rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const { rig, verify } = await openVerifyRig(t)

/** Records that say something else, each with the check that finds it. */
const LIES: Readonly<Record<string, readonly [CheckId, (record: NewRecord) => NewRecord]>> = {
  'another purpose than the signed one': ['log-record.basis', judged({ purpose: 'KFZ_HALTER' })],
  'no basis at all': ['log-record.basis', (record) => ({ ...record, basis: 'null' })],
  'another certificate': ['log-record.basis', judged({ seal: 'a'.repeat(64) })],
  'an outcome that no message has': ['log-record.message', (record) => ({ ...record, code: 'Server.AccessDenied' })],
  'the other direction': ['log-record.message', (record) => ({ ...record, direction: 'out' })],
  'the other side': ['log-record.message', (record) => ({ ...record, side: 'consumer' })],
  'another kind': ['log-record.message', (record) => ({ ...record, outcome: 'reply' })],
  'a body of another type': ['log-record.message', (record) => ({ ...record, extension: 'pdf' })],
}

function judged(by: object): (record: NewRecord) => NewRecord {
  return (record) => ({ ...record, basis: JSON.stringify({ ...(JSON.parse(record.basis) as object), ...by }) })
}

for (const [what, [id, lie]] of Object.entries(LIES)) {
  t.test(what, async (t) => {
    const [honest, recorded] = await rig.request()
    const { replaySender: _, ...record } = honest
    const { seq } = await rig.log.append(lie(record))
    await rig.log.stampNow()
    const packages = openPackages(rig.reader)
    const container = async (of: number): Promise<Buffer> => octetsOf(formatContainer(await packages.read(of)))

    const verified = verify(await container(seq))

    t.equal(verified.outcome, 'invalid')
    t.ok(withVerdict(verified, 'failed').includes(id), id)
    t.ok(withVerdict(verified, 'ok').includes('record.token'), 'the evidence of it holds')
    t.strictSame(withVerdict(verify(await container(recorded.seq)), 'failed'), [], 'the true record beside it')
  })
}

t.test('a group is what a message consists of, and nothing beside it', async (t) => {
  const sha256 = Buffer.alloc(32, 7)
  const found = (kind: string, ...names: string[]) => {
    const checks = openChecks()
    const objects = names.map((name) => ({ name, sha256 }))
    checkObjects({ kind, objects } as unknown as ReadRecord, new Map(names.map((name) => [name, sha256])), checks)
    return checks.list.map(({ verdict }) => verdict)
  }
  const message = ['message-head.txt', 'signature.jades.json']

  t.strictSame(found('request', ...message), ['ok'])
  t.strictSame(found('request', ...message, 'message-body.json'), ['ok'])
  t.strictSame(found('request', ...message, 'message-body.json', 'message-body.pdf'), ['failed'])
  t.strictSame(found('reply', ...message, 'note.txt'), ['failed'])
  t.strictSame(found('failure', ...message, 'message-body.json', 'note.txt'), ['failed'])
  t.strictSame(found('refusal', 'message-head.txt'), ['failed'])
  t.strictSame(found('batch', 'batch-header.json', 'batch-leaves.bin'), ['ok'])
  t.strictSame(found('batch', 'batch-header.json'), ['failed'])
  t.strictSame(found('batch', 'batch-header.json', 'batch-leaves.bin', 'note.txt'), ['failed'])
})

t.test('a record is of a day that the calendar has', async (t) => {
  const files = filesIn((await openVerifyRig(t)).request)
  const text = (files.get('log-record.json') as Buffer).toString()
  const read = (at: string) => () => readLogRecord(Buffer.from(text.replace(/"at":"[^"]+"/, `"at":"${at}"`)), false)

  t.doesNotThrow(read('2026-02-28T10:00:00.000Z'))
  for (const at of ['2026-02-31T10:00:00.000Z', '2026-13-01T10:00:00.000Z', '2026-02-28T24:00:00.000Z']) {
    t.throws(read(at), { name: 'RecordFormError' }, at)
  }
})

t.test('of what calls itself a batch, no more is read than a batch has', async (t) => {
  const record = { kind: 'batch', log: 'x', epoch: 1, seq: 1 } as unknown as ReadRecord
  let bytes = 0
  const file = (name: string): EvidenceFile => ({
    ...{ name, size: 16 * 1024 * 1024, digests: () => [] },
    octets(bytesMax) {
      bytes += bytesMax
      return Buffer.from('{}')
    },
  })
  const names = ['batch-header.json', 'batch-leaves.bin', ...Array.from({ length: 20 }, (_, i) => `more-${i}.bin`)]
  const checks = openChecks()

  checkBatch(new Map(names.map((name) => [name, file(name)])), record, checks)

  t.ok(bytes <= 32 * 1024 * 1024, `${bytes} octets at the most`)
  t.strictSame(withVerdict({ checks: checks.list }, 'failed'), ['batch.leaves'])
})

t.test('the answer of a gateway names the configuration it was judged by', async (t) => {
  const [, reply] = await rig.exchange()
  const [, lied] = await rig.exchange({}, {}, judged({ config: { version: 6, sha256: 'a'.repeat(64) } }))
  await rig.log.stampNow()
  const packages = openPackages(rig.reader)

  for (const [seq, failed] of [
    [reply.seq, []],
    [lied.seq, ['log-record.basis']],
  ] as const) {
    t.strictSame(withVerdict(verify(await octetsOf(formatContainer(await packages.read(seq)))), 'failed'), failed)
  }
})

t.test('what is kept for comparison is small, however large the heads are', (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const filling = 'x'.repeat(200_000)
  const statement = (at: number): Statement => {
    const requestId = nextRequestId()
    const ids = { xRoadId: `OWL-${requestId}`, client: 'a/b/c', service: 'a/b/c/d', requestId, requestHash: 'none' }
    const block = {
      ...{ kind: 'refusal' as const, sender: 'a/b/c', audience: 'a/b/e', issuedAt: new Date(at).toISOString() },
      ...{ config: rig.snapshot.reference, requestDigest: 'd'.repeat(43), receipt: `a/b/c/n1/1;${'e'.repeat(42)}A` },
      ...{ logHead: 'none', stage: 'permitted' },
    }
    const headers = [['x-filling', filling]] as const
    const error = 'Server.ServerProxy.AccessDenied'
    return { head: readHead(formatReplyHead({ status: 500, reason: '', headers, ids, error, block }).octets) }
  }
  const book = openExchangeBook()
  const take = (count: number): void => {
    for (let at = 0; at < count; at++) book.take(statement(at))
  }
  take(20)
  collect()
  const before = process.memoryUsage()

  take(400)

  collect()
  const after = process.memoryUsage()
  const grown =
    after.heapUsed + after.arrayBuffers + after.external - before.heapUsed - before.arrayBuffers - before.external
  t.ok(grown < 8 * 1024 * 1024, `${(grown / 400 / 1024).toFixed(0)} KiB a message of 200 KiB`)
  t.end()
})
