/** Small state files that are replaced whole: after a crash the old content is there or the new, never a part. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

const NEXT = '.next'
const ERASING = '.erasing'

/** Returns once the content is on the disk under its name. */
export function replaceFile(path: string, octets: Buffer | string): void {
  const next = path + NEXT
  const file = openSync(next, 'w', 0o600)
  try {
    const content = Buffer.from(octets)
    for (let at = 0; at < content.length; ) at += writeSync(file, content, at)
    fsyncSync(file)
  } catch (error) {
    rmSync(next, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  renameSync(next, path)
  syncPath(dirname(path))
}

/**
 * As `replaceFile`, and overwrites what the file held before: for secrets. On a disk that writes elsewhere what is
 * overwritten, the old octets stay until it uses their place again.
 *
 * @param octets nothing: the file is to be gone
 */
export function eraseFile(path: string, octets: Buffer | string | undefined): void {
  finishErasing(path)
  // A second name, so that a crash leaves either the old file whole or the new one.
  linkSync(path, path + ERASING)
  if (octets === undefined) rmSync(path)
  else replaceFile(path, octets)
  syncPath(dirname(path))
  overwrite(path + ERASING)
}

/** After a crash. */
export function finishErasing(path: string): void {
  if (existsSync(path + NEXT)) overwrite(path + NEXT)
  const old = path + ERASING
  if (!existsSync(old)) return
  // Still the same file: nothing had been replaced yet.
  if (existsSync(path) && statSync(path).ino === statSync(old).ino) rmSync(old)
  else overwrite(old)
}

function overwrite(path: string): void {
  const file = openSync(path, 'r+')
  try {
    writeSync(file, Buffer.alloc(statSync(path).size), 0, undefined, 0)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  rmSync(path)
  syncPath(dirname(path))
}

/** @returns nothing when there is no such file */
export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** fsync of a file or directory: without the latter a crash may take back a rename or link. */
export function syncPath(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
