/** The registry's memory: versions grow, a bad change leaves nothing behind, and nothing inconsistent gets in. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Content } from '../../../gateway/registry/store.ts'
import { initRegistry, openRegistry } from '../../../gateway/registry/store.ts'
import { makeRegion, removeRegion } from './region.ts'

const region = await makeRegion()
t.teardown(() => removeRegion(region))
const { content } = region
const NOW = Date.parse('2026-11-23T10:00:00.000Z')
let count = 0

function openNew(start: Content = content) {
  const directory = region.path(`registry-${count++}`)
  initRegistry(directory, start, NOW)
  return { directory, store: openRegistry(directory) }
}

const withPurpose = (code: string) => (before: Content) => {
  const [first] = before.purposes
  return { ...before, purposes: [...before.purposes, { ...(first as (typeof before.purposes)[number]), code }] }
}

t.test('numbers versions by the clock, and past it when changes are faster', (t) => {
  const { store } = openNew()
  const first = store.current().version

  const second = store.change(NOW + 10, withPurpose('A')).version
  const third = store.change(NOW - 3_600_000, withPurpose('B')).version
  const fourth = store.change(NOW + 60_000, withPurpose('C')).version

  t.same([first, second, third, fourth], [NOW / 1000, NOW / 1000 + 1, NOW / 1000 + 2, NOW / 1000 + 60])
  t.equal(store.current().version, fourth)
  t.equal(store.at(second)?.configuration.purposes.length, 2)
  t.equal(store.at(first - 1), undefined)
  store.close()
  t.end()
})

t.test('publishes the same content only once', (t) => {
  const { store } = openNew()
  const before = store.current()

  const after = store.change(NOW + 5000, (same) => ({ ...same }))

  t.equal(after.version, before.version)
  t.equal(after.sha256, before.sha256)
  store.close()
  t.end()
})

t.test('keeps the octets that are signed', (t) => {
  const { directory, store } = openNew()
  const { octets, sha256 } = store.current()
  store.close()

  const again = openRegistry(directory)

  t.same(again.current().octets, octets)
  t.equal(again.current().sha256, sha256)
  again.close()
  t.end()
})

t.test('notices what another process changed', (t) => {
  const { directory, store } = openNew()
  t.equal(store.hasChanged(), false)

  const source = `
    import { openRegistry } from ${JSON.stringify(new URL('../../../gateway/registry/store.ts', import.meta.url).href)}
    const store = openRegistry(${JSON.stringify(directory)})
    store.change(${NOW + 1000}, (before) => ({ ...before, purposes: [], agreements: [] }))
    store.close()`
  const script = join(mkdtempSync(join(tmpdir(), 'owl-store-')), 'change.mjs')
  writeFileSync(script, source)
  execFileSync(process.execPath, [script])

  t.equal(store.hasChanged(), true)
  t.equal(store.hasChanged(), false)
  t.same(store.current().configuration.purposes, [])
  store.close()
  t.end()
})

t.test('opens nothing that was not made, and makes nothing twice', (t) => {
  const { directory, store } = openNew()
  store.close()

  t.throws(() => openRegistry(region.path('typo')), /holds no registry/)
  t.throws(() => initRegistry(directory, content, NOW), /already holds/)
  t.throws(() => initRegistry(region.path('bad'), { ...content, instance: 'XYZ' }, NOW), TypeError)
  t.throws(() => openRegistry(region.path('bad')), /holds no registry/, 'a refused start leaves nothing')
  t.end()
})

type Spoil = (content: Content) => unknown
const first = <T>(list: readonly T[]): T => list[0] as T
const replaceFirst = <T extends object>(list: readonly T[], change: object): readonly T[] =>
  list.map((item, i) => (i === 0 ? { ...item, ...change } : item))

const REFUSED: Record<string, [RegExp, Spoil]> = {
  'an unknown member': [/has no extra/, (c) => ({ ...c, extra: 1 })],
  'an unknown member deep inside': [/additional/, (c) => ({ ...c, services: replaceFirst(c.services, { extra: 1 }) })],
  'a missing member': [/must have/, (c) => ({ ...c, services: undefined })],
  'no issuing CA': [/fewer than 1/, (c) => ({ ...c, authorities: { ...c.authorities, issuing: [] } })],
  'a member twice': [/twice/, (c) => ({ ...c, members: [...c.members, first(c.members)] })],
  'a service twice': [/twice/, (c) => ({ ...c, services: [...c.services, first(c.services)] })],
  'a gateway twice': [/twice/, (c) => ({ ...c, gateways: [...c.gateways, first(c.gateways)] })],
  'a purpose twice': [/twice/, (c) => ({ ...c, purposes: [...c.purposes, first(c.purposes)] })],
  'an agreement twice': [/twice/, (c) => ({ ...c, agreements: [...c.agreements, first(c.agreements)] })],
  'a certificate twice': [
    /certificate .* twice/,
    (c) => ({ ...c, members: c.members.map((m) => ({ ...m, seals: first(c.members).seals })) }),
  ],
  'a fingerprint of something else': [
    /fingerprint/,
    (c) => {
      const seal = { ...first(first(c.members).seals), sha256: '0'.repeat(64) }
      return { ...c, members: replaceFirst(c.members, { seals: [seal] }) }
    },
  ],
  'a foreign instance': [
    /identifier of OWL/,
    (c) => ({ ...c, members: [...c.members, { ...first(c.members), id: 'EE/GOV/1', seals: [] }] }),
  ],
  'a code that would need an escape': [
    /not an identifier/,
    (c) => ({
      ...c,
      members: replaceFirst(c.members, { subsystems: [{ code: 'A B', name: 'x' }] }),
      gateways: [],
      agreements: [],
      services: [],
    }),
  ],
  'a code of dots': [
    /not an identifier/,
    (c) => ({
      ...c,
      members: replaceFirst(c.members, { subsystems: [{ code: '..', name: 'x' }] }),
      gateways: [],
      agreements: [],
      services: [],
    }),
  ],
  'a gateway of nobody': [
    /member is not registered/,
    (c) => ({ ...c, gateways: replaceFirst(c.gateways, { id: 'OWL/GOV/1/gw1' }) }),
  ],
  'a gateway for an unknown subsystem': [
    /is not registered/,
    (c) => ({ ...c, gateways: replaceFirst(c.gateways, { subsystems: ['OWL/GOV/05774032/NONE'] }) }),
  ],
  'a gateway without TLS': [
    /must match pattern/,
    (c) => ({ ...c, gateways: replaceFirst(c.gateways, { address: 'http://127.0.0.1:1' }) }),
  ],
  'a service of an unknown subsystem': [
    /its subsystem is not registered/,
    (c) => ({ ...c, agreements: [], services: replaceFirst(c.services, { id: 'OWL/GOV/05711000/NONE/vams' }) }),
  ],
  'an agreement for an unknown client': [
    /is not registered/,
    (c) => ({ ...c, agreements: replaceFirst(c.agreements, { client: 'OWL/GOV/05774032/NONE' }) }),
  ],
  'an agreement on an unknown service': [
    /is not registered/,
    (c) => ({ ...c, agreements: replaceFirst(c.agreements, { service: 'OWL/GOV/05711000/MELDEWESEN/none' }) }),
  ],
  'an agreement for an unknown purpose': [/purpose .* is not registered/, (c) => ({ ...c, purposes: [] })],
  'an agreement that ends before it begins': [
    /ends before/,
    (c) => ({ ...c, agreements: replaceFirst(c.agreements, { validUntil: '2025-01-01T00:00:00.000Z' }) }),
  ],
  'an agreement whose id has a separator': [
    /id of an agreement/,
    (c) => ({ ...c, agreements: replaceFirst(c.agreements, { id: 'a;b' }) }),
  ],
  'the purpose of refusals': [
    /cannot be the code/,
    (c) => ({ ...c, agreements: [], purposes: replaceFirst(c.purposes, { code: 'refusal' }) }),
  ],
}

for (const [name, [message, spoil]] of Object.entries(REFUSED)) {
  t.test(`refuses ${name}`, (t) => {
    const { store } = openNew()
    const before = store.current()

    t.throws(() => store.change(NOW + 1000, (content) => spoil(content) as Content), { message })

    t.equal(store.current().version, before.version, 'nothing changed')
    t.same(store.change(NOW + 2000, withPurpose('AFTER')).version, NOW / 1000 + 2, 'and nothing is locked')
    store.close()
    t.end()
  })
}
