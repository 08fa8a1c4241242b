/** Octets that come in pieces: all of them, in order, and for no more memory than they are worth. */

import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Pieces } from '../../../gateway/transport/pieces.ts'

const OCTETS = 300_000

t.test('what comes octet by octet is what was sent, and takes little more than its size', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const sent = randomBytes(OCTETS)
  const pieces = new Pieces()
  collect()
  const before = process.memoryUsage()

  for (let i = 0; i < OCTETS; i++) pieces.add(sent.subarray(i, i + 1))

  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const grown = heapUsed - before.heapUsed + arrayBuffers - before.arrayBuffers
  t.ok(grown < 10 * OCTETS, `${Math.round(grown / 1024)} KiB`)
  t.equal(pieces.size, OCTETS)
  t.ok(pieces.take().equals(sent))
})

t.test('what was taken is gone, and one piece is not copied', async (t) => {
  const pieces = new Pieces()
  const piece = Buffer.from('ab')
  t.equal(pieces.take().length, 0)

  pieces.add(piece)

  t.equal(pieces.take(), piece)
  t.same([pieces.size, pieces.take().length], [0, 0])
})
