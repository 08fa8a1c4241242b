/**
 * What of damage to a log is found, by whom. By the log alone: everything but that its newest records are not there any
 * more. By a batch head that a partner has received, or a token in evidence that was given out: everything up to the end of
 * that batch. What came later, only the partner's records show: `owl log reconcile` finds the missing twin.
 */

import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { markPlaceOf } from '../../../../gateway/message-log/keys/high-water.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { openTwoLogs } from '../witness/two-logs.ts'
import { checkDamage } from './damage-property.ts'
import { rewriteLog } from './insider.ts'

t.setTimeout(170_000)

t.test('whatever is done to the files is found, to the bound of what others hold', async (t) => {
  await checkDamage(t, 60)
})

t.test('what is lost after the last head that a partner has is found by comparing logs', async (t) => {
  const logs = await openTwoLogs(t)
  const { asking, asked } = logs
  const covered = [await logs.exchange(), await logs.exchange()]
  await asked.log.stampNow().catch(() => undefined)
  const heads = headsOf(asked.rig.options.file)
  const later = [await logs.exchange(), await logs.exchange()]
  await asked.log.close()

  const verify = async () => {
    const reader = openLogReader(asked.rig.options)
    try {
      const [alone, witnessed] = [
        await verifyLog(reader, { anchors: [] }),
        await verifyLog(reader, { anchors: [], heads }),
      ]
      return { alone: alone.isWhole, witnessed: witnessed.isWhole }
    } finally {
      reader.close()
    }
  }
  const rewrite = (dropped: string | undefined): void => {
    rewriteLog({
      file: asked.rig.options.file,
      mark: markPlaceOf(asked.rig.options),
      drop: ({ requestId }) => requestId === dropped,
    })
  }
  t.same(await verify(), { alone: true, witnessed: true })

  rewrite(later[1])
  t.same(await verify(), { alone: true, witnessed: true }, 'the newest, with every hash made to fit: nobody holds them')
  const { findings, alarms } = await logs.compare(asking, asked)
  t.match(findings, [{ requestId: later[1], reason: 'missing', isAlarm: true, missingAt: 'partner' }])
  t.equal(alarms, 1)

  rewrite(covered[1])
  t.same(await verify(), { alone: true, witnessed: false }, 'one that the head covers')
})

function headsOf(file: string): { batch: number; sha256: string }[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database
      .prepare('SELECT number, header_sha256 AS header FROM batch')
      .all()
      .map(({ number, header }) => ({
        batch: Number(number),
        sha256: Buffer.from(header as Uint8Array).toString('hex'),
      }))
  } finally {
    database.close()
  }
}
