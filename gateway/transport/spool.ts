/**
 * Takes a body in: hashed as it arrives, kept in memory while small, spooled to disk when large, never growing memory.
 *
 * A spool file is encrypted under a key that is only in memory (`protocol/chunked-cipher.ts`), so what a crash leaves
 * behind says nothing; the message log takes it over by a second name.
 */

import type { Hash } from 'node:crypto'
import { createHash, randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { FaultCode } from '../errors.ts'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import { openBodyFile } from '../protocol/body-file.ts'
import { CHUNK_BYTES, CHUNK_KEY_BYTES, SEALED_CHUNK_BYTES, sealChunk } from '../protocol/chunked-cipher.ts'
import { sha256, sha512 } from '../protocol/digests.ts'
import { openIdnrScan } from '../protocol/idnr.ts'
import { discard } from '../protocol/stream-garbage.ts'
import { Pieces } from './pieces.ts'

export interface SpoolOptions {
  readonly directory: string
  /** Larger bodies go to disk. */
  readonly spoolAboveBytes: number
}

export interface Spool {
  /** Larger bodies are not in memory. */
  readonly memoryBytesMax: number
  /**
   * Reads `source` to its end, or `expected` octets of it.
   *
   * @returns `undefined` for a body of no octets: X-Road knows no empty bodies (contract §2.3)
   * @throws {GatewayError} `MissingBody` when it ends too soon, `LoggingFailed` when the disk is full, `options.tooLarge`
   */
  receive(source: Readable, options: ReceiveOptions): Promise<Body | undefined>
}

export interface ReceiveOptions {
  readonly bytesMax: number
  /** Code for a body above `bytesMax`. */
  readonly tooLarge: FaultCode
  /** Octets that were read from `source` before. */
  readonly begun?: Buffer
  /** What is still to come, `begun` included; until the end when absent. */
  readonly expected?: number
}

/** @throws when the directory cannot be made */
export async function openSpool({ directory, spoolAboveBytes }: SpoolOptions): Promise<Spool> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  // Left over from a crash; their keys are gone.
  for (const name of await readdir(directory)) await rm(join(directory, name), { force: true })
  return {
    memoryBytesMax: spoolAboveBytes,
    receive(source, options) {
      return collect(source, new Receiver(directory, spoolAboveBytes, options), options)
    },
  }
}

/** A body that is at hand. */
export function bodyOf(bytes: Buffer): Body {
  return new WholeBody(bytes)
}

class WholeBody implements Body {
  readonly size: number
  readonly sha256: Buffer
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.size = bytes.length
    this.sha256 = sha256(bytes)
    this.bytes = bytes
  }

  /** Made when asked for: `X-Road-Request-Hash` needs it of requests, once, and nothing does of replies. */
  get sha512(): Buffer {
    return sha512(this.bytes)
  }

  stream(): Readable {
    return Readable.from([this.bytes])
  }

  async dispose(): Promise<void> {}
}

async function collect(
  source: Readable,
  receiver: Receiver,
  { begun, expected, bytesMax, tooLarge }: ReceiveOptions,
): Promise<Body | undefined> {
  if (expected === 0) return undefined
  try {
    if (expected !== undefined && expected > bytesMax) throw larger(tooLarge)
    let left = expected ?? Number.POSITIVE_INFINITY
    if (begun !== undefined && begun.length > 0) {
      left -= begun.length
      if (left < 0) throw surplus()
      await receiver.write(begun)
    }
    const isAllHere = left === source.readableLength && !source.destroyed
    if (left > 0) await (isAllHere ? receiver.write(source.read(left) as Buffer) : pour(source, receiver, left))
    return await receiver.end()
  } catch (error) {
    if (!source.destroyed) source.on('error', () => {})
    await receiver.abort()
    throw error
  }
}

/** Moves octets until `left` of them have come, or to the end when that is infinite. One write at a time. */
function pour(source: Readable, receiver: Receiver, octets: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = octets
    let writing = false
    let ended = false
    let failure: unknown
    const settle = (finish: () => void): void => {
      source.pause()
      source.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      finish()
    }
    const onWritten = (): void => {
      writing = false
      if (failure !== undefined) settle(() => reject(failure))
      else if (left === 0 || ended) settle(resolve)
      else source.resume()
    }
    const onData = (chunk: Buffer): void => {
      left -= chunk.length
      try {
        if (left < 0) throw surplus()
        const written = receiver.write(chunk)
        if (written === undefined) {
          if (left === 0) settle(resolve)
          return
        }
        writing = true
        source.pause()
        written.then(onWritten, (error) => settle(() => reject(error)))
      } catch (error) {
        settle(() => reject(error))
      }
    }
    const onEnd = (): void => {
      ended = octets === Number.POSITIVE_INFINITY || left === 0
      if (!ended) onBroken()
      else if (!writing) settle(resolve)
    }
    // A write under way is waited for: what it makes has to be removed.
    const onBroken = (): void => {
      if (ended || left === 0) return
      failure = new GatewayError('MissingBody')
      if (!writing) settle(() => reject(failure))
    }
    if (source.readableEnded) return onEnd()
    if (source.destroyed) return onBroken()
    source.on('end', onEnd).on('error', onBroken).on('close', onBroken).on('data', onData)
    source.resume()
  })
}

function larger(code: FaultCode): GatewayError {
  return new GatewayError(code, { reason: 'the body is larger than allowed' })
}

function surplus(): GatewayError {
  return new GatewayError('InvalidMessage', { reason: 'more octets follow than announced' })
}

/** State of one body on its way in. */
class Receiver {
  readonly #directory: string
  readonly #spoolAboveBytes: number
  readonly #options: ReceiveOptions
  readonly #pieces = new Pieces()
  #size = 0
  #file: SpoolFile | undefined

  constructor(directory: string, spoolAboveBytes: number, options: ReceiveOptions) {
    this.#directory = directory
    this.#spoolAboveBytes = spoolAboveBytes
    this.#options = options
  }

  /** @returns a promise only when the disk is involved: wait for it before the next */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#size += chunk.length
    if (this.#size > this.#options.bytesMax) throw larger(this.#options.tooLarge)
    if (this.#file === undefined) {
      this.#pieces.add(chunk)
      return this.#size > this.#spoolAboveBytes ? this.#spill() : undefined
    }
    return this.#file.write(chunk)
  }

  async #spill(): Promise<void> {
    this.#file = await SpoolFile.create(this.#directory)
    await this.#file.write(this.#pieces.take())
  }

  async end(): Promise<Body | undefined> {
    if (this.#file !== undefined) return this.#file.end(this.#size)
    if (this.#size === 0) return undefined
    discard(this.#size)
    return bodyOf(this.#pieces.take())
  }

  async abort(): Promise<void> {
    this.#pieces.take()
    await this.#file?.abort()
  }
}

class SpoolFile {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #key = randomBytes(CHUNK_KEY_BYTES)
  readonly #sha256: Hash = createHash('sha256')
  readonly #sha512: Hash = createHash('sha512')
  readonly #idnr = openIdnrScan()
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  readonly #sealed = Buffer.allocUnsafeSlow(SEALED_CHUNK_BYTES)
  #filled = 0
  #index = 0

  private constructor(path: string, handle: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  static async create(directory: string): Promise<SpoolFile> {
    const path = join(directory, `${randomBytes(16).toString('hex')}.spool`)
    return new SpoolFile(path, await open(path, 'wx', 0o600).catch(diskFailed))
  }

  async write(octets: Buffer): Promise<void> {
    this.#sha256.update(octets)
    this.#sha512.update(octets)
    let at = 0
    while (at < octets.length) {
      // A full chunk waits: only the next octet tells that it was not the last.
      if (this.#filled === CHUNK_BYTES) await this.#flush(false)
      const copied = octets.copy(this.#chunk, this.#filled, at)
      this.#filled += copied
      at += copied
    }
  }

  async #flush(last: boolean): Promise<void> {
    const chunk = this.#chunk.subarray(0, this.#filled)
    this.#idnr.add(chunk, last)
    const sealed = sealChunk(this.#key, this.#index, last, chunk, this.#sealed)
    discard(this.#filled)
    this.#index += 1
    this.#filled = 0
    await this.#handle.writeFile(sealed).catch(diskFailed)
  }

  async end(size: number): Promise<Body> {
    await this.#flush(true)
    await this.#handle.close().catch(diskFailed)
    const file = { path: this.#path, key: this.#key }
    return {
      size,
      sha256: this.#sha256.digest(),
      sha512: this.#sha512.digest(),
      file,
      idnr: this.#idnr.finding,
      stream: () => openBodyFile(file),
      dispose: () => rm(this.#path, { force: true }),
    }
  }

  async abort(): Promise<void> {
    await this.#handle.close().catch(() => {})
    await rm(this.#path, { force: true })
  }
}

/** A body that cannot be kept cannot be put on record either. */
function diskFailed(cause: unknown): never {
  throw new GatewayError('LoggingFailed', { reason: 'the body could not be written to disk', cause })
}
