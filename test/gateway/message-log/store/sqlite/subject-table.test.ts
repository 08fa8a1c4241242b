/** Who is in which record: found by pseudonym, gone with the record, in no file in the clear. */

import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import t from 'tap'
import { openPseudonyms, PSEUDONYM_BYTES } from '../../../../../gateway/message-log/keys/pseudonyms.ts'
import { openReadable } from '../../../../../gateway/message-log/store/sqlite/database.ts'
import {
  openSubjectErasing,
  openSubjectSearch,
  openSubjectTable,
  SUBJECT_TABLE,
} from '../../../../../gateway/message-log/store/sqlite/subject-table.ts'
import { GATEWAY, makeLogRig } from '../../log-rig.ts'
import { endRecord, requestRecord } from '../../messages.ts'

const PERSON = 'person:MUELLER|JOERG|1979-05-19'
const OTHER = 'idnr:02496138955'

t.test('records are found by whom they are about, and by nobody else', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open()
  const about = async (subjects: string[], answer: string[] = []): Promise<number[]> => {
    const request = requestRecord()
    const asked = await log.append({ ...request, subjects })
    const told = await log.append({ ...endRecord(request, asked), subjects: answer })
    return [asked.seq, told.seq]
  }

  const [first] = await about([PERSON])
  await about([])
  const [, second] = await about([OTHER], [OTHER, PERSON])
  await log.close()

  const { pseudonyms, search, close } = openSearch(rig.options)
  t.teardown(close)
  t.same(await search(pseudonyms.of([PERSON])), [first, second])
  t.same(
    await search(pseudonyms.of([OTHER])),
    [3, 4].map((n) => n + 2),
  )
  t.same(await search(pseudonyms.of([PERSON, OTHER])), [first, 5, second])
  t.same(await search(pseudonyms.of(['person:MUELLER|JOERG|1979-05-18'])), [])
})

t.test('a pseudonym is of this log, and of its master key', async (t) => {
  const [rig, another] = [await makeLogRig(), await makeLogRig()]
  t.teardown(async () => Promise.all([rig.close(), another.close()]))
  const { masterKey } = rig.options
  const of = (file: string, name: string): string => openPseudonyms(file, name).of([PERSON]).toString('hex')

  t.equal(of(masterKey, 'a/n1'), of(masterKey, 'a/n1'))
  t.not(of(masterKey, 'a/n1'), of(masterKey, 'a/n2'))
  t.not(of(masterKey, 'a/n1'), of(another.options.masterKey, 'a/n1'))
  t.equal(of(masterKey, 'a/n1').length, 2 * PSEUDONYM_BYTES)
  const direct = createHmac('sha256', readFileSync(masterKey)).update(PERSON).digest('hex')
  t.not(of(masterKey, 'a/n1'), direct.slice(0, 2 * PSEUDONYM_BYTES), 'the master key is used for nothing itself')
})

t.test('who is erased is not found, and nothing of the pseudonym is left', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  let later = 0
  const log = await rig.open({ now: () => Date.now() + later })
  const request = requestRecord()
  const asked = await log.append({ ...request, subjects: [PERSON] })
  const told = await log.append({ ...endRecord(request, asked), subjects: [PERSON] })
  const erase = (seq: number, what: 'body' | 'record') =>
    log.decide({ event: 'erasure', what, id: randomUUID(), by: 'console', reason: 'Widerruf', records: { seq } })

  t.match(await erase(told.seq, 'body'), { records: 1 })
  const { pseudonyms, search, database, close } = openSearch(rig.options)
  t.teardown(close)
  const pseudonym = pseudonyms.of([PERSON])
  t.same(await search(pseudonym), [asked.seq, told.seq], 'that something was exchanged is known as long as its record')
  // A request id is remembered for a day.
  later = 2 * 86_400_000
  t.match(await erase(told.seq, 'record'), { records: 1 })
  t.same(await search(pseudonym), [asked.seq])
  const rows = database.prepare('SELECT entries FROM subject').all()
  t.equal(Buffer.concat(rows.map((row) => row['entries'] as Uint8Array)).length, PSEUDONYM_BYTES + 6)
})

t.test('no reference is in a file', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open()
  const canary = `kfz:CANARY${randomBytes(8).toString('hex')}`
  await log.append({ ...requestRecord(), subjects: [canary] })
  const texts = ['utf8', 'hex', 'base64'].map((form) =>
    form === 'utf8'
      ? canary.slice(4)
      : Buffer.from(canary.slice(4))
          .toString(form as 'hex')
          .slice(0, 20),
  )
  let files = 0
  for (const entry of readdirSync(rig.directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    files += 1
    const octets = readFileSync(join(entry.parentPath, entry.name))
    t.notOk(
      texts.some((text) => octets.includes(text)),
      entry.name,
    )
  }
  t.ok(files > 3)
})

t.test('whatever is added, paged and erased: what is found is what is there', { timeout: 60_000 }, async (t) => {
  const person = (n: number): Buffer =>
    Buffer.from(`${String(n).padStart(PSEUDONYM_BYTES - 4, 'x')}`.padStart(16, 'same'))
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ add: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 3 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ erase: fc.uniqueArray(fc.integer({ min: 1, max: 900 }), { maxLength: 400 }) }),
    },
    { weight: 1, arbitrary: fc.record({ many: fc.integer({ min: 1, max: 700 }) }) },
    { weight: 1, arbitrary: fc.constant({ reopen: true }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const database = new DatabaseSync(':memory:')
      database.exec(SUBJECT_TABLE)
      let table = openSubjectTable(database)
      const known = new Map<number, number[]>()
      let seq = 0
      const add = (people: number[]): void => {
        // Records without subjects lie between.
        seq += 1 + (seq % 3)
        table.add(seq, Buffer.concat(people.map(person)))
        known.set(seq, people)
      }
      for (const each of steps) {
        if ('add' in each) add(each.add)
        else if ('many' in each) for (let n = 0; n < each.many; n++) add([n % 7])
        else if ('reopen' in each) table = openSubjectTable(database)
        else {
          openSubjectErasing(database)(each.erase)
          for (const gone of each.erase) known.delete(gone)
        }
      }
      const search = openSubjectSearch(database)
      for (let n = 0; n < 7; n++) {
        const expected = [...known].filter(([, people]) => people.includes(n)).map(([at]) => at)
        const found = await search(person(n))
        if (JSON.stringify(found) !== JSON.stringify(expected)) return false
      }
      const left = database.prepare('SELECT entries FROM subject').all()
      const octets = Buffer.concat(left.map((row) => row['entries'] as Uint8Array))
      database.close()
      return octets.length / 22 === [...known.values()].reduce((sum, people) => sum + people.length, 0)
    }),
    { numRuns: 60 },
  )
  t.pass('in 60 histories')
})

function openSearch(options: Parameters<typeof openPseudonymsOf>[0]) {
  const database = openReadable(options.file)
  return {
    pseudonyms: openPseudonymsOf(options),
    search: openSubjectSearch(database),
    database,
    close: () => database.close(),
  }
}

function openPseudonymsOf({ masterKey }: { readonly masterKey: string; readonly file: string }) {
  return openPseudonyms(masterKey, `${GATEWAY}/n1`)
}
