/** Whatever is given, a verification ends with a verdict, soon, and in little memory. */

import { execFile } from 'node:child_process'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { contentOf } from '../../../gateway/evidence/content.ts'
import { EVIDENCE_RECORD_NAME } from '../../../gateway/evidence/manifest.ts'
import { verifyFiles } from '../../../gateway/evidence/verify.ts'
import { openZipWriter } from '../../../gateway/evidence/zip-writer.ts'
import { writeDer, writeSequence } from '../../../gateway/protocol/der.ts'
import { formatEvidence } from '../../../gateway/protocol/evidence-record.ts'
import { octetsOf } from './outside-tools.ts'
import { evidenceFiles, filesIn, loose, openVerifyRig, repacked, timeOf } from './verify-rig.ts'

t.setTimeout(180_000)

const run = promisify(execFile)
const CHILD = new URL('./verify-child.ts', import.meta.url).pathname
const MIB = 1024 * 1024

t.test('spliced, cut, doubled, random', async (t) => {
  const { sealed, verify, verifying } = await openVerifyRig(t)
  const files = loose(filesIn(sealed))
  const edit = fc.tuple(
    fc.nat(),
    fc.nat(64),
    fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.constant('double' as const)),
  )
  const edited = (octets: Buffer, edits: readonly (readonly [number, number, Uint8Array | 'double'])[]): Buffer => {
    let made = octets
    for (const [place, gone, put] of edits) {
      const at = place % (made.length + 1)
      const piece = put === 'double' ? made.subarray(at, at + 200) : put
      made = Buffer.concat([made.subarray(0, at), piece, made.subarray(put === 'double' ? at : at + gone)])
    }
    return made
  }
  const edits = fc.array(edit, { minLength: 1, maxLength: 3 })

  fc.assert(
    fc.property(edits, (given) => {
      const made = edited(sealed, given)
      return made.equals(sealed) || verify(made).outcome === 'invalid'
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.constantFrom(...files.keys()), edits, (name, given) => {
      const made = edited(files.get(name) as Buffer, given)
      if (made.equals(files.get(name) as Buffer)) return true
      return verifyFiles(evidenceFiles(new Map([...files, [name, made]])), verifying).outcome === 'invalid'
    }),
    { numRuns: 400 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (octets) => verify(Buffer.from(octets)).outcome === 'invalid'),
    { numRuns: 300 },
  )
})

t.test('no input takes more than 256 MiB, or more than some seconds', async (t) => {
  const { rig, request, container } = await openVerifyRig(t)
  const directory = await mkdtemp(join(tmpdir(), 'owl-nasty-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const files = filesIn(request)
  const at = timeOf(files)
  const put = (name: string, octets: Buffer): Promise<void> => writeFile(join(directory, name), octets)
  const replaced = (name: string, octets: Buffer): Promise<Buffer> => repacked(new Map([...files, [name, octets]]), at)

  await put('good.asice', await container(rig.configurationSeq))
  // Small values by the million, where an array of them would be a hundred times as large.
  const nulls = Buffer.alloc(8 * MIB - 200, Buffer.from([0x05, 0x00]))
  const strings = Buffer.alloc(8 * MIB - 200, Buffer.from([0x04, 0x00]))
  await put('nulls.asice', await replaced(EVIDENCE_RECORD_NAME, writeSequence(nulls)))
  const lists = writeSequence(writeDer(0xa2, writeSequence(strings)), writeSequence())
  await put(
    'hashes.asice',
    await replaced(EVIDENCE_RECORD_NAME, formatEvidence([{ digest: 'sha256', stamps: [lists] }])),
  )
  const token = writeSequence(writeSequence(), writeDer(0xa0, nulls))
  const stamp = writeSequence(writeDer(0xa2, writeSequence(writeDer(0x04, Buffer.alloc(32)))), token)
  await put(
    'token.asice',
    await replaced(EVIDENCE_RECORD_NAME, formatEvidence([{ digest: 'sha256', stamps: [stamp] }])),
  )
  await put('record.asice', await replaced('log-record.json', Buffer.from(`[${'[],'.repeat(300_000)}[]]`)))
  await put('deep.asice', await replaced('log-record.json', Buffer.from('['.repeat(MIB - 10))))
  await put(
    'signature.asice',
    await replaced('signature.jades.json', Buffer.from(`{"a":[${'{},'.repeat(300_000)}{}]}`)),
  )
  await put('head.asice', await replaced('message-head.txt', Buffer.alloc(200_000, 'a:\r\n')))
  await put('manifest.asice', await replaced('log-record.json', Buffer.alloc(30 * MIB, ' ')))
  await put('names.zip', await manyEntries(30_000))
  await largeBody(join(directory, 'large.asice'), 192 * MIB)

  const { stdout } = await run(process.execPath, ['--max-semi-space-size=16', CHILD, rig.caFile, directory])
  const { outcomes, rssMiB, ms } = JSON.parse(stdout) as {
    outcomes: Record<string, string>
    rssMiB: number
    ms: number
  }

  t.equal(outcomes['good.asice'], 'valid-with-warnings')
  const others = Object.entries(outcomes).filter(([name]) => name !== 'good.asice')
  t.equal(others.length, 10)
  for (const [name, outcome] of others) t.equal(outcome, 'invalid', name)
  t.ok(rssMiB < 256, `${rssMiB} MiB`)
  t.ok(ms < 60_000, `${ms} ms`)
})

async function manyEntries(count: number): Promise<Buffer> {
  const zip = openZipWriter()
  const empty = contentOf(Buffer.alloc(0))
  const parts: Buffer[] = []
  for (let index = 0; index < count; index++) {
    for (const part of zip.entry(`${String(index).padStart(80, 'x')}.asice`, empty, 0)) parts.push(await octetsOf(part))
  }
  parts.push(await octetsOf(zip.end()))
  return Buffer.concat(parts)
}

/** A container that is nothing but a large body of zeros: hashed in pieces, never held. */
async function largeBody(path: string, size: number): Promise<void> {
  const piece = Buffer.alloc(MIB)
  let sum = 0
  for (let at = 0; at < size; at += MIB) sum = crc32(piece, sum)
  const zip = openZipWriter()
  const body = { size, crc32: sum, read: () => [] }
  const parts = [
    ...zip.entry('mimetype', contentOf(Buffer.from('application/vnd.etsi.asic-e+zip')), 0),
    ...zip.entry('message-body.bin', body, 0),
  ]
  const file = await open(path, 'w')
  let offset = 0
  for (const part of [...parts, zip.end()]) {
    const octets = part === body ? Buffer.alloc(0) : await octetsOf(part)
    await file.write(octets, 0, octets.length, offset)
    offset += part.size
  }
  await file.close()
}
