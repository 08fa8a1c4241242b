/** What the registry says over time: freshness again and again, one text per version, changes in order. */

import { generateKeyPair } from 'jose'
import t from 'tap'
import type { PublishingOptions } from '../../../gateway/registry/publishing.ts'
import { openPublishing } from '../../../gateway/registry/publishing.ts'
import { initRegistry, openRegistry } from '../../../gateway/registry/store.ts'
import { parseFreshness } from '../../../gateway/trust/freshness.ts'
import { CONFIGURATION, FRESHNESS, openDocument } from '../../../gateway/trust/signed-document.ts'
import { makeRegion, removeRegion } from './region.ts'

const region = await makeRegion()
t.teardown(() => removeRegion(region))
const { privateKey, publicKey } = await generateKeyPair('ES256')
const anchor = { thumbprint: '', key: publicKey }
let count = 0

async function rig(options: Partial<PublishingOptions> = {}) {
  const directory = region.path(`publishing-${count++}`)
  initRegistry(directory, region.content, Date.now())
  const [store, other] = [openRegistry(directory), openRegistry(directory)]
  const errors: unknown[] = []
  const onError = (error: unknown) => errors.push(error)
  const publishing = await openPublishing({ store, key: privateKey, now: Date.now, onError, ...options })
  const close = () => {
    publishing.close()
    store.close()
    other.close()
  }
  return { publishing, store, other, errors, close }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

t.test('signs what is stored, octet for octet', async (t) => {
  const { publishing, other, close } = await rig()
  const { configuration, freshness, version, sha256 } = publishing.current()

  t.same(await openDocument(configuration, CONFIGURATION, anchor), other.current().octets)
  const said = parseFreshness(await openDocument(freshness, FRESHNESS, anchor), Date.now())
  t.match(said, { version, sha256 })
  t.equal(said.expiresAt - said.issuedAt, 4 * 3_600_000)
  t.equal(sha256, other.current().sha256)
  close()
})

t.test('says again and again that it is still so', async (t) => {
  const { publishing, close } = await rig({ signIntervalMs: 30, lifetimeMs: 60_000 })
  const before = publishing.current()
  await pause(150)
  const after = publishing.current()

  t.not(after.freshness, before.freshness)
  t.equal(after.configuration, before.configuration, 'while the configuration keeps its one text')
  const said = parseFreshness(await openDocument(after.freshness, FRESHNESS, anchor), Date.now())
  t.equal(said.expiresAt - said.issuedAt, 60_000)
  close()
})

t.test('what it says ends up at the newest change, however fast they come', async (t) => {
  const { publishing, other, close } = await rig({ watchIntervalMs: 5 })
  const seen: number[] = []
  let last = 0
  for (let i = 0; i < 20; i++) {
    last = other.change(Date.now(), (content) => ({
      ...content,
      members: content.members.map((member) => ({ ...member, dvdv: `ags:${i}` })),
    })).version
    await pause(3)
    seen.push(publishing.current().version)
  }
  await publishing.changed(0, 0, AbortSignal.timeout(1))
  while (publishing.current().version !== last) await pause(5)

  t.same(
    seen,
    seen.toSorted((a, b) => a - b),
    'and never goes back',
  )
  close()
})

t.test('those who wait are let go when it ends, when they leave, and when time is up', async (t) => {
  const { publishing, close } = await rig()
  const { version } = publishing.current()
  const leaving = new AbortController()
  const never = new AbortController().signal
  const ends = [
    publishing.changed(version, 10, never),
    publishing.changed(version, 60_000, leaving.signal),
    publishing.changed(version, 60_000, never),
    publishing.changed(version - 1, 60_000, never),
    publishing.changed(version, 60_000, AbortSignal.abort()),
  ]
  await Promise.all([ends[0], ends[3], ends[4]])
  leaving.abort()
  await ends[1]
  close()
  await ends[2]
  t.pass('all of them')
})

t.test('a store that fails leaves what was said before, and is complained about once', async (t) => {
  const { publishing, errors, store, other } = await rig({ signIntervalMs: 20, watchIntervalMs: 5 })
  const before = publishing.current()

  store.close()
  await pause(80)

  t.equal(errors.length, 1)
  t.equal(publishing.current(), before)
  publishing.close()
  other.close()
})
