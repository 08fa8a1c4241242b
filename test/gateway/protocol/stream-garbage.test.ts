import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { discard } from '../../../gateway/protocol/stream-garbage.ts'

const MIB = 1024 * 1024
const CHUNK = 64 * 1024

t.test('dead chunks do not pile up where the garbage collector can be called', async (t) => {
  const piled = await pileOf(256 * MIB)
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc')

  const collected = await pileOf(256 * MIB)

  t.ok(collected < 24 * MIB, `${collected / MIB} MiB at most`)
  t.ok(piled > 2 * collected, `without: ${piled / MIB} MiB`)
})

/** What buffers held at most while so many octets went through, in bytes. */
async function pileOf(octets: number): Promise<number> {
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  for (let at = 0; at < octets; at += CHUNK) {
    Buffer.allocUnsafeSlow(CHUNK).fill(at)
    discard(CHUNK)
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    if (at % MIB === 0) await new Promise(setImmediate)
  }
  return most
}
