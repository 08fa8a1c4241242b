import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { NewRecord } from '../../../../gateway/message-log/message-log.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { bodyOf } from '../../../../gateway/transport/spool.ts'
import { openEvidenceRig } from '../../evidence/evidence-rig.ts'

t.setTimeout(170_000)

t.test('signatures that hold', async (t) => {
  const rig = await openEvidenceRig(t)
  await rig.exchange()
  await rig.exchange({}, { outcome: 'refusal' })
  await rig.exchange({ body: undefined }, { body: undefined })

  t.match(await verifyLog(rig.reader, { anchors: [], signatures: true }), { isWhole: true, records: 7 })
})

t.test('signatures over something else, recorded like any other', async (t) => {
  const cases: Readonly<Record<string, (one: NewRecord, other: NewRecord) => Partial<NewRecord>>> = {
    'another message': (_, { signature }) => ({ signature }),
    'another body': () => ({ body: bodyOf(Buffer.from(randomUUID())) }),
    'another certificate beside it': ({ etsiU }) => {
      const [, revocation] = JSON.parse(etsiU) as string[]
      return { etsiU: JSON.stringify([revocation, revocation]) }
    },
  }
  for (const [what, change] of Object.entries(cases)) {
    const { log, reader, request } = await openEvidenceRig(t)
    const [[one], [other]] = [await request(), await request()]
    const { replaySender: _, ...sent } = one
    const { seq } = await log.append({ ...sent, side: 'consumer', direction: 'out', ...change(one, other) })

    t.equal((await verifyLog(reader, { anchors: [] })).damage, null, `${what}: every hash fits`)
    t.match((await verifyLog(reader, { anchors: [], signatures: true })).damage, { seq, kind: 'signature' }, what)
  }
})
