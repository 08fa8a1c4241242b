/** Security row 3: what a stolen seal signs after its revocation is no evidence, what was signed before stays. */

import t from 'tap'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import type { Check } from '../../../gateway/evidence/checks.ts'
import { formatContainer } from '../../../gateway/evidence/container.ts'
import type { Verified } from '../../../gateway/evidence/verify.ts'
import type { NewRecord } from '../../../gateway/message-log/message-log.ts'
import { octetsOf } from './outside-tools.ts'
import { openVerifyRig, withVerdict } from './verify-rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const { rig, verify } = await openVerifyRig(t)
const [before, honest] = await rig.request()
await rig.revokeClient()
const [after, stolen] = await rig.request()

/** The thief's gateway records what it likes. */
async function recorded(edit: (record: NewRecord) => NewRecord): Promise<number> {
  const { replaySender: _, ...record } = after
  return (await rig.log.append(edit(record))).seq
}

async function verified(seq: number): Promise<Verified> {
  await rig.log.stampNow()
  return verify(await octetsOf(formatContainer(await openPackages(rig.reader).read(seq))))
}

const revocationIn = ({ checks }: Verified): Check | undefined => checks.find(({ id }) => id === 'signature.revocation')

t.test('what was signed and judged before stays valid', async (t) => {
  const found = await verified(honest.seq)
  t.strictSame(withVerdict(found, 'failed'), [])
  t.match(revocationIn(found), { verdict: 'ok', detail: /: good$/ })
})

t.test('with the answer of the day it is refused', async (t) => {
  const found = await verified(stolen.seq)
  t.equal(found.outcome, 'invalid')
  t.match(revocationIn(found), { verdict: 'failed', detail: /: revoked$/ })
})

t.test('with an answer from before, the record contradicts itself', async (t) => {
  const found = await verified(await recorded((record) => ({ ...record, etsiU: before.etsiU })))
  t.strictSame(withVerdict(found, 'failed'), ['log-record.basis'])
})

t.test('with none it is not said to be good', async (t) => {
  const [xVals] = JSON.parse(after.etsiU) as [string, string]
  const basis = { ...(JSON.parse(after.basis) as object), revocation: [] }
  const seq = await recorded((record) => ({ ...record, etsiU: JSON.stringify([xVals]), basis: JSON.stringify(basis) }))

  const found = await verified(seq)

  t.strictSame(withVerdict(found, 'failed'), [])
  t.match(revocationIn(found), { verdict: 'not-proven', detail: /cannot be told/ })
})
