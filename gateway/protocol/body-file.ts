/** Reads what `transport/spool.ts` wrote: the plain octets of an encrypted body file (`chunked-cipher.ts`). */

import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { BodyFile } from './body.ts'
import { openChunk, SEALED_CHUNK_BYTES } from './chunked-cipher.ts'
import { discard } from './stream-garbage.ts'

/** Nothing is read before somebody reads. The stream fails when the file was changed or cut off anywhere, or is gone. */
export function openBodyFile(file: BodyFile): Readable {
  // One chunk ahead of its reader.
  return Readable.from(chunksIn(file), { objectMode: false, highWaterMark: 1 })
}

async function* chunksIn({ path, key }: BodyFile): AsyncGenerator<Buffer> {
  const file = await open(path)
  try {
    const sealed = Buffer.allocUnsafeSlow(SEALED_CHUNK_BYTES)
    let { size: left } = await file.stat()
    let index = 0
    do {
      const chunk = await fill(sealed.subarray(0, Math.min(left, SEALED_CHUNK_BYTES)), file)
      left -= chunk.length
      discard(chunk.length)
      yield openChunk(key, index, left === 0, chunk)
      index += 1
    } while (left > 0)
  } finally {
    await file.close()
  }
}

/** @throws {Error} when the file ends before */
async function fill(octets: Buffer, file: FileHandle): Promise<Buffer> {
  for (let at = 0; at < octets.length; ) {
    const { bytesRead } = await file.read(octets, at)
    if (bytesRead === 0) throw new Error('A body file is cut off')
    at += bytesRead
  }
  return octets
}
