/** Nothing of a message is readable in what the log leaves on the disk. security.md rows 36 and 37. */

import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Body } from '../../../gateway/protocol/body.ts'
import { bodyOf, openSpool } from '../../../gateway/transport/spool.ts'
import { makeLogRig } from './log-rig.ts'
import { endRecord, nextRequestId, requestRecord } from './messages.ts'

t.test('no octet of head or body is in database, WAL, bodies or key store', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open()
  const spool = await openSpool({ directory: join(rig.directory, 'spool'), spoolAboveBytes: 1000 })
  const canaries: string[] = []
  const canary = (): string => {
    const text = `canary-${randomBytes(12).toString('hex')}`
    canaries.push(text)
    return text
  }
  const large = `${canary()}${'.'.repeat(70_000)}${canary()}`
  const spooled = await spool.receive(Readable.from([Buffer.from(large)]), { bytesMax: 1e6, tooLarge: 'BadRequest' })

  for (const body of [bodyOf(Buffer.from(`{"name":"${canary()}"}`)), spooled as Body]) {
    const request = requestRecord({ body })
    const head = Buffer.from(request.head.toString('latin1').replace('?a=1', `?name=${canary()}`), 'latin1')
    const recorded = await log.append({ ...request, head })
    const fault = bodyOf(Buffer.from(`{"detail":"${canary()}"}`))
    await log.append(endRecord(request, recorded, { outcome: 'refusal', body: fault }))
    await log.append({ ...request, requestId: nextRequestId(), head }).catch(() => {})
    const refusal = await log.append({ ...request, head }).catch((error: Error) => error)
    t.ok(refusal instanceof Error)
    t.notMatch(String((refusal as Error).stack), /canary/)
  }

  const open = await contentsOf(rig.directory)
  await log.close()
  const closed = await contentsOf(rig.directory)

  t.equal(canaries.length, 7)
  for (const [when, files] of [
    ['while the log is open', open],
    ['when it is closed', closed],
  ] as const) {
    t.ok(
      [...files.keys()].some((name) => name.endsWith('log.sqlite')),
      `${files.size} files ${when}`,
    )
    for (const [name, octets] of files) {
      const found = canaries.flatMap(spellings).filter((spelling) => octets.includes(spelling))
      t.same(found, [], `${name} ${when}`)
    }
  }
  t.ok(
    [...open.keys()].some((name) => name.endsWith('-wal') && (open.get(name)?.length ?? 0) > 0),
    'the WAL was looked at',
  )
  t.notMatch(JSON.stringify(rig.events), /canary/)
})

/** As text, and as the encodings that somebody might have put it in; base64 depends on the place. */
function spellings(text: string): Buffer[] {
  const inner = Buffer.from(text)
  const base64 = [0, 1, 2].map((skip) => inner.subarray(skip).toString('base64').slice(0, 24))
  return [text, inner.toString('hex'), ...base64].map((spelling) => Buffer.from(spelling))
}

async function contentsOf(directory: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(path, await readFile(path))
  }
  return files
}
