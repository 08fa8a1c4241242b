/** What the writer makes of a disk that fails: security.md row 28. */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import type { Entry } from '../../../../gateway/message-log/record/entry.ts'
import type { LogPlace } from '../../../../gateway/message-log/record/log-place.ts'
import { openWritable } from '../../../../gateway/message-log/store/sqlite/database.ts'
import { openWritableStore } from '../../../../gateway/message-log/store/sqlite/writing.ts'
import type { LogFile } from '../../../../gateway/message-log/writer/log-file.ts'
import type { RecoverableLog } from '../../../../gateway/message-log/writer/recovery.ts'
import { openRecoverable } from '../../../../gateway/message-log/writer/recovery.ts'
import { GATEWAY, makeLogRig, readTables } from '../log-rig.ts'
import { basis, ETSI_U, requestRecord } from '../messages.ts'

const AT = Date.parse('2026-11-23T10:00:00Z')
/** SQLITE_IOERR_FSYNC: what was written may be on the disk or not. */
const FSYNC_FAILED = Object.assign(new Error('disk I/O error'), { errcode: 1034 })

/** What the next COMMIT does: its work and fails, or only fails. */
type Fault = 'late' | 'early' | undefined

interface Rig {
  readonly log: RecoverableLog
  readonly place: LogPlace
  fail(fault: Fault): void
}

async function openRig(t: Test): Promise<Rig> {
  const rig = await makeLogRig()
  const { file, keyStore, masterKey } = rig.options
  const place = {
    name: `${GATEWAY}/n1`,
    file,
    bodies: join(rig.directory, 'log', 'bodies'),
    archive: join(rig.directory, 'log', 'archive'),
    keys: { directory: keyStore, masterKeyFile: masterKey },
    highWaterFile: join(keyStore, 'high-water.json'),
  }
  let fault: Fault
  const log = openRecoverable(place, AT, (path, name) => openWritableStore(path, name, failing))
  function failing(path: string): DatabaseSync {
    const database = openWritable(path)
    const prepare = database.prepare.bind(database)
    database.prepare = (sql) => {
      const statement = prepare(sql)
      if (sql !== 'COMMIT') return statement
      const run = statement.run.bind(statement)
      statement.run = () => {
        const failing = fault
        fault = undefined
        if (failing === 'early') throw FSYNC_FAILED
        const result = run()
        if (failing === 'late') throw FSYNC_FAILED
        return result
      }
      return statement
    }
    return database
  }
  t.teardown(async () => {
    log.close()
    await rig.close()
  })
  return {
    log,
    place,
    fail(next) {
      fault = next
    },
  }
}

function commit(log: LogFile, entries: readonly Entry[]): readonly unknown[] {
  const textOf = (number: number): string => (number === 0 ? ETSI_U : basis('UMZUG'))
  return log.commit({ at: AT, entries, textOf, replayedSince: 0, inDoubt: [], reason: 'no-end' })
}

function request(): Entry {
  const { body, replaySender, bodyDigest: _, request: __, ...record } = requestRecord()
  return {
    ...record,
    ...{ kind: 'request', at: AT, code: null, stage: null, sender: replaySender ?? null, etsiU: 0, basis: 1 },
    ...{ ends: null, bodyUntil: 0, recordUntil: 0, bodyBytes: body?.size ?? 0, filePath: null, requestLeaf: null },
    ...{ body: body?.bytes ?? null, bodySha256: body?.sha256 ?? null, fileKey: null, subjects: null },
  } as Entry
}

t.test('a commit that is on the disk after all counts, once it is out of the WAL', async (t) => {
  const { log, place, fail } = await openRig(t)

  fail('late')
  const attempt = log.attempt(AT, (file) => commit(file, [request(), request()]))

  t.match(attempt, { problem: 'disk I/O error, 1034', landed: [{ seq: 1 }, { seq: 2 }] })
  t.same(log.opened?.log.open, new Set([1, 2]), 'their exchanges go on')
  t.ok(statSync(`${place.file}-wal`).size < 100_000, 'nothing depends on what was not synced')
  t.match(
    log.attempt(AT, (file) => commit(file, [request()])),
    { value: [{ seq: 3 }] },
  )
})

t.test('a commit that is not there did not happen', async (t) => {
  const { log, fail } = await openRig(t)
  log.attempt(AT, (file) => commit(file, [request()]))

  fail('early')
  const attempt = log.attempt(AT, (file) => commit(file, [request()]))

  t.match(attempt, { problem: 'disk I/O error, 1034', landed: undefined })
  t.same(log.opened?.log.open, new Set([1]))
  t.match(
    log.attempt(AT, (file) => commit(file, [request()])),
    { value: [{ seq: 2 }] },
  )
})

t.test('a mistake of ours in one record leaves nothing of its commit, and the log goes on', async (t) => {
  const { log } = await openRig(t)

  const attempt = log.attempt(AT, (file) => commit(file, [request(), { ...request(), head: null }]))

  t.match(attempt, { problem: String, landed: undefined })
  t.match(
    log.attempt(AT, (file) => commit(file, [request()])),
    { value: [{ seq: 1 }] },
  )
})

t.test('as long as the WAL cannot be emptied the log stays closed', async (t) => {
  const { log, place, fail } = await openRig(t)
  log.attempt(AT, (file) => commit(file, [request()]))
  const reader = new DatabaseSync(place.file, { readOnly: true })
  t.teardown(() => reader.isOpen && reader.close())
  reader.exec('BEGIN; SELECT * FROM record')

  fail('late')
  const attempt = log.attempt(AT, (file) => commit(file, [request()]))

  t.match(attempt, { problem: 'disk I/O error, 1034; the WAL is still in use', landed: undefined })
  t.equal(log.opened, undefined)
  t.match(
    log.attempt(AT, (file) => commit(file, [request()])),
    { problem: /closed/ },
  )
  t.match(log.recover(AT), /in use/)

  reader.close()
  t.equal(log.recover(AT), undefined)
  // Its exchange was told that nothing was written, so nobody will end it.
  t.same(log.opened?.log.open, new Set([1]))
  const kinds = readTables(place).prepare('SELECT kind, ends FROM record ORDER BY seq').all()
  t.match(kinds, [{ kind: 'request' }, { kind: 'request' }, { kind: 'in-doubt', ends: 2 }])
})

t.test('an end that was lost closes its request in doubt', async (t) => {
  const { log, fail } = await openRig(t)
  log.attempt(AT, (file) => commit(file, [request(), request()]))
  log.lost.add(2)

  fail('early')
  log.attempt(AT, (_file, { store }) => store.probe(AT))

  t.same(log.opened?.log.open, new Set([1]))
  t.equal(log.lost.size, 0)
})
