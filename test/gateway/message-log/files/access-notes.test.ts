import { chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { noteAccess, openAccessNotes } from '../../../../gateway/message-log/files/access-notes.ts'
import type { Access } from '../../../../gateway/message-log/record/access-event.ts'
import { until } from '../../../security/waiting.ts'

const AT = Date.parse('2026-11-02T09:00:00.123Z')
const ACCESS: Access = { by: 'console:meier', looked: { part: 'body', seq: 7 } }

t.test('a note is taken up in its order, as an event of the log, and is gone', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'log.sqlite')
  noteAccess(file, ACCESS, AT + 1)
  noteAccess(file, { by: 'console:meier', looked: { part: 'evidence', exchange: 'x-1' } }, AT)
  const events: string[] = []

  const notes = openAccessNotes({ file, append: async (event) => events.push(String(event)), report: t.fail })
  await until('both are taken up', 5000, () => events.length === 2)
  noteAccess(file, { by: 'console:kurz', looked: { part: 'evidence', query: { purpose: 'UMZUG_VAMS' } } }, AT + 2)
  await until('what comes later is, too', 5000, () => events.length === 3)
  await notes.close()

  t.strictSame(events, [
    '{"v":1,"event":"access","by":"console:meier","part":"evidence","exchange":"x-1","lookedAt":"2026-11-02T09:00:00.123Z"}',
    '{"v":1,"event":"access","by":"console:meier","part":"body","seq":7,"lookedAt":"2026-11-02T09:00:00.124Z"}',
    '{"v":1,"event":"access","by":"console:kurz","part":"evidence","query":{"purpose":"UMZUG_VAMS"},"lookedAt":"2026-11-02T09:00:00.125Z"}',
  ])
  t.strictSame(await readdir(join(directory, 'access-notes')), [])
})

t.test('while the log cannot be written, a note waits', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'log.sqlite')
  noteAccess(file, ACCESS, AT)
  let tries = 0

  const notes = openAccessNotes({
    file,
    append: async () => {
      tries += 1
      throw new Error('the disk is full')
    },
    report: t.fail,
  })
  await until('it was tried twice', 10_000, () => tries === 2)
  await notes.close()

  t.equal((await readdir(join(directory, 'access-notes'))).length, 1)
})

t.test('what is no note is not put on record, told of once, and kept', async (t) => {
  const directory = t.testdir()
  const folder = join(directory, 'access-notes')
  await mkdir(folder)
  const operator = JSON.stringify({ v: 1, event: 'access', by: `operator:${'a'.repeat(64)}`, references: 1 })
  const long = JSON.stringify({ v: 1, event: 'access', by: 'console:x', part: 'x'.repeat(5000) })
  await writeFile(join(folder, '1.json'), 'no JSON')
  await writeFile(join(folder, '2.json'), operator)
  await writeFile(join(folder, '3.json'), long)
  await writeFile(join(folder, '4.json.next'), 'half')
  const problems: string[] = []

  const notes = openAccessNotes({
    file: join(directory, 'log.sqlite'),
    append: async () => t.fail('nothing is put on record'),
    report: ({ problem }) => problems.push(problem),
  })
  await until('all were looked at', 5000, () => problems.length === 3)
  await notes.close()

  t.strictSame((await readdir(folder)).sort(), ['1.json.bad', '2.json.bad', '3.json.bad', '4.json.next'])
})

t.test('a note that cannot be read is told of, and keeps no other one waiting', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'log.sqlite')
  // A directory is what nobody can read as a file, not even root.
  await mkdir(join(directory, 'access-notes', '1.json'), { recursive: true })
  noteAccess(file, ACCESS, AT)
  const events: string[] = []
  const problems: string[] = []

  const notes = openAccessNotes({
    file,
    append: async (event) => events.push(String(event)),
    report: ({ problem }) => problems.push(problem),
  })
  await until('the other is taken up', 5000, () => events.length === 1)
  await sleep(2500)
  await notes.close()

  t.match(problems, [/1\.json, EISDIR$/])
  t.equal(problems.length, 1, 'once')
})

const asRoot = process.getuid?.() === 0 ? false : 'only root can give a file away'

t.test('what root notes, the user of the gateway can take up', { skip: asRoot }, async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'log.sqlite')
  await chown(directory, 4711, 4712)

  noteAccess(file, ACCESS, AT)

  const notes = join(directory, 'access-notes')
  const [name = ''] = await readdir(notes)
  for (const path of [notes, join(notes, name)]) t.match(await stat(path), { uid: 4711, gid: 4712 })
})

t.test('where no note can be written, nothing may be shown', async (t) => {
  const directory = t.testdir({ 'access-notes': 'a file' })

  t.throws(() => noteAccess(join(directory, 'log.sqlite'), ACCESS, AT), { code: 'LoggingFailed' })
})
