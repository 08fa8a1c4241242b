import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { markPlaceOf, readHighWater } from '../../../../gateway/message-log/keys/high-water.ts'
import { findLogFault } from '../../../../gateway/message-log/reading/log-fault.ts'
import type { LogRig } from '../log-rig.ts'
import { makeLogRig } from '../log-rig.ts'
import { requestRecord } from '../messages.ts'

t.setTimeout(60_000)

const DAY_FILE = /^\d{4}-\d\d-\d\d\.json$/

t.test('a mark without a MAC is taken over with the keys of its time, and never again', async (t) => {
  const rig = await recorded(t)
  const { options } = rig
  const older = makeOlder(rig)
  t.equal(findLogFault(options), undefined, 'who only reads believes it as well')
  t.match(readHighWater(markPlaceOf(options)), { isOlderForm: true }, 'and changes nothing')

  await (await rig.open()).close()

  t.notMatch(readHighWater(markPlaceOf(options)), { isOlderForm: true })
  writeFileSync(markFile(rig), older)
  await refuses(t, rig, /older form than the key store/, 'an unauthenticated mark')
  for (const name of dayFiles(rig)) {
    const file = JSON.parse(readFileSync(name, 'utf8')) as object
    writeFileSync(name, JSON.stringify({ ...file, v: 1 }))
  }
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'keys' }, 'keys that are said to be older do not open')
})

t.test('what a crash left of a take-over is finished by the next start', async (t) => {
  const rig = await recorded(t)
  const older = makeOlder(rig)
  const keys = dayFiles(rig).map((name) => [name, readFileSync(name)] as const)
  await (await rig.open()).close()
  for (const [name, octets] of keys) writeFileSync(name, octets)

  await (await rig.open()).close()

  writeFileSync(markFile(rig), older)
  await refuses(t, rig, /older form than the key store/, 'it is')
})

t.test('a newer key anywhere in the store is enough to refuse a mark without a MAC', async (t) => {
  const rig = await recorded(t)
  const older = JSON.parse(JSON.parse(readFileSync(markFile(rig), 'utf8')).mark) as object
  writeFileSync(join(rig.options.keyStore, '2099-01-01.json'), '{"v":1,"keys":{}}')
  writeFileSync(markFile(rig), JSON.stringify(older))

  await refuses(t, rig, /older form than the key store/, 'beside an empty day of the older form')
})

t.test('a mark that was changed, is none, or is of another master key', async (t) => {
  const rig = await recorded(t)
  const octets = readFileSync(markFile(rig), 'utf8')
  const { mark, mac } = JSON.parse(octets) as { readonly mark: string; readonly mac: string }
  const changed: readonly unknown[] = [
    { mark: mark.replace(/"seq":\d+/, '"seq":0'), mac },
    { mark, mac: '' },
    { mark },
    { mark, mac: mac.slice(2) },
    { mark, mac: '00'.repeat(32) },
    { mark: 5, mac },
    { mark: null, mac },
  ]
  for (const each of changed) {
    writeFileSync(markFile(rig), JSON.stringify(each))
    await refuses(t, rig, /without the master key/, JSON.stringify(each))
  }
  for (const each of ['', 'x', '[]', '7', 'null']) {
    writeFileSync(markFile(rig), each)
    await refuses(t, rig, /high-water mark/, each)
  }
  writeFileSync(markFile(rig), octets)
  await t.resolves(rig.open())
})

t.test('database and mark that are deleted together are missed by the key store', async (t) => {
  const rig = await recorded(t)
  rmSync(markFile(rig))
  await rm(dirname(rig.options.file), { recursive: true })

  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'behind', message: /key store says that it had records/ })
  t.match(findLogFault(rig.options), { flaw: 'behind' })
})

t.test('older copies of database, mark and key store put back together are not told from the log here', async (t) => {
  const rig = await recorded(t)
  const copy = join(rig.directory, 'copy')
  for (const part of ['log', 'secret']) await cp(join(rig.directory, part), join(copy, part), { recursive: true })
  const log = await rig.open()
  await log.append(requestRecord())
  await log.close()
  for (const part of ['log', 'secret']) {
    await rm(join(rig.directory, part), { recursive: true })
    await cp(join(copy, part), join(rig.directory, part), { recursive: true })
  }

  await t.resolves(rig.open(), 'partners hold its heads')
})

/** A closed log with a record and a mark beyond its beginning. */
async function recorded(t: Test): Promise<LogRig> {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open()
  await log.append(requestRecord())
  await log.stampNow().catch(() => undefined)
  await log.close()
  return rig
}

async function refuses(t: Test, rig: LogRig, message: RegExp, what: string): Promise<void> {
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'damaged', message }, what)
  t.match(findLogFault(rig.options), { flaw: 'damaged', message }, 'who only reads says so as well')
}

function markFile({ options }: LogRig): string {
  return join(options.keyStore, 'high-water.json')
}

function dayFiles({ options: { keyStore } }: LogRig): string[] {
  return readdirSync(keyStore)
    .filter((name) => DAY_FILE.test(name))
    .map((name) => join(keyStore, name))
}

/** Mark and keys as they were written before marks had a MAC. @returns the mark */
function makeOlder(rig: LogRig): string {
  const master = readFileSync(rig.options.masterKey)
  for (const path of dayFiles(rig)) {
    const date = path.slice(-'0000-00-00.json'.length, -'.json'.length)
    const { keys } = JSON.parse(readFileSync(path, 'utf8')) as { readonly keys: Record<string, string> }
    const older = Object.entries(keys).map(([entry, wrapped]) => {
      const octets = Buffer.from(wrapped, 'base64')
      const opened = createDecipheriv('aes-256-gcm', master, octets.subarray(0, 12), { authTagLength: 16 })
      opened.setAAD(Buffer.from(`2/${date}/${entry}`)).setAuthTag(octets.subarray(-16))
      const key = Buffer.concat([opened.update(octets.subarray(12, -16)), opened.final()])
      const nonce = randomBytes(12)
      const sealed = createCipheriv('aes-256-gcm', master, nonce).setAAD(Buffer.from(`${date}/${entry}`))
      const content = [nonce, sealed.update(key), sealed.final(), sealed.getAuthTag()]
      return [entry, Buffer.concat(content).toString('base64')] as const
    })
    writeFileSync(path, JSON.stringify({ v: 1, keys: Object.fromEntries(older) }))
  }
  const { mark } = JSON.parse(readFileSync(markFile(rig), 'utf8')) as { readonly mark: string }
  writeFileSync(markFile(rig), mark)
  return mark
}
