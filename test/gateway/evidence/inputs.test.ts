/** Directories given to a verification: what is no plain file there is neither followed, nor waited for, nor overlooked. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Piece } from '../../../gateway/evidence/inputs.ts'
import { readInputs } from '../../../gateway/evidence/inputs.ts'

const FILES = ['mimetype', 'log-record.json', 'message-head.txt', 'META-INF/evidencerecord001.ers']

/** A container unpacked, as far as its names go. */
function unpacked(directory: string): string {
  mkdirSync(join(directory, 'META-INF'))
  for (const name of FILES) writeFileSync(join(directory, name), 'x')
  return directory
}

/** But where what belongs together begins and ends. */
const pieces = (path: string): Piece[] =>
  [...readInputs([path], { isDraft: false })].filter(({ kind }) => kind !== 'begin' && kind !== 'end')
const kinds = (path: string): string[] => pieces(path).map(({ kind }) => kind)

t.test('an unpacked container is its files', async (t) => {
  const [piece] = pieces(unpacked(t.testdir()))

  t.match(piece, { kind: 'files', isPackage: true })
  t.strictSame(piece?.kind === 'files' && [...piece.files.keys()].sort(), [...FILES].sort())
})

t.test('what else is there is refused, and not waited for', async (t) => {
  const others: Readonly<Record<string, (directory: string) => void>> = {
    'a pipe': (directory) => void execFileSync('mkfifo', [join(directory, 'more.json')]),
    'a pipe in META-INF': (directory) => void execFileSync('mkfifo', [join(directory, 'META-INF', 'more.ers')]),
    'a link': (directory) => symlinkSync('/etc/hostname', join(directory, 'message-body.bin')),
    'a link in META-INF': (directory) => symlinkSync('/etc/hostname', join(directory, 'META-INF', 'more.xml')),
    'a link that leads nowhere': (directory) => symlinkSync('nowhere', join(directory, 'META-INF', 'more.xml')),
    'a folder more': (directory) => mkdirSync(join(directory, 'more')),
    'a folder in META-INF': (directory) => mkdirSync(join(directory, 'META-INF', 'more')),
  }
  for (const [what, add] of Object.entries(others)) {
    const directory = unpacked(t.testdir())
    add(directory)
    t.strictSame(kinds(directory), ['refused'], what)
  }
})

t.test('a container that is only linked to is not passed over in silence', async (t) => {
  const directory = t.testdir({ 'other.txt': 'x' })
  symlinkSync('/nowhere/one.asice', join(directory, 'one.asice'))
  symlinkSync(directory, join(directory, 'round'))

  t.match(pieces(directory), [{ kind: 'refused', reason: 'It is no file' }])
  t.equal(pieces(directory).length, 1, 'nor is it followed round and round')
})
