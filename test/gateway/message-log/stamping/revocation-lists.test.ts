/** Stamping while the revocation list of a time-stamp authority is not to be had. */

import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import t from 'tap'
import type { TimeStampClientOptions } from '../../../../gateway/message-log/stamping/time-stamp-client.ts'
import { listsInTokens, openTimeStampClient } from '../../../../gateway/message-log/stamping/time-stamp-client.ts'
import { openStore } from '../../../../gateway/message-log/store/engine.ts'
import { readToken } from '../../../../gateway/protocol/time-stamp-token.ts'
import { makeLogRig } from '../log-rig.ts'
import { requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'

const HOUR_MS = 3_600_000
const root = randomBytes(32)

async function rigOf(t: Test, more: Partial<TimeStampClientOptions> = {}) {
  const trust = await openTrustRig()
  t.teardown(trust.close)
  let skewMs = 0
  const options = {
    authorities: () => trust.authorities,
    now: () => Date.now() + skewMs,
    timeoutMs: 300,
    listAgeMsMax: 0,
    // The authority's clock does not move with ours.
    offsetMsMax: 100 * HOUR_MS,
    ...more,
  }
  const open = (again: Partial<TimeStampClientOptions> = {}) => {
    const client = openTimeStampClient({ ...options, ...again })
    t.teardown(client.close)
    return client
  }
  return {
    trust,
    open,
    passTo: (hours: number) => {
      skewMs = hours * HOUR_MS
    },
  }
}

const SILENT = { mode: 'silent' } as const

t.test('the list at hand serves until its end, then for a day where there is no better one', async (t) => {
  const { trust, open, passTo } = await rigOf(t)
  const client = open()
  const first = await client.stamp(root)
  t.notOk('isListOld' in first)
  await trust.behave('crl', SILENT)

  t.notOk('isListOld' in (await client.stamp(root)), 'it is current')
  passTo(2)
  const late = await client.stamp(root)
  t.equal(late.isListOld, true, 'it ended an hour ago')
  t.same(readToken(late.token).revocationLists, readToken(first.token).revocationLists)
  passTo(24)
  t.equal((await client.stamp(root)).isListOld, true)
  passTo(26)
  await t.rejects(client.stamp(root), /ended too long ago/)

  passTo(0)
  await trust.behave('crl', { mode: 'ok' })
  t.notOk('isListOld' in (await client.stamp(root)), 'and all is well again')
})

t.test('who does not send a list is not waited for again and again', async (t) => {
  const { trust, open } = await rigOf(t, { listAgeMsMax: 60_000 })
  const client = open({ listAgeMsMax: 60_000 })
  await client.stamp(root)
  await trust.behave('crl', SILENT)

  const began = performance.now()
  for (let time = 0; time < 3; time++) await client.stamp(root)
  t.ok(performance.now() - began < 900, 'less than three waits')
})

t.test('a list that was never seen is no list', async (t) => {
  const { trust, open } = await rigOf(t)
  for (const how of [SILENT, { mode: 'wrong', kind: 'other-signer' }, { mode: 'wrong', kind: 'expired' }]) {
    await trust.behave('crl', how)

    await t.rejects(open().stamp(root), /No revocation list is known/, JSON.stringify(how))
  }
})

t.test('a unit that the last list revokes is not asked', async (t) => {
  const { trust, open, passTo } = await rigOf(t)
  const client = open()
  await trust.revoke('tsa.pem')
  t.equal((await client.stamp(root)).url, trust.authorities[1]?.url)
  await trust.behave('crl', SILENT)
  passTo(2)

  const { url, isListOld } = await client.stamp(root)
  t.same([url, isListOld], [trust.authorities[1]?.url, true])
  await trust.behave('tsa2', SILENT)
  await t.rejects(client.stamp(root), /revoked/)
})

t.test('an authority with a current list comes before one with an old list', async (t) => {
  const other = await openTrustRig({ crlValidityMs: 10 * HOUR_MS })
  t.teardown(other.close)
  const { trust, open, passTo } = await rigOf(t)
  const client = open({ authorities: () => [...trust.authorities, ...other.authorities] })
  t.equal((await client.stamp(root)).url, trust.authorities[0]?.url)
  await trust.behave('crl', SILENT)
  passTo(2)

  const { url, isListOld } = await client.stamp(root)
  t.same([url, isListOld], [other.authorities[0]?.url, undefined])
})

t.test('after a start, the lists in the latest tokens are known', async (t) => {
  const { trust, open } = await rigOf(t)
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const options = { authorities: () => trust.authorities, timeStamps: { timeoutMs: 300 } }
  const log = await rig.open(options)
  await log.append(requestRecord())
  await log.stampNow()
  await log.close()
  await trust.behave('crl', SILENT)
  await t.rejects(open().stamp(root), 'without them there is none')

  const store = openStore(rig.options.file)
  t.equal(listsInTokens(store.batches).length, 1)
  t.notOk('isListOld' in (await open({ known: listsInTokens(store.batches) }).stamp(root)))
  t.ok(await open({ known: [randomBytes(50), ...listsInTokens(store.batches)] }).stamp(root))
  store.close()
  const again = await rig.open(options)
  await again.append(requestRecord())
  await again.stampNow()
  t.equal(again.health().unstamped, 0)
})
