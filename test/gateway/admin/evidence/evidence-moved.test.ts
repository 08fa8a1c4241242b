/** Evidence out of a log that was renewed and archived, in either order, as an operator has it: command by command. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { sha256 } from '../../../../gateway/protocol/hash-tree.ts'
import { bodyOf } from '../../../../gateway/transport/spool.ts'
import { erVerified, unzipped } from '../../evidence/outside-tools.ts'
import { endRecord, requestRecord } from '../../message-log/messages.ts'
import { renew } from '../../message-log/renewal/renewal-rig.ts'
import { openTrustRig } from '../../message-log/trust-rig.ts'
import { owl } from '../../owl.ts'
import { makeConfigRig } from '../config-rig.ts'

// Each command is a process of its own, and the machine may be busy.
t.setTimeout(240_000)

const BODY = Buffer.from('{"person":1}')

type Step = 'time-stamps' | 'hash trees' | 'archive'

/** A log of an exchange with all of that done to it, at rest. */
async function rigOf(t: Test, steps: readonly Step[]) {
  const { fileOf } = await makeConfigRig(t)
  const file = await fileOf()
  const config = await loadConfig(file)
  const place = logPlace(config)
  const trust = await openTrustRig()
  t.teardown(() => trust.close())
  const log = await openMessageLog({
    ...place,
    ...{ gateway: config.gateway, authorities: () => trust.authorities, now: Date.now },
    retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
  })
  const request = requestRecord({ body: bodyOf(BODY) })
  await log.append(endRecord(request, await log.append(request)))
  await log.stampNow()
  await log.close()
  const run = (...args: string[]) => owl(...args, '--config', file)
  for (const step of steps) {
    if (step === 'archive') {
      const { code, err } = await run('log', 'archive', 'run', '--after-days', '0')
      t.equal(code, 0, err)
    } else await renew(place, trust.authorities, step === 'hash trees' ? { hash: 'sha512' } : {})
  }

  async function exported(seq: number) {
    const out = join(config.directory, `${seq}-${Date.now()}.asice`)
    const { code, err } = await run('evidence', 'export', String(seq), '--out', out)
    t.equal(code, 0, err)
    const folder = await unzipped(config.directory, await readFile(out))
    const verified = await owl('evidence', 'verify', out, '--anchors', trust.caFile, '--json')
    const { checks } = JSON.parse(verified.out) as { checks: { id: string; verdict: string; detail?: string }[] }
    return { folder, checks: checks.filter(({ id }) => /^(?:zip|container|record|log-record|body)/.test(id)) }
  }
  async function verify() {
    const reader = openLogReader(place)
    try {
      return await verifyLog(reader, { anchors: trust.authorities })
    } finally {
      reader.close()
    }
  }
  return { run, exported, verify, trust }
}

for (const steps of [
  ['archive', 'time-stamps'],
  ['time-stamps', 'hash trees', 'archive'],
  ['archive', 'hash trees'],
] as const satisfies readonly Step[][]) {
  t.test(steps.join(', '), async (t) => {
    const { run, exported, verify, trust } = await rigOf(t, steps)
    const renewals = steps.filter((step) => step !== 'archive').length
    const list = await run('log', 'archive', 'list', '--json')
    t.match(JSON.parse(list.out), { files: [{ first: 1, last: 3, state: 'ok' }] })

    for (const seq of [1, 2, 3]) {
      const { folder, checks } = await exported(seq)
      t.equal(await erVerified(trust.caFile, folder), 'VALID', `record ${seq}`)
      const bad = checks.filter(({ verdict }) => verdict === 'failed' || verdict === 'not-checked')
      // The messages of these tests are signed by nobody.
      t.same(
        bad.filter(({ id }) => id.startsWith('record.') || id.startsWith('zip.')),
        [],
        `record ${seq}`,
      )
      const form = checks.find(({ id }) => id === 'record.form')?.detail
      t.match(form, renewals === 0 ? 'not renewed' : `renewed ${renewals}×`)
    }
    t.match(await verify(), { isWhole: true, damage: null })

    const erased = await run('log', 'erase', '1', '--body', '--reason', 'Widerruf')
    t.equal(erased.code, 0, erased.err)
    const { folder, checks } = await exported(1)
    t.match(checks.find(({ id }) => id === 'body')?.verdict, 'warning', 'the body is known by digest')
    const broken = checks.filter(({ id, verdict }) => id.startsWith('record.') && verdict === 'failed')
    t.same(broken, [])
    // The independent verifier follows digests through time-stamp renewals only.
    if (!steps.some((step) => step === 'hash trees')) {
      t.equal(await erVerified(trust.caFile, folder, [sha256(BODY).toString('hex')]), 'VALID')
    }
  })
}
