/** What an archive file shows by itself, without key, database or configuration. */

import { createHash, randomInt } from 'node:crypto'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { BATCH, RECORD } from '../../../../gateway/message-log/archive/archive-format.ts'
import { checkArchiveFile, checkContents } from '../../../../gateway/message-log/archiving/archive-check.ts'
import { addBatch, makeArchiveRig } from '../archive/archive-rig.ts'

t.setTimeout(120_000)

t.test('a file alone shows whose it is, which records it has and when they were time-stamped', async (t) => {
  const { rig, archive, open, reader } = await makeArchiveRig(t)
  const log = await open()
  await addBatch(log, rig.directory, 1)
  await addBatch(log, rig.directory, 2)
  const [made] = await log.archive(0)
  await addBatch(log, rig.directory, 3)
  const [next] = await log.archive(0)
  if (made === undefined || next === undefined) throw new Error('Two files were made')
  const alone = join(rig.directory, 'alone')
  await mkdir(alone)
  const path = join(alone, made.name)
  await copyFile(join(archive, made.name), path)

  const facts = await checkArchiveFile(path)

  const { name: log_, epoch } = reader().identity
  t.match(facts, { log: log_, epoch, first: 1, last: made.last, batches: 2, prev: null, records: made.last })
  t.ok(facts.stampedFrom <= facts.stampedTo)
  t.equal(facts.authorities.length, 1)
  t.equal((await checkArchiveFile(join(archive, next.name))).prev, made.sha256.toString('hex'), 'files are chained')
  t.match(await checkContents(reader(), made), { opened: made.last, erased: 0 })
  const octets = await readFile(path)
  t.notOk(octets.includes('X-Road-Client'), 'no head stands open in it')
  t.notOk(octets.includes('OWL/GOV/05774032'), 'nor who asked')
  t.notOk(octets.includes('UMZUG'), 'nor for what')
  t.notOk(octets.includes('"kind":"request"'), 'nor that somebody did')

  await t.test('under another name it is refused', async (t) => {
    for (const other of [made.name.replace(/\.[0-9a-f]/, '.x'), next.name, `1999${made.name.slice(4)}`, 'x']) {
      await copyFile(path, join(alone, other))
      await t.rejects(checkArchiveFile(join(alone, other)), { name: 'ArchiveError', flaw: 'damaged' }, other)
    }
    await t.rejects(checkArchiveFile(join(rig.directory, made.name)), { name: 'ArchiveError', flaw: 'missing' })
  })

  await t.test('whoever changes it and gives it the name that fits is found out by batches and index', async (t) => {
    // What is sealed only the log can open.
    const unsealed = unsealedIn(octets)
    let found = 0
    const times = 60
    for (let time = 0; time < times; time++) {
      const changed = Buffer.from(octets)
      const at = unsealed[randomInt(unsealed.length)] ?? 0
      changed[at] = (changed[at] ?? 0) ^ (1 << randomInt(8))
      const renamed = join(
        alone,
        `${made.name.slice(0, 10)}.${createHash('sha256').update(changed).digest('hex')}.owlarchive`,
      )
      await writeFile(renamed, changed)
      const error = await checkArchiveFile(renamed).then(
        () => undefined,
        (error: Error) => error,
      )
      if (error === undefined) continue
      t.match(error, { name: 'ArchiveError' }, `octet ${at}`)
      found += 1
    }
    // Not every octet of a token says something of the records; without anchors its signature is nobody's.
    t.ok(found > (times * 2) / 3, `${found} of ${times}`)
  })
})

t.test('with the log every sealed octet counts', async (t) => {
  const { rig, archive, open, verify } = await makeArchiveRig(t)
  const log = await open()
  await addBatch(log, rig.directory, 1)
  const [made] = await log.archive(0)
  if (made === undefined) throw new Error('A file was made')
  const path = join(archive, made.name)
  const octets = await readFile(path)
  const read = readByTheLog(octets)
  t.ok(read.length > octets.length / 2)

  for (let time = 0; time < 25; time++) {
    const changed = Buffer.from(octets)
    const at = read[randomInt(read.length)] ?? 0
    changed[at] = (changed[at] ?? 0) ^ (1 << randomInt(8))
    await writeFile(path, changed)
    t.match(await verify(), { isWhole: false }, `octet ${at}`)
    await t.rejects(checkArchiveFile(path), { name: 'ArchiveError' }, `octet ${at}, by the hash of the file`)
  }
  await writeFile(path, octets)
  t.match(await verify(), { isWhole: true })
})

function unsealedIn(octets: Buffer): number[] {
  const sealed = new Uint8Array(octets.length)
  const indexAt = octets.readUIntBE(octets.length - 26, 6)
  for (let at = 12 + octets.readUInt32BE(8); at < indexAt; ) {
    const [start, length] = [at + 5, octets.readUInt32BE(at + 1)]
    if (octets[at] !== BATCH) sealed.fill(1, start, start + length)
    at = start + length
  }
  return [...octets.keys()].filter((place) => sealed[place] === 0)
}

/** Places of all that the log itself has no copy of; the first record is a configuration, which it keeps. */
function readByTheLog(octets: Buffer): number[] {
  const places: number[] = []
  const indexAt = octets.readUIntBE(octets.length - 26, 6)
  let records = 0
  for (let at = 12 + octets.readUInt32BE(8); at < indexAt; ) {
    const tag = octets[at]
    const length = octets.readUInt32BE(at + 1)
    const start = at + 5
    at = start + length
    if (tag === RECORD) records += 1
    if (tag === RECORD && records === 1) continue
    // Of a batch, the token comes last.
    const end = tag === BATCH ? start + tokenAt(octets.subarray(start, at)) : at
    for (let place = start; place < end; place++) places.push(place)
  }
  return places
}

function tokenAt(batch: Buffer): number {
  let at = 0
  for (let part = 0; part < 3; part++) at += 4 + batch.readUInt32BE(at)
  return at
}
