/** The gateway's view of the region against every registry that lies, withholds or repeats itself. Security rows 22–24. */

import { hash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CryptoKey } from 'jose'
import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import pino from 'pino'
import t from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import type { Content } from '../../../gateway/registry/store.ts'
import type { Configuration } from '../../../gateway/trust/configuration.ts'
import type { Adopted, GlobalConfigurationOptions } from '../../../gateway/trust/global-configuration.ts'
import { openGlobalConfiguration } from '../../../gateway/trust/global-configuration.ts'
import { CONFIGURATION, FRESHNESS, loadAnchor } from '../../../gateway/trust/signed-document.ts'
import { makeRegion, removeRegion } from '../registry/region.ts'

const region = await makeRegion()
t.teardown(() => removeRegion(region))
const { privateKey, publicKey } = await generateKeyPair('ES256')
const { privateKey: stranger, publicKey: strangerPublic } = await generateKeyPair('ES256')
const anchor = { thumbprint: await calculateJwkThumbprint(await exportJWK(publicKey)), key: publicKey }
const START = Date.parse('2026-11-23T10:00:00.000Z')
const HOUR_MS = 3_600_000
let count = 0

interface Says {
  readonly version?: number
  readonly content?: Partial<Content>
  readonly issuedAt?: number
  readonly lifetimeMs?: number
  readonly key?: CryptoKey
  /** Changes of the documents before they are signed. */
  readonly freshness?: object
  readonly configuration?: object
  readonly header?: object
  readonly sha256?: string
}

/** A registry that says what the test wants it to say, signed. */
function scripted(now: () => number) {
  let freshness = ''
  let configuration = ''
  let reachable = true
  const asked = { freshness: 0, configuration: 0 }

  async function say(says: Says): Promise<void> {
    const { version = START / 1000, content, issuedAt = now(), lifetimeMs = 4 * HOUR_MS, key = privateKey } = says
    const { header } = says
    const issued = new Date(START).toISOString()
    const full = { ...region.content, version, issued, ...content, ...says.configuration } as Configuration
    const octets = Buffer.from(JSON.stringify(full))
    const document = {
      version,
      sha256: says.sha256 ?? hash('sha256', octets, 'hex'),
      issued: new Date(issuedAt).toISOString(),
      expires: new Date(issuedAt + lifetimeMs).toISOString(),
      ...says.freshness,
    }
    configuration = await sign(octets, { alg: 'ES256', typ: CONFIGURATION, ...header }, key)
    freshness = await sign(Buffer.from(JSON.stringify(document)), { alg: 'ES256', typ: FRESHNESS, ...header }, key)
  }

  return {
    say,
    asked,
    serve: (documents: { freshness?: string; configuration?: string }) => {
      freshness = documents.freshness ?? freshness
      configuration = documents.configuration ?? configuration
    },
    documents: () => ({ freshness, configuration }),
    down: () => {
      reachable = false
    },
    client: {
      async freshness() {
        asked.freshness++
        if (!reachable) throw new Error('ECONNREFUSED')
        return freshness
      },
      async configuration() {
        asked.configuration++
        return configuration
      },
      async close() {},
    },
  }
}

async function sign(octets: Uint8Array, header: object, key: CryptoKey): Promise<string> {
  const signing = new CompactSign(octets).setProtectedHeader(header as { alg: string })
  return signing.sign(key, { crit: { b64: false, sigD: false } })
}

async function rig(options: Partial<GlobalConfigurationOptions> = {}) {
  let at = START
  const now = () => at
  const registry = scripted(now)
  const lines: Record<string, unknown>[] = []
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const directory = options.directory ?? region.path(`gateway-${count++}`)
  const open = (more: Partial<GlobalConfigurationOptions> = {}) =>
    openGlobalConfiguration({
      registry: registry.client,
      anchor,
      directory,
      log,
      now,
      pollIntervalMs: 60_000,
      pollGapMs: 1,
      ...options,
      ...more,
    })
  return { registry, lines, directory, open, now, pass: (ms: number) => (at += ms) }
}

/** A gateway that uses version START/1000. */
async function settled(options: Partial<GlobalConfigurationOptions> = {}) {
  const all = await rig(options)
  await all.registry.say({})
  const gateway = await all.open()
  await gateway.refreshNow()
  gateway.usable(all.now())
  return { ...all, gateway, version: START / 1000 }
}

const alarmsOf = (health: { alarms: readonly { alarm: string }[] }) => health.alarms.map(({ alarm }) => alarm)

const LIES: Record<string, [reason: RegExp, says: Says, alarm?: string]> = {
  'an older version': [/rollback/, { version: START / 1000 - 1, issuedAt: START + 1000 }, 'registry-rollback'],
  'the same version with other content': [
    /split-view/,
    { content: { agreements: [] }, issuedAt: START + 1000 },
    'registry-split-view',
  ],
  'a version from far ahead': [
    /fast-forward/,
    { version: START / 1000 + 200_000, issuedAt: START + 1000 },
    'registry-fast-forward',
  ],
  'an expired freshness': [/expired/, { version: START / 1000 + 1, issuedAt: START - 5 * HOUR_MS }],
  'an older freshness': [/older/, { version: START / 1000 + 1, issuedAt: START - 1000 }],
  'a freshness from the future': [/future/, { version: START / 1000 + 1, issuedAt: START + 2 * HOUR_MS }],
  'a freshness for a week': [/promises/, { version: START / 1000 + 1, lifetimeMs: 7 * 24 * HOUR_MS }],
  'a freshness that ends before it begins': [/promises/, { version: START / 1000 + 1, lifetimeMs: -1 }],
  'a freshness with another member': [/not a freshness/, { version: START / 1000 + 1, freshness: { more: 1 } }],
  'a version that is no integer': [/not a freshness/, { freshness: { version: `${START}` } }],
  'a time that is none': [
    /not a freshness/,
    { version: START / 1000 + 1, freshness: { expires: '2026-99-99T00:00:00.000Z' } },
  ],
  'another key': [/verification/, { version: START / 1000 + 1, key: stranger }],
  'a configuration that is not the one of the freshness': [
    /not the one/,
    { version: START / 1000 + 1, sha256: 'a'.repeat(64) },
  ],
  'a configuration that names another version': [
    /another version/,
    { version: START / 1000 + 1, configuration: { version: START / 1000 + 2 } },
  ],
  'a configuration that does not hold together': [
    /not registered/,
    { version: START / 1000 + 1, content: { services: [] } },
  ],
  'a header with a key': [/header/, { version: START / 1000 + 1, header: { jwk: {} } }],
  'a header with kid': [/header/, { version: START / 1000 + 1, header: { kid: 'x' } }],
  'a header with jku': [/header/, { version: START / 1000 + 1, header: { jku: 'https://127.0.0.1' } }],
  'a header without typ': [/header/, { version: START / 1000 + 1, header: { typ: undefined } }],
  'another typ': [/header/, { version: START / 1000 + 1, header: { typ: 'JWT' } }],
  'swapped documents': [/header/, { version: START / 1000 + 1, header: { typ: CONFIGURATION } }],
}

for (const [name, [reason, says, alarm]] of Object.entries(LIES)) {
  t.test(`does not take up ${name}`, async (t) => {
    const { registry, gateway, version, now, directory } = await settled()
    const before = gateway.usable(now())
    await registry.say(says)

    await gateway.refreshNow()

    t.equal(gateway.usable(now()), before, 'the old one stays in use')
    t.match(gateway.health(now()).failure, reason)
    t.same(alarmsOf(gateway.health(now())), alarm === undefined ? [] : [alarm])
    t.same(readdirSync(directory).sort(), [`${version}.jws`, 'freshness.jws', 'highest.json'])
    await registry.say({ version: version + 5, issuedAt: START + 2000 })
    await gateway.refreshNow()
    t.equal(gateway.usable(now()).version, version + 5, 'and the next good one is taken up')
    await gateway.close()
  })
}

t.test('does not take up a document in another spelling', async (t) => {
  const { registry, gateway, version, now } = await settled()
  await registry.say({ version: version + 1 })
  const { freshness } = registry.documents()
  const [header = '', payload = '', signature = ''] = freshness.split('.')
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: FRESHNESS })).toString('base64url')
  const spellings = [
    `${freshness}=`,
    `${header}.${payload}.${signature}==`,
    ` ${freshness}`,
    `${freshness}\n`,
    `${header}=.${payload}.${signature}`,
    freshness.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    `${unsigned}.${payload}.`,
    `${unsigned}.${payload}.${signature}`,
    `${header}.${payload}`,
    `${freshness}.`,
    '',
  ]
  for (const spelling of spellings) {
    registry.serve({ freshness: spelling })
    await gateway.refreshNow()
    t.equal(gateway.usable(now()).version, version, JSON.stringify(spelling.slice(-8)))
  }
  registry.serve({ freshness })
  await gateway.refreshNow()
  t.equal(gateway.usable(now()).version, version + 1, 'while the one spelling is')
  await gateway.close()
})

t.test('a frozen registry stops the gateway when the promise ends, also across restarts', async (t) => {
  const { registry, gateway, now, pass, open, lines } = await settled()
  pass(11 * 60_000)
  await gateway.refreshNow()
  t.equal(gateway.health(now()).state, 'late', 'the same freshness again is no news')
  t.equal(lines.filter(({ msg }) => /getting old/.test(String(msg))).length, 1)
  t.equal(gateway.stalenessMs(now()), 11 * 60_000)
  await gateway.refreshNow()
  t.equal(lines.filter(({ msg }) => /getting old/.test(String(msg))).length, 1, 'said once')

  pass(4 * HOUR_MS - 11 * 60_000 - 1)
  t.ok(gateway.usable(now()))
  pass(1)
  t.throws(() => gateway.usable(now()), { code: 'OutdatedGlobalConf' })
  t.equal(gateway.health(now()).state, 'expired')
  await gateway.close()

  const again = await open()
  await again.refreshNow()
  t.throws(() => again.usable(now()), { code: 'OutdatedGlobalConf' })
  t.equal(again.health(now()).state, 'none')
  t.same(alarmsOf(again.health(now())), [], 'old is not tampered')
  await registry.say({})
  await again.refreshNow()
  t.ok(again.usable(now()), 'and the registry heals it')
  await again.close()
})

t.test('what was seen is not undercut after a restart', async (t) => {
  const { registry, gateway, version, now, open } = await settled()
  const old = registry.documents()
  await registry.say({ version: version + 10, issuedAt: START + 1000 })
  await gateway.refreshNow()
  await gateway.close()

  registry.serve(old)
  const again = await open()
  await again.refreshNow()

  t.equal(again.usable(now()).version, version + 10)
  t.same(alarmsOf(again.health(now())), ['registry-rollback'])
  await again.close()
})

const TAMPERED: Record<string, (directory: string, version: number) => void> = {
  'a configuration with one octet changed': (directory, version) => {
    const path = join(directory, `${version}.jws`)
    const text = readFileSync(path, 'utf8')
    writeFileSync(
      path,
      text.replace(/\.(.)/, (_, first) => `.${first === 'e' ? 'f' : 'e'}`),
    )
  },
  'no configuration': (directory, version) => rmSync(join(directory, `${version}.jws`)),
  'a freshness that is none': (directory) => writeFileSync(join(directory, 'freshness.jws'), 'x.y.z'),
  'a mark that cannot be read': (directory) => writeFileSync(join(directory, 'highest.json'), '{"version":1e99}'),
  'a mark of another content': (directory, version) =>
    writeFileSync(join(directory, 'highest.json'), JSON.stringify({ version, sha256: 'b'.repeat(64) })),
}

for (const [name, tamper] of Object.entries(TAMPERED)) {
  t.test(`starting on ${name} raises an alarm`, async (t) => {
    const { registry, gateway, version, now, open, directory } = await settled()
    await gateway.close()
    registry.down()
    tamper(directory, version)

    const again = await open()

    t.strictSame(alarmsOf(again.health(now())), ['configuration-tampered'], 'and nothing else is accused')
    if (name !== 'a mark that cannot be read') t.throws(() => again.usable(now()), { code: 'OutdatedGlobalConf' })
    else t.equal(again.usable(now()).version, version, 'the copy itself is signed')
    await again.close()
  })
}

/** Also for root, who may read everything. */
function unreadable(file: string): void {
  rmSync(file)
  mkdirSync(file)
}

/** What is no attack, by what an operator is told of it. */
const MISFORTUNES: Record<
  string,
  {
    readonly harm: (directory: string) => void
    readonly options?: Partial<GlobalConfigurationOptions>
    readonly passMs?: number
    readonly failure: RegExp
    readonly alarms?: readonly string[]
    readonly doubt?: object
  }
> = {
  'a mark that may not be read': {
    harm: (directory) => unreadable(join(directory, 'highest.json')),
    failure: /EISDIR/,
    alarms: ['configuration-unreadable'],
  },
  'a freshness that may not be read': {
    harm: (directory) => unreadable(join(directory, 'freshness.jws')),
    failure: /EISDIR/,
    alarms: ['configuration-unreadable'],
  },
  'a full disk': {
    harm: () => {},
    options: {
      beforeUse: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOSPC', syscall: 'write', errno: -28 })),
    },
    failure: /^the disk is full/,
  },
  'a message log that takes nothing': {
    harm: () => {},
    options: { beforeUse: () => Promise.reject(new GatewayError('LoggingFailed')) },
    failure: /cannot be put on record/,
  },
  'a clock that is an hour behind': {
    harm: () => {},
    passMs: -HOUR_MS,
    failure: /clock is behind/,
    doubt: { direction: 'behind', byMs: HOUR_MS },
  },
  'a clock that is a year behind': {
    harm: () => {},
    passMs: -365 * 24 * HOUR_MS,
    failure: /clock is behind/,
    doubt: { direction: 'behind', byMs: 365 * 24 * HOUR_MS },
  },
}

for (const [name, { harm, options, passMs = 0, failure, alarms = [], doubt }] of Object.entries(MISFORTUNES)) {
  t.test(`starting with ${name} accuses nobody`, async (t) => {
    const { registry, gateway, now, pass, open, directory, lines } = await settled()
    await gateway.close()
    registry.down()
    harm(directory)
    pass(passMs)

    const again = await open(options)

    const health = again.health(now())
    t.strictSame(alarmsOf(health), alarms)
    t.ok(
      lines.some(({ reason = '' }) => failure.test(String(reason))),
      'the log says which it was',
    )
    t.strictSame(health.clockDoubt, doubt)
    if (doubt !== undefined) t.throws(() => again.usable(now()), { message: /clock seems to be behind/ })
    await again.close()
  })
}

t.test('a clock that is ahead is told apart from nothing, once the registry answers', async (t) => {
  const { gateway, now, pass } = await settled()
  pass(5 * HOUR_MS)

  await gateway.refreshNow()

  t.match(gateway.health(now()), { state: 'expired', clockDoubt: { direction: 'ahead', byMs: HOUR_MS }, alarms: [] })
  t.throws(() => gateway.usable(now()), { message: /clock seems to be ahead/ })
  pass(-5 * HOUR_MS)
  await gateway.refreshNow()
  t.equal(gateway.health(now()).clockDoubt, undefined, 'and believed again')
  await gateway.close()
})

t.test('a lost mark is found again in the copies', async (t) => {
  const { registry, gateway, version, now, open, directory } = await settled()
  const old = registry.documents()
  await registry.say({ version: version + 10, issuedAt: START + 1000 })
  await gateway.refreshNow()
  await gateway.close()
  rmSync(join(directory, 'highest.json'))
  rmSync(join(directory, 'freshness.jws'))

  registry.serve(old)
  const again = await open()
  await again.refreshNow()

  t.equal(again.current(), undefined)
  t.same(alarmsOf(again.health(now())), ['registry-rollback'])
  await again.close()
})

t.test('keeps every configuration it used, as received', async (t) => {
  const { registry, gateway, version } = await settled()
  const first = registry.documents().configuration
  await registry.say({ version: version + 1, issuedAt: START + 1000 })
  await gateway.refreshNow()

  t.equal(await gateway.document(version), first)
  t.equal(await gateway.document(version + 1), registry.documents().configuration)
  t.equal(await gateway.document(version + 2), undefined)
  await gateway.close()
})

t.test('uses nothing that the log has not taken note of', async (t) => {
  const noted: Adopted[] = []
  let full = false
  const directory = region.path('noted')
  const { registry, gateway, version, now } = await settled({
    directory,
    beforeUse: async (adopted) => {
      t.ok(readdirSync(directory).includes(`${adopted.version}.jws`), 'it is on disk already')
      if (full) throw new Error('disk full')
      noted.push(adopted)
    },
  })
  full = true
  await registry.say({ version: version + 1, issuedAt: START + 1000 })
  await gateway.refreshNow()
  t.equal(gateway.usable(now()).version, version)

  full = false
  await gateway.refreshNow()

  t.equal(gateway.usable(now()).version, version + 1)
  t.same(
    noted.map((adopted) => adopted.version),
    [version, version + 1],
  )
  t.equal(noted[1]?.jws, registry.documents().configuration)
  await gateway.close()
})

t.test('hearing of a newer version asks at once, however often it is heard', async (t) => {
  const { registry, gateway, version, now } = await settled({ pollGapMs: 200 })
  const { sha256 } = gateway.usable(now()).reference
  await registry.say({ version: version + 1, issuedAt: START + 1000 })
  const before = registry.asked.freshness

  for (let i = 0; i < 1000; i++) gateway.heard({ version: version + 1, sha256 })
  await new Promise((resolve) => setTimeout(resolve, 700))

  t.equal(gateway.usable(now()).version, version + 1)
  t.ok(registry.asked.freshness - before <= 4, `${registry.asked.freshness - before} questions`)
  await gateway.close()
})

t.test('hearing of the same version with another content is alarming', async (t) => {
  const { gateway, version, now } = await settled()
  const own = gateway.usable(now()).reference

  gateway.heard(own)
  t.same(alarmsOf(gateway.health(now())), [])
  gateway.heard({ version, sha256: hash('sha256', 'other', 'base64url') })

  t.same(alarmsOf(gateway.health(now())), ['registry-split-view'])
  t.equal(gateway.usable(now()).reference, own)
  await gateway.close()
})

t.test('a member unknown to this version is overlooked', async (t) => {
  const { registry, gateway, version, now } = await settled()
  await registry.say({ version: version + 1, issuedAt: START + 1000, configuration: { tomorrow: [1, 2] } })

  await gateway.refreshNow()

  t.equal(gateway.usable(now()).version, version + 1)
  await gateway.close()
})

t.test('pins the anchor by file and thumbprint', async (t) => {
  const file = region.path('anchor.jwk.json')
  const jwk = await exportJWK(publicKey)
  writeFileSync(file, JSON.stringify(jwk))
  t.equal((await loadAnchor(file, anchor.thumbprint)).thumbprint, anchor.thumbprint)
  writeFileSync(file, Buffer.from(`\ufeff${JSON.stringify(jwk)}`, 'utf16le'))
  t.equal((await loadAnchor(file, anchor.thumbprint)).thumbprint, anchor.thumbprint, 'as PowerShell saves it')

  await t.rejects(loadAnchor(file, await calculateJwkThumbprint(await exportJWK(strangerPublic))), /thumbprint/)
  const { privateKey: extractable } = await generateKeyPair('ES256', { extractable: true })
  const secret = await exportJWK(extractable)
  writeFileSync(file, JSON.stringify(secret))
  await t.rejects(loadAnchor(file, await calculateJwkThumbprint(secret)), /public key/)
  const p384 = await exportJWK((await generateKeyPair('ES384')).publicKey)
  writeFileSync(file, JSON.stringify(p384))
  await t.rejects(loadAnchor(file, await calculateJwkThumbprint(p384)), /ES256/)
})
