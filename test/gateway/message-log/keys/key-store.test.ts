import { link, mkdir, mkdtemp, open as openFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { open, seal } from '../../../../gateway/message-log/keys/content-cipher.ts'
import {
  createMasterKey,
  dayOf,
  finishDestroying,
  openDayKeys,
  openKeyStore,
} from '../../../../gateway/message-log/keys/key-store.ts'

const DAY = dayOf(Date.parse('2026-11-23T23:59:59.999Z'))

async function place(t: Test): Promise<{ directory: string; masterKeyFile: string }> {
  const home = await mkdtemp(join(tmpdir(), 'owl-keys-'))
  t.teardown(() => rm(home, { recursive: true }))
  const masterKeyFile = join(home, 'master.key')
  createMasterKey(masterKeyFile)
  const directory = join(home, 'keys')
  await mkdir(directory)
  return { directory, masterKeyFile }
}

t.test('makes one key per day, purpose and use, and finds it again', async (t) => {
  const options = await place(t)
  const keys = openKeyStore(options)
  const names = [DAY, DAY + 1].flatMap((day) =>
    ['UMZUG', 'refusal'].flatMap((purpose) => (['record', 'body'] as const).map((use) => ({ day, purpose, use }))),
  )

  t.equal(keys.read({ day: DAY, purpose: 'UMZUG', use: 'body' }), undefined, 'reading makes none')
  const made = names.map((name) => keys.obtain(name).toString('hex'))

  t.equal(new Set(made).size, 8)
  const again = openKeyStore(options)
  t.same(
    names.map((name) => again.obtain(name).toString('hex')),
    made,
  )
  t.same(
    names.map((name) => again.read(name)?.toString('hex')),
    made,
  )
  t.same(await readdir(options.directory), ['2026-11-23.json', '2026-11-24.json'])
})

t.test('what is on the disk says nothing without the master key', async (t) => {
  const options = await place(t)
  const key = openKeyStore(options).obtain({ day: DAY, purpose: 'UMZUG', use: 'body' })
  const file = join(options.directory, '2026-11-23.json')

  const stored = await readFile(file, 'utf8')
  for (const encoding of ['hex', 'base64', 'base64url'] as const)
    t.notOk(stored.includes(key.toString(encoding).slice(0, 40)), encoding)
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.equal((await stat(options.masterKeyFile)).mode & 0o777, 0o600)
  await rm(options.masterKeyFile)
  t.throws(() => openKeyStore(options), { name: 'LogOpenError', flaw: 'keys' })
  await writeFile(options.masterKeyFile, Buffer.alloc(31))
  t.throws(() => openKeyStore(options), { name: 'LogOpenError', flaw: 'keys' })
  await rm(options.masterKeyFile)
  createMasterKey(options.masterKeyFile)
  t.throws(() => openKeyStore(options), { name: 'LogOpenError', flaw: 'keys' }, 'another one opens nothing')
  t.throws(() => createMasterKey(options.masterKeyFile), { code: 'EEXIST' }, 'a master key is never replaced')
})

t.test('a key stands under its own name only', async (t) => {
  const options = await place(t)
  const keys = openKeyStore(options)
  keys.obtain({ day: DAY, purpose: 'UMZUG', use: 'body' })
  keys.obtain({ day: DAY, purpose: 'UMZUG', use: 'record' })
  const file = join(options.directory, '2026-11-23.json')
  const text = await readFile(file, 'utf8')

  await writeFile(file, text.replace('"body/', '"x/').replace('"record/', '"body/').replace('"x/', '"record/'))

  t.throws(() => openKeyStore(options), { name: 'LogOpenError', flaw: 'keys' })
})

t.test('a store that is gone is not taken for an empty one', async (t) => {
  const options = await place(t)
  await rm(options.directory, { recursive: true })

  t.throws(() => openKeyStore(options), { name: 'LogOpenError', flaw: 'keys' })
  openKeyStore(options, true)
  t.same(await readdir(options.directory), [])
})

t.test('a destroyed key is gone, and what it sealed with it', async (t) => {
  const options = await place(t)
  const key = openKeyStore(options).obtain({ day: DAY, purpose: 'UMZUG', use: 'body' })
  const share = Buffer.alloc(32, 1)
  const sealed = seal('body', key, share, Buffer.from('text'))
  t.same(open('body', key, share, sealed), Buffer.from('text'))
  await rm(join(options.directory, '2026-11-23.json'))

  const keys = openKeyStore(options)
  t.equal(keys.read({ day: DAY, purpose: 'UMZUG', use: 'body' }), undefined)
  const other = keys.obtain({ day: DAY, purpose: 'UMZUG', use: 'body' })
  t.throws(() => open('body', other, share, sealed))
})

t.test('destroys one key, overwrites it, and leaves the others', async (t) => {
  const options = await place(t)
  const keys = openKeyStore(options)
  const [name, other, later] = [
    { day: DAY, purpose: 'UMZUG', use: 'body' },
    { day: DAY, purpose: 'A/B', use: 'record' },
    { day: DAY + 1, purpose: 'UMZUG', use: 'body' },
  ] as const
  for (const each of [name, other, later]) keys.obtain(each)
  const file = join(options.directory, '2026-11-23.json')
  const before = await readFile(file, 'utf8')
  const wrapped = (JSON.parse(before) as { keys: Record<string, string> }).keys['body/UMZUG'] ?? ''
  // Whoever has the old file open sees what becomes of its octets.
  const handle = await openFile(file)
  t.same(keys.names(), [name, other, later])

  keys.destroy(name)
  keys.destroy(name)

  t.same(keys.names(), [other, later])
  for (const store of [keys, openKeyStore(options)]) {
    t.equal(store.read(name), undefined)
    t.ok(store.read(other) && store.read(later))
  }
  const { buffer } = await handle.read(Buffer.alloc(before.length + 1), 0, before.length + 1, 0)
  await handle.close()
  t.same(buffer, Buffer.alloc(before.length + 1), 'the octets of the old file are overwritten')
  t.notOk((await readFile(file, 'utf8')).includes(wrapped))
  keys.destroy(other)
  t.same(await readdir(options.directory), ['2026-11-24.json'], 'with its last key the file is gone')
})

t.test('a crash while keys are destroyed costs no other key, and leaves none', async (t) => {
  const options = await place(t)
  const [first, second] = [
    { day: DAY, purpose: 'UMZUG', use: 'body' },
    { day: DAY, purpose: 'UMZUG', use: 'record' },
  ] as const
  const keys = openKeyStore(options)
  keys.obtain(first)
  const file = join(options.directory, '2026-11-23.json')
  const one = await readFile(file)
  keys.obtain(second)
  const both = await readFile(file)
  const states: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['the second name is given', () => link(file, `${file}.erasing`)],
    ['the new file is written', () => Promise.all([link(file, `${file}.erasing`), writeFile(`${file}.next`, one)])],
    ['the new file is in its place', () => writeFile(`${file}.erasing`, both)],
    ['only the old one is left', () => writeFile(`${file}.erasing`, both).then(() => rm(file))],
  ]
  for (const [when, make] of states) {
    await writeFile(file, both)
    await make()
    const isThere = (await readdir(options.directory)).includes('2026-11-23.json')
    finishDestroying(options.directory)
    t.same(await readdir(options.directory), isThere ? ['2026-11-23.json'] : [], when)
    if (isThere) t.same(await readFile(file), both, 'what is in its place stays')
  }
})

t.test('the keys of a day are those of the store', async (t) => {
  const keys = openKeyStore(await place(t))
  const ofDay = openDayKeys(keys)

  const { record, body } = ofDay(DAY, 'UMZUG')
  t.same(record, keys.read({ day: DAY, purpose: 'UMZUG', use: 'record' }))
  t.same(body, keys.read({ day: DAY, purpose: 'UMZUG', use: 'body' }))
  t.notSame(ofDay(DAY + 1, 'UMZUG').record, record)
  t.same(ofDay(DAY, 'UMZUG').record, record)
})

t.test('sealed octets open only as what they are', async (t) => {
  const [key, share] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const sealed = seal('head', key, share, Buffer.from('POST'))

  t.same(open('head', key, share, sealed), Buffer.from('POST'))
  t.same(open('head', key, share, seal('head', key, share, Buffer.alloc(0))), Buffer.alloc(0))
  t.throws(() => open('body', key, share, sealed))
  t.throws(() => open('head', Buffer.alloc(32), share, sealed))
  t.throws(() => open('head', key, Buffer.alloc(32), sealed))
  t.throws(() => open('head', key, share, sealed.subarray(1)))
  t.throws(() => open('head', key, share, Buffer.alloc(10)))
  t.throws(() => seal('head', Buffer.alloc(16), share, sealed), TypeError)
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => open('head', key, share, changed))
  }
})
