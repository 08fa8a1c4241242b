/** Octets that can be read anywhere: memory, or a file of any size of which only what is asked for is held. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export interface ByteSource {
  readonly size: number
  /** @throws {RangeError} outside the source @throws {Error} when the file cannot be read, or has become shorter */
  read(at: number, length: number): Buffer
  /** Fills `target`, which can be used again: reading much in pieces leaves no garbage. @throws as `read` */
  fill(target: Buffer, at: number): void
}

export interface FileSource extends ByteSource {
  close(): void
}

/** Files up to this size are read at once. */
export const HELD_BYTES_MAX = 4 * 1024 * 1024

export function sourceOf(octets: Buffer): ByteSource {
  return {
    size: octets.length,
    read(at, length) {
      check(at, length, octets.length)
      return octets.subarray(at, at + length)
    },
    fill(target, at) {
      check(at, target.length, octets.length)
      octets.copy(target, 0, at, at + target.length)
    },
  }
}

/** A part of another source. */
export function partOf(source: ByteSource, start: number, size: number): ByteSource {
  check(start, size, source.size)
  // One read instead of many, where it is small enough to be held.
  if (size <= HELD_BYTES_MAX) return sourceOf(source.read(start, size))
  return {
    size,
    read(at, length) {
      check(at, length, size)
      return source.read(start + at, length)
    },
    fill(target, at) {
      check(at, target.length, size)
      source.fill(target, start + at)
    },
  }
}

/** @throws {Error} when it is no readable file */
export function openFile(path: string): FileSource {
  const file = openSync(path, 'r')
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw new Error(`${path} is no file`)
    const source: ByteSource = {
      size: stat.size,
      read(at, length) {
        check(at, length, stat.size)
        const octets = Buffer.allocUnsafe(length)
        source.fill(octets, at)
        return octets
      },
      fill(target, at) {
        check(at, target.length, stat.size)
        for (let done = 0; done < target.length; ) {
          const count = readSync(file, target, done, target.length - done, at + done)
          if (count === 0) throw new Error(`${path} has become shorter`)
          done += count
        }
      },
    }
    return {
      ...(stat.size <= HELD_BYTES_MAX ? sourceOf(source.read(0, stat.size)) : source),
      close: () => closeSync(file),
    }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

function check(at: number, length: number, size: number): void {
  if (at < 0 || length < 0 || at + length > size) throw new RangeError('The octets are not all there')
}
