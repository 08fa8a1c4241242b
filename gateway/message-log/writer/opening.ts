/** Opens the message log for its one writer, or says why it must not be written. */

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openArchiveEmptying } from '../archiving/archive-emptying.ts'
import type { ArchiveOutcome, ArchiveWork } from '../archiving/terms.ts'
import type { Erasing } from '../erasure/erasing.ts'
import { openErasing } from '../erasure/erasing.ts'
import { openBodyFiles } from '../files/body-files.ts'
import { openDecisionJournal } from '../files/decision-journal.ts'
import { checkGone, checkHighWater, readHighWater, writeHighWater } from '../keys/high-water.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { finishDestroying, hasKeys, openKeyStore, readMasterKey } from '../keys/key-store.ts'
import type { LogIdentity, LogPlace } from '../record/log-place.ts'
import { logId } from '../record/log-place.ts'
import { LogOpenError } from '../record/open-error.ts'
import { openStore as openReadableStore, openWritableStore } from '../store/engine.ts'
import type { WritableStore } from '../store/writable-store.ts'
import type { LogFile } from './log-file.ts'
import { openLogFile } from './log-file.ts'

export interface OpenedLog {
  readonly store: WritableStore
  readonly identity: LogIdentity
  readonly log: LogFile
  readonly erasing: Erasing
  /** One piece of archiving: milliseconds. */
  archive(work: ArchiveWork, at: number): ArchiveOutcome
  /** The newest file of the key store, as it has to be. */
  readonly newestKeys: KeyStore['newest']
}

/** Beside the keys: whoever restores a database leaves them where they are. */
const JOURNAL = 'decisions.jsonl'
const NO_LEAF = '0'.repeat(64)

/** Directories are made where they are missing: with nothing in them they say nothing. */
export function makeDirectories({ file, highWaterFile }: LogPlace): void {
  for (const path of [file, highWaterFile]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
}

/**
 * A log is made only where nothing says that there was one.
 *
 * @throws {LogOpenError} any flaw but `locked`: the caller holds the lock
 */
export function openForWriting(place: LogPlace, openStore = openWritableStore): OpenedLog {
  const mark = readHighWater(place)
  if (!existsSync(place.file)) checkGone(mark, hasKeys(place.keys.directory))

  const store = openStore(place.file, place.name)
  try {
    const { identity } = store
    checkName(identity, place.name)
    // The mark comes last, and before the first record: a crash before it left a log half made.
    const isNew = (mark === undefined || mark.seq === 0) && store.records.tip().seq === 0
    const keys = openKeyStore(place.keys, isNew)
    const files = openBodyFiles(place.bodies, isNew, place.archive)
    const log = openLogFile({ store, identity, keys, files })
    const id = logId(identity)
    checkHighWater(mark, { id, lastSeq: log.tip.seq }, (seq) => {
      const [leaf] = store.records.leaves(seq, seq)
      return leaf === undefined ? undefined : Buffer.from(leaf).toString('hex')
    })
    // In this order: after a crash between the two the next start does the second.
    if (mark === undefined || mark.isOlderForm) writeHighWater(place, mark ?? { log: id, seq: 0, leaf: NO_LEAF })
    keys.leaveOlderForm()
    files.sweep(log.tip.seq)
    finishDestroying(place.keys.directory)
    const journal = openDecisionJournal(join(place.keys.directory, JOURNAL))
    const { open, addDecision: record } = log
    const erasing = openErasing({ store, log: id, keys, files, journal, open, record })
    const { forgetTexts } = log
    const directory = place.archive
    const archive = openArchiveEmptying({ store, keys, files, directory, open, forgetTexts })
    return { store, identity, log, erasing, archive, newestKeys: keys.newest }
  } catch (error) {
    store.close()
    throw error
  }
}

/** Of a log that is closed. */
export function identityAt({ file, name }: LogPlace): LogIdentity {
  const store = openReadableStore(file, { name, epoch: 1 })
  store.close()
  return store.identity
}

/**
 * What can be said of a place before anybody writes there: whose log it is, and whether its keys open.
 *
 * @throws {LogOpenError} `missing`, `format`, `keys`
 */
export function checkPlace({ name, file, keys }: LogPlace): void {
  readMasterKey(keys.masterKeyFile)
  const hasStore = existsSync(keys.directory)
  // A crash may have left a file without tables.
  if (!existsSync(file) || statSync(file).size === 0) {
    if (hasStore) openKeyStore(keys)
    return
  }
  const store = openReadableStore(file)
  try {
    checkName(store.identity, name)
    if (hasStore || store.records.tip().seq > 0) openKeyStore(keys)
  } finally {
    store.close()
  }
}

function checkName(identity: LogIdentity, name: string): void {
  if (identity.name !== name) throw new LogOpenError('format', 'The message log is that of another gateway')
}
