/** A log is judged by every head of it that a partner holds, whatever else is found. */

import { readFile, rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import type { Verdict } from '../../../../gateway/admin/log/verification.ts'
import { verifyOwnLog } from '../../../../gateway/admin/log/verification.ts'
import { openPartners } from '../../../../gateway/admin/partners/partners.ts'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { Conflict, PartnerState } from '../../../../gateway/message-log/witness/partner-states.ts'
import {
  afterFailure,
  openPartnerStates,
  partnersDirectory,
} from '../../../../gateway/message-log/witness/partner-states.ts'
import { endRecord, requestRecord } from '../../message-log/messages.ts'
import { owl } from '../../owl.ts'
import { makeConfigRig } from '../config-rig.ts'

t.setTimeout(120_000)

const { fileOf } = await makeConfigRig(t)
const file = await fileOf()
const config = await loadConfig(file)
const place = logPlace(config)
const log = await openMessageLog({
  ...place,
  gateway: config.gateway,
  retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
  authorities: () => [],
  now: Date.now,
})
const request = requestRecord()
await log.append(endRecord(request, await log.append(request)))
// The batch is closed; nobody stamps it.
await log.stampNow().catch(() => undefined)
const [OWN_LOG = '', , OWN_HEADER = ''] = log.head().split(';')
await log.close()

const PARTNER = 'OWL/GOV/05711000/SS1'
const OTHER_HEADER = Buffer.alloc(32, 7).toString('base64url')
const states = openPartnerStates(partnersDirectory(config))
const BARE = afterFailure(undefined, PARTNER, '', 0)

function conflict(more: Partial<Conflict>): Conflict {
  const at = '2026-11-23T00:00:00.000Z'
  return { kind: 'rewritten', log: OWN_LOG, batch: 1, seq: 0, sha256: OTHER_HEADER, at, proof: null, ...more }
}

async function verified(state: Partial<PartnerState>): Promise<Verdict> {
  states.write({ ...BARE, ...state })
  return verifyOwnLog(config, place)
}

t.test('what a partner was found to hold otherwise', async (t) => {
  const members: readonly [string, readonly Conflict[], string][] = [
    ['another header of a batch', [conflict({})], 'forked'],
    ['a batch that is not there', [conflict({ kind: 'cut-off', batch: 9 })], 'cut-off'],
    ['one that was cut off and written again', [conflict({ kind: 'cut-off' })], 'forked'],
    ['several, and one of another log', [conflict({ log: `${PARTNER}/n1/1` }), conflict({})], 'forked'],
  ]
  for (const [name, conflicts, kind] of members) {
    const verdict = await verified({ conflicts })

    t.match(verdict, { isWhole: false, damage: { kind }, conflicts: [{ partner: PARTNER, log: OWN_LOG }] }, name)
    t.equal(verdict.conflicts.length, 1, name)
  }
})

t.test('what contradicts another log, or nothing any more', async (t) => {
  const members: readonly [string, readonly Conflict[]][] = [
    ['the partner’s own log', [conflict({ log: `${PARTNER}/n1/1`, seq: 1 })]],
    ['this log before it was begun anew', [conflict({ log: OWN_LOG.replace(/\d+$/, '0') })]],
    ['the copy that the partner knows was put back', [conflict({ sha256: OWN_HEADER })]],
  ]
  for (const [name, conflicts] of members) {
    t.match(await verified({ conflicts }), { isWhole: true, damage: null, conflicts: [] }, name)
  }
})

t.test('what else is found is said beside it', async (t) => {
  const anchors = [{ head: [OWN_LOG, 1, OTHER_HEADER] as const, at: BARE.at, proof: null }]

  const verdict = await verified({ conflicts: [conflict({ batch: 9 })], anchors })

  t.match(verdict, { isWhole: false, damage: { kind: 'forked' }, conflicts: [{ batch: 9 }] })
})

t.test('heads that partners vouched for', async (t) => {
  const anchors = [{ head: [OWN_LOG, 1, OTHER_HEADER] as const, at: BARE.at, proof: null }]
  t.match(await verified({ anchors }), { isWhole: false, damage: { kind: 'forked' } })

  const mark = `${place.keyStore}/high-water.json`
  const octets = await readFile(mark)
  await rm(mark)
  t.match(await verified({ anchors }), { isWhole: false }, 'also without a high-water mark')
  await writeFile(mark, octets)
})

t.test('a gateway finds at its start what of it stands', async (t) => {
  const reader = openLogReader(place)
  t.teardown(() => reader.close())
  // What asks partners is not asked here.
  const partners = openPartners({ reader, states, gateway: config.gateway, now: Date.now } as Parameters<
    typeof openPartners
  >[0])
  const anchors = [
    { head: [OWN_LOG, 1, OTHER_HEADER] as const, at: BARE.at, proof: 'a.jws' },
    { head: [OWN_LOG, 9, OTHER_HEADER] as const, at: BARE.at, proof: 'b.jws' },
  ]
  states.write({ ...BARE, anchors })

  partners.checkAnchors()
  partners.checkAnchors()

  const found = partners.ownConflicts().map(({ kind, partner, batch, proof }) => ({ kind, partner, batch, proof }))
  t.strictSame(found, [
    { kind: 'rewritten', partner: PARTNER, batch: 1, proof: 'a.jws' },
    { kind: 'cut-off', partner: PARTNER, batch: 9, proof: 'b.jws' },
  ])
})

t.test('the command says it to people and to scripts', async (t) => {
  const database = new DatabaseSync(place.file)
  database.exec("UPDATE record SET purpose = 'other' WHERE seq = 1")
  database.close()
  states.write({ ...BARE, conflicts: [conflict({})] })

  const { code, out } = await owl('log', 'verify', '--config', file)

  t.equal(code, 3)
  t.notMatch(out, /The log holds/)
  t.match(out, new RegExp(`${PARTNER} holds another batch 1: owl log contradictions`))
  t.match(out, /record 1, key/, 'what else is found beside it')
})
