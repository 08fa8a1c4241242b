/** Small state files that are replaced whole: after a crash the old content is there or the new, never a part. */

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Returns once the content is on the disk under its name. */
export function replaceFile(path: string, octets: Buffer | string): void {
  const next = `${path}.next`
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
