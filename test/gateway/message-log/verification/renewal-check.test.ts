/** Whatever is changed of a renewal shows when the log is verified. */

import { copyFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { makeLogRig } from '../log-rig.ts'
import { requestRecord } from '../messages.ts'
import { renew } from '../renewal/renewal-rig.ts'
import { openTrustRig } from '../trust-rig.ts'

t.setTimeout(120_000)

const DAMAGE = {
  'another root': 'UPDATE renewal SET root = zeroblob(64) WHERE number = 2',
  'another token': 'UPDATE renewal SET token = (SELECT token FROM batch WHERE number = 1) WHERE number = 1',
  'another time': 'UPDATE renewal SET gen_time = gen_time + 1 WHERE number = 1',
  'another end': 'UPDATE renewal SET token_until = token_until + 86400000 WHERE number = 2',
  'other batches': 'UPDATE renewal SET first_batch = 2 WHERE number = 1',
  'batches that are not there': 'UPDATE renewal SET last_batch = 9 WHERE number = 2',
  'fewer leaves': 'UPDATE renewal SET leaves = leaves - 1 WHERE number = 2',
  'another algorithm': "UPDATE renewal SET digest = 'sha384' WHERE number = 2",
  'another kind': "UPDATE renewal SET kind = 'hash-tree' WHERE number = 1",
  'a block gone': 'DELETE FROM renewal_node WHERE renewal = 2 AND level = 0 AND place = 1',
  'a level gone': 'DELETE FROM renewal_node WHERE renewal = 2 AND level = 1',
  'a leaf changed':
    'UPDATE renewal_node SET hashes = CAST(zeroblob(64) || substr(hashes, 65) AS BLOB) WHERE renewal = 2 AND level = 0 AND place = 0',
  'two blocks swapped': `
    UPDATE renewal_node SET place = -1 WHERE renewal = 2 AND level = 0 AND place = 0;
    UPDATE renewal_node SET place = 0 WHERE renewal = 2 AND level = 0 AND place = 1;
    UPDATE renewal_node SET place = 1 WHERE renewal = 2 AND level = 0 AND place = -1`,
  'a leaf of tokens changed': 'UPDATE renewal_node SET hashes = zeroblob(64), root = zeroblob(32) WHERE renewal = 1',
  'the hash of a body gone': 'DELETE FROM renewal_body WHERE seq = 7',
  'the hash of the leaves of a batch gone': 'DELETE FROM renewal_body WHERE seq = 1101',
  'the first renewal gone': 'DELETE FROM renewal WHERE number = 1',
} as const

t.test('finds every change of a renewal', async (t) => {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  t.teardown(async () => {
    await rig.close()
    await trust.close()
  })
  const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })
  for (const count of [1100, 1]) {
    await Promise.all(Array.from({ length: count }, () => log.append(requestRecord())))
    await log.stampNow()
  }
  const { seq } = log.health()
  await log.close()
  t.equal((await renew(rig.options, trust.authorities)).length, 1)
  t.equal((await renew(rig.options, trust.authorities, { hash: 'sha512' })).length, 1)
  const verify = async (file: string) => {
    const reader = openLogReader({ ...rig.options, file })
    try {
      return await verifyLog(reader, { anchors: trust.authorities })
    } finally {
      reader.close()
    }
  }
  t.match(await verify(rig.options.file), { isWhole: true, records: seq, damage: null })

  for (const [what, sql] of Object.entries(DAMAGE)) {
    const copy = `${rig.options.file}.copy`
    await copyFile(rig.options.file, copy)
    const database = new DatabaseSync(copy)
    database.exec('PRAGMA journal_mode = DELETE')
    database.exec(sql)
    database.close()

    t.match(await verify(copy), { isWhole: false, damage: { kind: 'renewal' } }, what)
  }
})
