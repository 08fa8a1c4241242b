/** Kills a process that writes a log, at a random moment, and looks at what it leaves. */

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { openLogReader } from '../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../gateway/message-log/verification/verify.ts'
import type { LogRig } from './log-rig.ts'
import { readTables } from './log-rig.ts'

const CHILD = new URL('./crash-child.ts', import.meta.url).pathname
const STARTING_MS = 150

/** @returns how many records were acknowledged before the kill */
export async function crashAndLook(t: Test, rig: LogRig, afterMs: number): Promise<number> {
  const { gateway, file, keyStore, masterKey } = rig.options
  // A file takes what it is given at once; a pipe that nobody empties in time does not.
  const said = join(rig.directory, `acknowledged-${randomUUID()}`)
  const output = await open(said, 'w')
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ gateway, file, keyStore, masterKey })], {
    stdio: ['ignore', output.fd, 'pipe'],
  })
  await output.close()
  const errors = text(child.stderr as Readable)
  const gone = once(child, 'exit')
  await sleep(STARTING_MS + afterMs)
  child.kill('SIGKILL')
  await gone
  t.equal(await errors, '', 'it ran until it was killed')
  // The last line may be cut off: then its record was not acknowledged.
  const acknowledged = (await readFile(said, 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ') as [string, string])

  const log = await rig.open()
  const reader = openLogReader(rig.options)
  try {
    const verified = await verifyLog(reader, { anchors: [] })
    t.match(verified, { isWhole: true }, `after ${afterMs} ms: ${acknowledged.length} acknowledged`)
    const leaves = readTables(rig.options).prepare('SELECT leaf FROM record WHERE seq = ?')
    const lost = acknowledged.filter(([seq, leaf]) => {
      const found = leaves.get(Number(seq))?.['leaf'] as Uint8Array | undefined
      return found === undefined || Buffer.from(found).toString('hex') !== leaf
    })
    t.same(lost, [], 'every acknowledged record is there')
    const open = readTables(rig.options)
      .prepare(
        `SELECT count(*) AS n FROM record AS request WHERE kind = 'request'
         AND NOT EXISTS (SELECT 1 FROM record WHERE ends = request.seq)`,
      )
      .get()
    t.equal(open?.['n'], 0, 'no request is left without an end')
    return acknowledged.length
  } finally {
    reader.close()
    await log.close()
  }
}
