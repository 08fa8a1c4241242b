/** An archive file while it is written: one octet after the other, hashed on the way, on the disk when it is finished. */

import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, writeSync } from 'node:fs'

const BUFFER_BYTES = 1024 * 1024

export interface Output {
  /** Octets written so far. */
  readonly at: number
  write(octets: Buffer): void
  /** Returns when the octets are on the disk. */
  finish(): { readonly sha256: Buffer; readonly bytes: number }
  close(): void
}

export function openOutput(path: string): Output {
  const file = openSync(path, 'wx', 0o600)
  const hash = createHash('sha256')
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let written = 0

  function flush(): void {
    const octets = Buffer.concat(waiting)
    hash.update(octets)
    for (let at = 0; at < octets.length; ) at += writeSync(file, octets, at)
    written += octets.length
    waiting = []
    waitingBytes = 0
  }

  return {
    get at() {
      return written + waitingBytes
    },
    write(octets) {
      waiting.push(octets)
      waitingBytes += octets.length
      if (waitingBytes >= BUFFER_BYTES) flush()
    },
    finish() {
      flush()
      fsyncSync(file)
      closeSync(file)
      return { sha256: hash.digest(), bytes: written }
    },
    close: () => closeSync(file),
  }
}

export async function hashFile(path: string): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const octets of createReadStream(path, { highWaterMark: BUFFER_BYTES })) hash.update(octets as Buffer)
  return hash.digest()
}
