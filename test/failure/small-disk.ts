/** A small file system for one gateway's directory, filled and emptied by the test. Needs the right to mount. */

import { execFile } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'

const run = promisify(execFile)
const BLOCK = Buffer.alloc(64 * 1024)

export interface SmallDisk {
  /** To the last octet. */
  fill(): void
  empty(): void
}

/** @returns why not; `false` where this user may mount: what tap takes as `skip` */
export async function whyNoSmallDisk(): Promise<string | false> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-mount-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
    await run('umount', [directory])
    return false
  } catch {
    return 'a file system of its own needs the right to mount'
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export async function mountSmallDisk(t: Test, directory: string, mebibytes: number): Promise<SmallDisk> {
  await mkdir(directory, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', directory])
  // Lazily: the gateway in it may still be ending.
  t.teardown(() => run('umount', ['-l', directory]))
  const filler = join(directory, 'filler')
  return {
    fill() {
      const file = openSync(filler, 'a')
      for (const block of [BLOCK, BLOCK.subarray(0, 4096), BLOCK.subarray(0, 1)]) {
        try {
          while (writeSync(file, block) > 0) {}
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
      closeSync(file)
    },
    empty: () => rmSync(filler, { force: true }),
  }
}
