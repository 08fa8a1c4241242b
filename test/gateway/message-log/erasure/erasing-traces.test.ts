/** After an erasure nothing of it is in any file. security.md rows 36 and 37; what old copies are still good for. */

import { randomBytes, randomUUID } from 'node:crypto'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import { deflateRawSync, gzipSync, inflateRawSync } from 'node:zlib'
import type { Test } from 'tap'
import t from 'tap'
import type { Selection } from '../../../../gateway/message-log/erasure/terms.ts'
import type { LogReaderOptions } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { What } from '../../../../gateway/message-log/record/erasure-event.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import type { Body } from '../../../../gateway/protocol/body.ts'
import { bodyOf, openSpool } from '../../../../gateway/transport/spool.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'

const DAY_MS = 86_400_000
type Files = ReadonlyMap<string, Buffer>

async function rig(t: Test) {
  const logRig = await makeLogRig()
  t.teardown(logRig.close)
  let offset = 0
  const log = await logRig.open({
    now: () => Date.now() + offset,
    retention: () => ({ bodyRetentionDays: 10, recordRetentionDays: 20 }),
    stampFailureLimitMs: 100 * DAY_MS,
  })
  const { directory, options } = logRig
  const spool = await openSpool({ directory: join(directory, 'log', 'spool'), spoolAboveBytes: 1000 })
  return {
    directory,
    options,
    log,
    erase: (records: Selection, what: What) =>
      log.decide({ event: 'erasure', what, id: randomUUID(), by: 'console', reason: 'x', records }),
    later: (days: number) => {
      offset += days * DAY_MS
    },
    /** @returns what a message said, twice in its body and once in its head, and where it is on record */
    async told(isLarge = false) {
      const canary = `Grünwald-${randomBytes(12).toString('hex')}`
      const text = `{"name":"${canary}","again":"${isLarge ? '.'.repeat(70_000) : ''}${canary}"}`
      const octets = Buffer.from(text)
      const body = isLarge
        ? ((await spool.receive(Readable.from([octets]), { bytesMax: 1e6, tooLarge: 'BadRequest' })) as Body)
        : bodyOf(octets)
      const request = requestRecord({ body })
      const search = encodeURIComponent(canary)
      const head = Buffer.from(request.head.toString('latin1').replace('?a=1', `?name=${search}`), 'latin1')
      const recorded = await log.append({ ...request, head })
      const end = await log.append(endRecord(request, recorded, { body: bodyOf(octets) }))
      // As an exchange does when it ends.
      await body.dispose()
      return { canary, requestId: request.requestId, seqs: [recorded.seq, end.seq] as const }
    },
  }
}

t.test('no octet of what was erased is in any file, in any spelling', async (t) => {
  const { directory, log, erase, later, told } = await rig(t)
  const [bodies, whole, kept] = [await told(), await told(), await told(true)]
  await log.stampNow().catch(() => {})
  const before = await contentsOf(directory)
  const sealed = sealedOf(join(directory, 'log', 'log.sqlite'))

  for (const { canary } of [bodies, whole, kept]) t.same(tracesOf(before, canary), [], 'it never was in the clear')
  t.ok(tracesOf(before, whole.requestId).length > 0, 'its id was')

  t.match(await erase({ exchange: bodies.requestId }, 'body'), { records: 2 })
  later(2)
  t.match(await erase({ exchange: whole.requestId }, 'record'), { records: 2 })
  t.match(await erase({ seq: kept.seqs[0] }, 'body'), { records: 1 })

  const after = await contentsOf(directory)
  t.ok(
    [...after.keys()].some((name) => name.endsWith('log.sqlite-wal')),
    'the log is open, and its WAL is looked at',
  )
  for (const { canary } of [bodies, whole, kept]) t.same(tracesOf(after, canary), [])
  t.same(tracesOf(after, whole.requestId), [], 'nor the id of an erased record')
  t.ok(tracesOf(after, bodies.requestId).length > 0)
  const gone = [
    ...bodies.seqs.flatMap((seq) => sealed(seq, ['body', 'body_share'])),
    ...whole.seqs.flatMap((seq) => sealed(seq, ['head', 'body', 'share', 'body_share', 'record', 'signature'])),
    ...sealed(kept.seqs[0], ['body_key', 'body_share']),
  ]
  t.equal(gone.length, 18)
  for (const { name, octets } of gone) t.same(filesWith(after, octets), [], name)
  const left = [...bodies.seqs.flatMap((seq) => sealed(seq, ['head', 'share'])), ...sealed(kept.seqs[1], ['body'])]
  for (const { name, octets } of left) t.equal(filesWith(after, octets).length, 1, `${name} stays`)
  const [file = ''] = [...before.keys()].filter((name) => name.endsWith(`/${kept.seqs[0]}.body`))
  t.same(filesWith(after, (before.get(file) as Buffer).subarray(0, 64)), [], 'nor the body that was a file')
  await log.close()
  const closed = await contentsOf(directory)
  for (const { name, octets } of gone) t.same(filesWith(closed, octets), [], `${name}, closed`)
})

t.test('an old copy of the database opens nothing once the keys of its day are destroyed', async (t) => {
  const { directory, options, log, erase, later, told } = await rig(t)
  const [first, second] = [await told(), await told()]
  await log.stampNow().catch(() => {})
  const copy = await copyOf(directory, options)
  const opens = async (seq: number, part: 'head' | 'body'): Promise<boolean> => {
    const reader = openLogReader(copy)
    try {
      return (await reader.object(seq, part)) !== undefined
    } finally {
      reader.close()
    }
  }
  t.ok((await opens(first.seqs[0], 'head')) && (await opens(first.seqs[0], 'body')), 'the copy is a good one')

  await erase({ seq: first.seqs[0] }, 'body')
  t.equal(await opens(first.seqs[0], 'body'), true, 'one body alone: until the key of its day goes, on its date')
  later(11)
  t.match(await log.eraseDue(), { bodies: 3, keys: 1 })
  for (const seq of [...first.seqs, ...second.seqs]) {
    t.equal(await opens(seq, 'body'), false, `body ${seq}`)
    t.equal(await opens(seq, 'head'), true, `head ${seq}: the record is kept longer`)
  }
  later(10)
  t.match(await log.eraseDue(), { records: 4, keys: 1 })
  for (const seq of [...first.seqs, ...second.seqs]) t.equal(await opens(seq, 'head'), false, `head ${seq}`)
  const reader = openLogReader(options)
  t.match(await verifyLog(reader, { anchors: [] }), { isWhole: true, erased: 4 })
  reader.close()
})

t.test('without its share a body does not open, whatever else somebody kept', async (t) => {
  const { directory, options, log, erase, told } = await rig(t)
  const { canary, seqs } = await told()
  await log.stampNow().catch(() => {})
  const copy = await copyOf(directory, options)
  await erase({ seq: seqs[0] }, 'body')

  // The octets as an archive, a snapshot or a disk may still have them, with everything that is there today.
  const old = new DatabaseSync(copy.file)
  const { body } = old.prepare('SELECT body FROM content WHERE seq = ?').get(seqs[0]) as { body: Uint8Array }
  old.close()
  const today = await copyOf(directory, options)
  const database = new DatabaseSync(today.file)
  database.prepare('UPDATE content SET body = ? WHERE seq = ?').run(body, seqs[0])
  for (const share of ['share', 'zeroblob(32)', `(SELECT body_share FROM content WHERE seq = ${seqs[1]})`]) {
    database.exec(`UPDATE content SET body_share = ${share} WHERE seq = ${seqs[0]}`)
    const reader = openLogReader(today)
    await t.rejects(reader.object(seqs[0], 'body'), `with ${share}`)
    reader.close()
  }
  database.close()
  t.same(tracesOf(await contentsOf(directory), canary), [])
})

async function copyOf(directory: string, { masterKey, keyStore }: LogReaderOptions): Promise<LogReaderOptions> {
  const copy = join(directory, '..', `${directory.split('/').at(-1)}-copy-${randomUUID()}`)
  t.teardown(async () => (await import('node:fs/promises')).rm(copy, { recursive: true, force: true }))
  await cp(join(directory, 'log'), copy, { recursive: true })
  return { file: join(copy, 'log.sqlite'), masterKey, keyStore }
}

/** What the database holds of a record now, for looking for it later. */
function sealedOf(file: string): (seq: number, columns: readonly string[]) => { name: string; octets: Buffer }[] {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = database.prepare('SELECT * FROM content').all()
  database.close()
  return (seq, columns) => {
    const row = rows.find((each) => each['seq'] === seq) ?? {}
    return columns.flatMap((column) => {
      const value = row[column]
      if (value === null || value === undefined) return []
      const octets = Buffer.from(value as Uint8Array | string as string)
      return [{ name: `${column} of ${seq}`, octets: octets.subarray(-64) }]
    })
  }
}

function filesWith(files: Files, octets: Buffer): string[] {
  return [...files].filter(([, content]) => content.includes(octets)).map(([name]) => name)
}

function tracesOf(files: Files, text: string): string[] {
  return spellings(text).flatMap(([how, octets]) => filesWith(files, octets).map((name) => `${how} in ${name}`))
}

/** As text in whatever character set, and as what somebody might have made of it; base64 depends on the place. */
function spellings(text: string): [string, Buffer][] {
  const utf8 = Buffer.from(text)
  const utf16 = Buffer.from(text, 'utf16le')
  const base64 = [0, 1, 2].map((skip) =>
    Buffer.from(
      utf8
        .subarray(skip + 9)
        .toString('base64')
        .slice(0, 24),
    ),
  )
  return [
    ['UTF-8', utf8],
    ['latin1', Buffer.from(text, 'latin1')],
    ['UTF-16LE', utf16],
    ['UTF-16BE', Buffer.from(utf16).swap16()],
    ['percent', Buffer.from(encodeURIComponent(text))],
    ['JSON', Buffer.from(text.replace('ü', '\\u00fc'))],
    ['hex', Buffer.from(utf8.toString('hex'))],
    ...base64.map((octets): [string, Buffer] => ['base64', octets]),
  ]
}

/** Every file, and what is in those that are compressed. */
async function contentsOf(directory: string): Promise<Files> {
  const files = new Map<string, Buffer>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const octets = await readFile(path)
    files.set(path, octets)
    for (const [at, inflated] of inflatedIn(octets)) files.set(`${path}, inflated at ${at}`, inflated)
  }
  return files
}

/** Whatever a gzip or zip entry would be. */
function* inflatedIn(octets: Buffer): Generator<[number, Buffer]> {
  for (const mark of [Buffer.from([0x1f, 0x8b, 0x08]), Buffer.from([0x50, 0x4b, 0x03, 0x04])]) {
    for (let at = octets.indexOf(mark); at !== -1; at = octets.indexOf(mark, at + 1)) {
      const start = mark.length === 3 ? at + 10 : at + 30 + octets.readUInt16LE(at + 26) + octets.readUInt16LE(at + 28)
      try {
        yield [at, inflateRawSync(octets.subarray(start), { finishFlush: 2 })]
      } catch {
        // By chance.
      }
    }
  }
}

t.test('the search finds what it is to find', async (t) => {
  const text = 'Grünwald-0123456789abcdef01234567'
  const zip = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), Buffer.alloc(26), deflateRawSync(`a${text}b`)])
  const cases = [text, `xx${text}`, Buffer.from(`ab${text}`).toString('base64'), Buffer.from(text, 'utf16le')]
  for (const content of [...cases, gzipSync(`a${text}b`), zip]) {
    const octets = Buffer.from(content as string)
    const files = new Map([
      ['file', octets],
      ...[...inflatedIn(octets)].map(([at, inner]) => [`${at}`, inner] as const),
    ])
    t.ok(tracesOf(files, text).length > 0)
  }
})
