/** What every message log keeps, whatever it stores its records in. */

import type { Test } from 'tap'
import type { MessageLog } from '../../../gateway/message-log/message-log.ts'
import { endRecord, requestRecord, SENDER } from './messages.ts'

/** @param open a log that is empty the first time, and what was written later on; the one before is closed */
export function messageLogContract(t: Test, open: (t: Test) => Promise<() => Promise<MessageLog>>): void {
  t.test('records get numbers without gaps and a leaf each', async (t) => {
    const log = await (await open(t))()

    const first = await log.append(requestRecord())
    const more = await Promise.all(Array.from({ length: 50 }, () => log.append(requestRecord())))

    t.equal(first.seq, 1)
    t.same(
      more.map(({ seq }) => seq),
      more.map((_, index) => index + 2),
      'in the order in which they were handed over',
    )
    const leaves = new Set([first, ...more].map(({ leaf }) => leaf.toString('hex')))
    t.equal(leaves.size, 51)
    t.ok([...leaves].every((leaf) => /^[0-9a-f]{64}$/.test(leaf)))
  })

  t.test('the chain goes on where it ended', async (t) => {
    const reopen = await open(t)
    const log = await reopen()
    const { id } = log
    await log.append(requestRecord())
    await log.close()

    const again = await reopen()

    t.equal(again.id, id)
    // The open request was closed in doubt, and closing may have closed a batch.
    const { seq } = await again.append(requestRecord())
    t.ok(seq > 2)
  })

  t.test('a request id of a sender is taken once, also across a restart', async (t) => {
    const reopen = await open(t)
    const log = await reopen()
    const request = requestRecord()
    const { requestId } = request

    t.equal(log.seen(SENDER, requestId), false)
    const appending = log.append(request)
    t.equal(log.seen(SENDER, requestId), true, 'while it is being written')
    await appending
    t.equal(log.seen(SENDER, requestId), true)
    t.equal(log.seen('OWL/GOV/05774/SS1', requestId), false, 'another sender has ids of its own')
    await t.rejects(log.append(request), { code: 'ReplayedMessage' })
    await t.resolves(log.append(requestRecord({ requestId, sender: 'OWL/GOV/05774/SS1' })))
    await log.close()

    const again = await reopen()
    t.equal(again.seen(SENDER, requestId), true)
    await t.rejects(again.append(request), { code: 'ReplayedMessage' })
  })

  t.test('of two alike at the same time one is written, and the others around them are', async (t) => {
    const log = await (await open(t))()
    const twin = requestRecord()
    await log.append(requestRecord())

    const all = [requestRecord(), requestRecord(), twin, requestRecord(), twin, requestRecord(), twin]
    const results = await Promise.allSettled(all.map((record) => log.append(record)))

    t.same(
      results.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
    )
    for (const result of results) if (result.status === 'rejected') t.match(result.reason, { code: 'ReplayedMessage' })
    const seqs = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.seq] : []))
    t.same(seqs, [2, 3, 4, 5, 6], 'what was refused leaves no gap')
  })

  t.test('a record without replay key is never a replay', async (t) => {
    const log = await (await open(t))()
    const { replaySender: _, ...request } = requestRecord()

    await log.append(request)
    await t.resolves(log.append(request))
    t.equal(log.seen(SENDER, request.requestId), false)
  })

  t.test('a request has one end', async (t) => {
    const log = await (await open(t))()
    const request = requestRecord()
    const recorded = await log.append(request)

    await log.append(endRecord(request, recorded))

    await t.rejects(log.append(endRecord(request, recorded)), { code: 'InternalError' })
    const both = await log.append(requestRecord())
    const ends = await Promise.allSettled([
      log.append(endRecord(request, both)),
      log.append(endRecord(request, both, { outcome: 'failure' })),
    ])
    t.same(
      ends.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    )
  })

  t.test('a refusal needs no request', async (t) => {
    const log = await (await open(t))()

    const { seq } = await log.append(endRecord(requestRecord(), undefined, { outcome: 'refusal' }))

    t.equal(seq, 1)
  })

  t.test('after closing nothing is taken', async (t) => {
    const log = await (await open(t))()
    const last = log.append(requestRecord())
    await log.close()

    await t.resolves(last, 'what was handed over before is written')
    await t.rejects(log.append(requestRecord()), { code: 'LoggingFailed' })
  })
}
