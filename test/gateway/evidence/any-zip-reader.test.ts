/** Evidence as other tools pack it, and what their users' systems leave in it. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { verifyPiece } from '../../../gateway/commands/evidence/verify.ts'
import { RATIO_MAX, readAnyZip } from '../../../gateway/evidence/any-zip-reader.ts'
import { sourceOf } from '../../../gateway/evidence/byte-source.ts'
import { isEvidence, readInputs } from '../../../gateway/evidence/inputs.ts'
import { isLeftover } from '../../../gateway/evidence/leftovers.ts'
import { ZipError } from '../../../gateway/evidence/zip-reader.ts'
import { filesIn, openVerifyRig, withVerdict } from './verify-rig.ts'

t.setTimeout(120_000)

type Packed = readonly (readonly [string, Buffer, 'stored' | 'deflated'])[]

/** By Python's zipfile. @param how e.g. `stream`: with data descriptors */
function packed(
  directory: string,
  entries: Packed,
  how: { stream?: true; comment?: string; zip64?: true } = {},
): Buffer {
  const path = join(directory, `${Math.random()}.zip`)
  const given = entries.map(([name, octets, form]) => [name, octets.toString('base64'), form === 'deflated' ? 8 : 0])
  writeFileSync(`${path}.json`, JSON.stringify({ entries: given, ...how }))
  execFileSync('python3', ['-W', 'ignore', '-c', SCRIPT, `${path}.json`, path])
  return readFileSync(path)
}

const SCRIPT = `
import base64, json, sys, zipfile
given = json.load(open(sys.argv[1]))
class Stream:
    def __init__(self, file): self.file = file
    def write(self, octets): return self.file.write(octets)
    def flush(self): self.file.flush()
with open(sys.argv[2], 'wb') as file:
    with zipfile.ZipFile(Stream(file) if given.get('stream') else file, 'w') as out:
        for name, octets, method in given['entries']:
            info = zipfile.ZipInfo(name, (2026, 11, 30, 12, 0, 0))
            info.compress_type = method
            with out.open(info, 'w', force_zip64=bool(given.get('zip64'))) as entry:
                entry.write(base64.b64decode(octets))
        out.comment = given.get('comment', '').encode()
`

function flawOf(octets: Buffer): string {
  try {
    const entries = readAnyZip(sourceOf(octets), { entriesMax: 100, onLeftover: () => {} })
    for (const { content } of entries) content.read(0, content.size)
    return 'none'
  } catch (error) {
    return error instanceof ZipError ? error.flaw : String(error)
  }
}

const { request, reply, verifying, verify } = await openVerifyRig(t)
const members = [...filesIn(request)].map(([name, octets]) => [name, octets, 'deflated'] as const)
const [[, mimetype], ...others] = members as [(typeof members)[0], ...typeof members]
const stored = ['mimetype', mimetype, 'stored'] as const

t.test('a container that was packed anew is valid ASiC, and a warning', async (t) => {
  const directory = t.testdir()
  const forms = {
    deflated: packed(directory, [stored, ...others]),
    'stored by another tool': packed(directory, [
      stored,
      ...others.map(([name, octets]) => [name, octets, 'stored'] as const),
    ]),
    'in another order': packed(directory, [stored, ...[...others].reverse()]),
    'with a comment': packed(directory, [stored, ...others], { comment: 'mimetype=application/vnd.etsi.asic-e+zip' }),
    'with folders': packed(directory, [stored, ['META-INF/', Buffer.alloc(0), 'stored'], ...others]),
  }
  for (const [what, octets] of Object.entries(forms)) {
    const verified = verify(octets)
    t.equal(verified.outcome, 'valid-with-warnings', what)
    t.ok(withVerdict(verified, 'warning').includes('zip.form'), what)
  }
  t.ok(withVerdict(verify(forms['with folders']), 'warning').includes('container.leftovers'))

  const changed = others.map(
    ([name, octets, form]) => [name, name === 'message-body.json' ? Buffer.from('{}') : octets, form] as const,
  )
  t.ok(
    withVerdict(verify(packed(directory, [stored, ...changed])), 'failed').includes('record.group'),
    'members are judged',
  )
  for (const wrong of [
    [['mimetype', mimetype, 'deflated'], ...others],
    [...others, stored],
  ] as Packed[]) {
    t.ok(
      withVerdict(verify(packed(directory, wrong)), 'failed').includes('container.files'),
      'mimetype: EN 319 162-1 §A.1',
    )
  }
})

t.test('an archive of containers is no evidence: any tool may pack it', async (t) => {
  const directory = t.testdir()
  const containers = [
    ['Akte Nr. 7/0000000002-request.asice', request, 'deflated'],
    ['Akte Nr. 7/Anträge/0000000003-reply.asice', reply, 'stored'],
    ['Akte Nr. 7/report.html', Buffer.from('x'.repeat(100)), 'deflated'],
  ] as const
  const forms = {
    plain: packed(directory, containers),
    streamed: packed(directory, containers, { stream: true }),
    'with ZIP64 fields': packed(directory, containers, { zip64: true }),
    'with folders and a comment': packed(directory, [['Akte Nr. 7/', Buffer.alloc(0), 'stored'], ...containers], {
      comment: 'x',
    }),
    backwards: packed(directory, [...containers].reverse()),
  }
  for (const [what, octets] of Object.entries(forms)) {
    const path = join(directory, `${what}.zip`)
    writeFileSync(path, octets)
    const pieces = [...readInputs([path], verifying)]
    t.same(
      pieces.filter(isEvidence).map((piece) => verifyPiece(piece, verifying).outcome),
      ['valid-with-warnings', 'valid-with-warnings'],
      what,
    )
  }
})

t.test('what has two readings, or unpacks to too much, is refused', async (t) => {
  const directory = t.testdir()
  const pack = (...entries: Packed) => packed(directory, entries)
  const x = Buffer.from('x')
  for (const name of ['../a', 'a/../b', '/a', 'a\\b', 'C:/a', 'a//b', './a', 'a\u0007']) {
    t.equal(flawOf(pack([name, x, 'deflated'])), 'name', name)
  }
  t.equal(flawOf(pack(['a', x, 'stored'], ['A', x, 'stored'])), 'duplicate-name')
  t.equal(flawOf(pack(['ä', x, 'stored'], ['a\u0308', x, 'stored'])), 'duplicate-name')
  t.equal(flawOf(pack(['zeros', Buffer.alloc(8 * 1024 * 1024), 'deflated'])), 'bomb', `more than ${RATIO_MAX}`)
  const two = pack(['a', x, 'stored'], ['b', x, 'stored'])
  t.equal(flawOf(two), 'none')
  const second = two.toString('latin1').lastIndexOf('PK\u0001\u0002')
  const overlapping = Buffer.from(two)
  overlapping.writeUInt32LE(0, second + 42)
  t.equal(flawOf(overlapping), 'overlap')
  t.equal(flawOf(Buffer.concat([x, two])), 'directory')
  t.equal(flawOf(Buffer.concat([two, x])), 'trailing-octets')
  const renamed = Buffer.from(two)
  renamed.write('c', 30, 'latin1')
  t.equal(flawOf(renamed), 'header-mismatch')
})

t.test('leftovers of systems are named, other foreign files refused', async (t) => {
  const directory = t.testdir()
  const x = Buffer.from('x')
  const names = [
    '.DS_Store',
    'Thumbs.db',
    'desktop.ini',
    '._message-body.json',
    '__MACOSX/._a',
    '.directory',
    'ehthumbs.db',
  ]
  names.push('META-INF/.DS_Store', 'META-INF/Thumbs.db', 'Icon\r', '@eaDir/a', '~$lock.docx', '.~lock.a.odt#')
  for (const name of names) t.ok(isLeftover(name), name)
  const left = names.map((name) => [name, x, 'deflated'] as const)
  const littered = verify(packed(directory, [stored, ...others, ...left]))
  t.same(withVerdict(littered, 'failed'), [])
  t.match(littered.checks.find(({ id }) => id === 'container.leftovers')?.detail, /\.DS_Store, Thumbs\.db.* and 8 more/)
  for (const name of ['notes.txt', 'META-INF/notes.xml', 'Thumbs.db.exe', 'DS_Store', 'META-INF/.hidden-file']) {
    t.notOk(isLeftover(name), name)
  }
  for (const name of ['more.json', 'Thumbs.db.exe', 'META-INF/.hidden-file']) {
    t.equal(verify(packed(directory, [stored, ...others, [name, x, 'deflated']])).outcome, 'invalid', name)
  }
  const folder = join(directory, 'unpacked')
  for (const inner of ['META-INF', '@eaDir']) mkdirSync(join(folder, inner), { recursive: true })
  for (const [name, octets] of members) writeFileSync(join(folder, name), octets)
  for (const name of ['.DS_Store', 'META-INF/desktop.ini', '@eaDir/x']) writeFileSync(join(folder, name), 'x')
  const [piece] = [...readInputs([folder], verifying)]
  const verified = piece === undefined || !isEvidence(piece) ? undefined : verifyPiece(piece, verifying)
  t.same(verified && withVerdict(verified, 'failed'), [])
  t.match(verified?.checks.find(({ id }) => id === 'container.leftovers')?.detail, /@eaDir.*META-INF\/desktop\.ini/)
})
