/** Two who write one database: who waits, for how long, and what becomes of work that throws. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { beginWriting, openTurns } from '../../../../../gateway/message-log/store/sqlite/write-turns.ts'

async function pairOf(t: Test, timeout = 0) {
  const directory = await mkdtemp(join(tmpdir(), 'owl-turns-'))
  const file = join(directory, 'log.sqlite')
  const [one, other] = [new DatabaseSync(file), new DatabaseSync(file, { timeout })]
  one.exec('PRAGMA journal_mode = WAL; CREATE TABLE word (text TEXT) STRICT')
  t.teardown(async () => {
    one.close()
    other.close()
    await rm(directory, { recursive: true })
  })
  const words = (): unknown[] =>
    one
      .prepare('SELECT text FROM word')
      .all()
      .map(({ text }) => text)
  return { one, other, words }
}

t.test('a turn waits for as long as somebody else has the lock', async (t) => {
  const { one, other, words } = await pairOf(t)
  const turn = openTurns({ database: other })
  one.exec('BEGIN IMMEDIATE')
  let isDone = false
  const waiting = turn(() => other.exec("INSERT INTO word VALUES ('mine')")).finally(() => {
    isDone = true
  })
  await sleep(1500)
  t.equal(isDone, false)
  one.exec("INSERT INTO word VALUES ('theirs'); COMMIT")
  await waiting
  t.same(words(), ['theirs', 'mine'])
})

t.test('a turn comes between the commits of a writer that never rests', async (t) => {
  const { one, other, words } = await pairOf(t)
  const turn = openTurns({ database: other })
  let isDone = false
  const waiting = (async () => {
    for (let round = 0; round < 20; round++) await turn(() => other.exec("INSERT INTO word VALUES ('mine')"))
    isDone = true
  })()
  let rounds = 0
  for (; !isDone; rounds++) {
    one.exec("BEGIN IMMEDIATE; INSERT INTO word VALUES ('theirs')")
    // With the lock held: the other can only try.
    await sleep(5)
    one.exec('COMMIT')
    await sleep(1)
  }
  await waiting
  t.equal(words().filter((word) => word === 'mine').length, 20)
  t.equal(words().filter((word) => word === 'theirs').length, rounds)
})

t.test('work that throws leaves nothing, nor the lock', async (t) => {
  const { one, other, words } = await pairOf(t)
  const turn = openTurns({ database: other })
  const failing = turn(() => {
    other.exec("INSERT INTO word VALUES ('mine')")
    throw new Error('halfway')
  })
  await t.rejects(failing, { message: 'halfway' })
  t.same(words(), [])
  one.exec('BEGIN IMMEDIATE; COMMIT')
  await t.rejects(
    turn(() => other.exec('INSERT INTO nowhere VALUES (1)')),
    /no such table/,
  )
  t.equal(await turn(() => 7), 7)
})

t.test('a turn that is waited for can be given up', async (t) => {
  const { one, other } = await pairOf(t)
  const stopping = new AbortController()
  const turn = openTurns({ database: other, signal: stopping.signal })
  one.exec('BEGIN IMMEDIATE')
  const waiting = turn(() => {})
  await sleep(20)
  stopping.abort(new Error('enough'))
  await t.rejects(waiting, { message: 'enough' })
  one.exec('ROLLBACK')
})

t.test('the writer waits ten times as long as its connection, then says so', async (t) => {
  const { one, other } = await pairOf(t, 30)
  const begin = other.prepare('BEGIN IMMEDIATE')
  one.exec('BEGIN IMMEDIATE')
  const began = performance.now()
  t.throws(() => beginWriting(begin), /locked/)
  t.ok(performance.now() - began >= 280)
  one.exec('ROLLBACK')
  beginWriting(begin)
  t.throws(() => beginWriting(begin), /within a transaction/, 'anything else at once')
})
