/** A gateway's own renewal, with real parts: its log, its thread, authorities of which one will not last. */

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openRenewal } from '../../../gateway/admin/renewal.ts'
import { logPlace } from '../../../gateway/config/config.ts'
import { openMessageLog } from '../../../gateway/message-log/open-log.ts'
import { openLogReader } from '../../../gateway/message-log/reading/reader.ts'
import { requestRecord } from '../message-log/messages.ts'
import { judge } from '../message-log/renewal/renewal-rig.ts'
import { openTrustRig } from '../message-log/trust-rig.ts'
import { makeConfigRig } from './config-rig.ts'

t.setTimeout(120_000)
const DAY_MS = 86_400_000

t.test('renews what will end, with what lasts, and tells the operator', async (t) => {
  const config = await (await makeConfigRig(t)).configOf()
  t.match(config.log, { renewDaysBefore: 30, algorithmEnds: { sha256: '2031-12-31', sha512: null } })
  const trust = await openTrustRig({ daysLeft: 20 })
  t.teardown(trust.close)
  const place = logPlace(config)
  const log = await openMessageLog({
    ...place,
    gateway: config.gateway,
    retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
    authorities: () => trust.authorities,
    now: Date.now,
  })
  t.teardown(() => log.close())
  const reader = openLogReader(place)
  t.teardown(() => reader.close())
  await log.append(requestRecord())
  await log.stampNow()
  const lines: [string, object][] = []
  const say = (level: string) => (event: object) => void lines.push([level, event])

  const renewal = openRenewal({
    ...{ config, place, reader, authorities: () => trust.authorities, now: Date.now, firstCheckMs: 1 },
    log: { info: say('info'), warn: say('warn') } as never,
  })
  t.teardown(renewal.close)
  for (let waited = 0; lines.length < 2 && waited < 30_000; waited += 50) await sleep(50)

  t.match(lines, [
    ['warn', { event: 'renewal-ahead', reason: 'certificate', days: Number }],
    ['info', { event: 'renewed', damaged: 0, renewed: [{ kind: 'time-stamp', leaves: 1 }] }],
  ])
  const { certificateEndsAt = 0, algorithmEndsAt } = renewal.health()
  t.ok(certificateEndsAt > Date.now() + 1000 * DAY_MS)
  t.equal(algorithmEndsAt, Date.parse('2032-01-01T00:00:00Z'))
  const judging = { reader, directory: config.directory, caFile: trust.caFile }
  t.same((await judge(judging, 1)).stamps, ['sha256 4', 'sha256 1'])
})
