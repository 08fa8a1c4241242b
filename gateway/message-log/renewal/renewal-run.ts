/**
 * One renewal of a log where it lies, beside a running gateway or without one: whoever renews holds a lock of its own, which
 * is not that of the log's writer.
 */

import { noteWriting } from '../files/file-watch.ts'
import type { LogReaderOptions } from '../reading/reader.ts'
import { openLogReader } from '../reading/reader.ts'
import { renewalLock } from '../record/log-place.ts'
import { LogOpenError } from '../record/open-error.ts'
import type { RegisteredAuthority, TimeStampClient } from '../stamping/time-stamp-client.ts'
import { readCertificateEnds } from '../stamping/time-stamp-client.ts'
import { lockLog, openRenewalWriter } from '../store/engine.ts'
import type { RenewalWish } from './renewal-plan.ts'
import type { RenewalStamp, Renewed, RenewingDeps } from './renewing.ts'
import { renewLog } from './renewing.ts'

export interface AscendingOptions {
  readonly now: () => number
  readonly wait: (ms: number) => Promise<void>
}

/** Authorities whose clocks differ may give a time that is not after what is renewed. */
const STAMPS_MAX = 5

/** @throws {LogOpenError} `locked` when it is being renewed already, or any flaw of the log */
export async function renewAt(
  place: LogReaderOptions,
  deps: Omit<RenewingDeps, 'writer' | 'contents'>,
  wanted: RenewalWish,
): Promise<Renewed[]> {
  const reader = openLogReader(place)
  const closing = [reader.close]
  try {
    const lock = lockLog(`${place.file}.renewal`)
    closing.push(lock.release)
    const note = (): void => noteWriting(renewalLock(place.file))
    const writer = openRenewalWriter(place.file, note, deps.signal)
    // Last, so that it may fold the WAL into the database where nobody else has the log open.
    closing.push(writer.close)
    return await renewLog({ ...deps, writer, contents: reader.contents }, wanted)
  } catch (error) {
    if (!(error instanceof LogOpenError) || error.flaw !== 'locked') throw error
    throw new LogOpenError('locked', 'The evidence is being renewed already', error)
  } finally {
    for (const close of closing) close()
  }
}

/** Asks until the time is after that of the tokens that are renewed. */
export function ascendingStamp(client: TimeStampClient, { now, wait }: AscendingOptions): RenewalStamp {
  return async (root, digest, after) => {
    for (let asked = 0; asked < STAMPS_MAX; asked++) {
      if (now() < after) await wait(after - now())
      const stamped = await client.stamp(root, digest)
      if (stamped.genTime >= after) return stamped
      await wait(after - stamped.genTime)
    }
    throw new Error('The authorities give times that are not after those of the tokens to renew')
  }
}

/** Those that last longest first. @param until only those that last longer: milliseconds since the Unix epoch */
export function lastingAuthorities(authorities: readonly RegisteredAuthority[], until = 0): RegisteredAuthority[] {
  return authorities
    .map((row) => ({ row, end: readCertificateEnds(row) }))
    .filter(({ end }) => end > until)
    .sort((a, b) => b.end - a.end)
    .map(({ row }) => row)
}
