import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { open, seal } from '../../../gateway/message-log/content-cipher.ts'
import { createMasterKey, dayOf, openDayKeys, openKeyStore } from '../../../gateway/message-log/key-store.ts'

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

  t.notMatch(await readFile(file, 'utf8'), new RegExp(`${key.toString('hex')}|${key.toString('base64').slice(0, 40)}`))
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
