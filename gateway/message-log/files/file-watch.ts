/**
 * Are the files of a running log still those that it opened? A process goes on writing to a file that was deleted or
 * replaced under its name, and a restart finds nothing of it: so nothing may be acknowledged from then on.
 */

import { readFileSync, statSync, utimesSync } from 'node:fs'

export interface FileWatchOptions {
  /** The log's one writer has it open; `-wal` beside it. */
  readonly database: string
  /** A file whose time is that of the latest write of who renews evidence: `noteWriting`. */
  readonly renewing: string
  /** Those that are not there yet are watched from when they are. */
  readonly directories: readonly string[]
  /** Small files, by name: their octets as this process wrote them last. */
  readonly contents: () => readonly (readonly [path: string, octets: string | undefined])[]
}

export interface FileWatch {
  /** Two system calls, for every commit: database and WAL alone. @returns what is no longer the same */
  glance(): string | undefined
  /** Everything, and whether somebody else wrote to database or WAL. @returns what is no longer the same */
  look(): string | undefined
  /** This process is about to write to the WAL, and at a checkpoint to the database as well. */
  writes(isCheckpoint: boolean): void
  /** Whoever closes a database last removes its WAL. */
  closed(): void
  /** There is another WAL now. */
  reopened(): void
}

interface Seen {
  readonly dev: bigint
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
}

/** So long after a renewal has written, a change is taken for its own. */
const RENEWED_MS = 60_000

/** Before and after writing beside the log's writer. @param path as `renewing` of who watches */
export function noteWriting(path: string): void {
  const now = new Date()
  utimesSync(path, now, now)
}

export function openFileWatch({ database, renewing, directories, contents }: FileWatchOptions): FileWatch {
  const wal = `${database}-wal`
  const files = [database, wal]
  const seen = new Map<string, Seen>()
  /** Written to by this process since the last look: time and size say nothing then. */
  const written = new Set<string>(files)

  for (const path of [...files, ...directories]) remember(path)
  const opened = files.map((path) => seen.get(path))

  function remember(path: string): Seen | undefined {
    const now = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (now !== undefined) seen.set(path, now)
    return now
  }

  /** A renewal writes beside this process, and says so. */
  function isRenewed(): boolean {
    const note = statSync(renewing, { throwIfNoEntry: false })
    return note !== undefined && note.mtimeMs >= Date.now() - RENEWED_MS
  }

  function changeOf(path: string): string | undefined {
    const before = seen.get(path)
    const now = remember(path)
    if (before === undefined) return undefined
    if (now === undefined) return `${path} was deleted`
    if (now.ino !== before.ino || now.dev !== before.dev) return `${path} was replaced`
    const isSame = now.size === before.size && now.mtimeNs === before.mtimeNs
    return isSame || !files.includes(path) || written.has(path) || isRenewed()
      ? undefined
      : `${path} was written to by somebody else`
  }

  return {
    glance() {
      for (const [index, path] of files.entries()) {
        const before = opened[index]
        if (before === undefined) continue
        const now = statSync(path, { throwIfNoEntry: false })
        if (now === undefined) return `${path} was deleted`
        if (now.ino !== Number(before.ino) || now.dev !== Number(before.dev)) return `${path} was replaced`
      }
      return undefined
    },
    look() {
      try {
        for (const path of [...files, ...directories]) {
          const change = changeOf(path)
          if (change !== undefined) return change
        }
        for (const [path, octets] of contents()) {
          if (octets === undefined) continue
          if (statSync(path, { throwIfNoEntry: false }) === undefined) return `${path} was deleted`
          if (readFileSync(path, 'utf8') !== octets) return `${path} was written to by somebody else`
        }
        return undefined
      } catch (error) {
        return `what belongs to the log cannot be looked at: ${(error as Error).message}`
      } finally {
        written.clear()
      }
    },
    writes(isCheckpoint) {
      written.add(wal)
      if (isCheckpoint) written.add(database)
    },
    closed() {
      seen.delete(wal)
      opened[1] = undefined
    },
    reopened() {
      opened[1] = remember(wal)
      written.add(wal).add(database)
    },
  }
}
