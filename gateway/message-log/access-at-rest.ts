/** A look-up is put on record although no gateway runs: whoever looks writes it down first. */

import { GatewayError } from '../errors.ts'
import type { Access } from './access-event.ts'
import { formatAccess } from './access-event.ts'
import { ownEntry } from './new-entry.ts'
import type { LogPlace } from './opening.ts'
import { openRecoverable } from './writer/recovery.ts'

/** @throws {LogOpenError} `locked` while a gateway has the log open, or any flaw @throws {GatewayError} `LoggingFailed` */
export function recordAccessAtRest(place: LogPlace, access: Access, at: number): void {
  const log = openRecoverable(place, at)
  try {
    const entries = [ownEntry('access', formatAccess(access), at)]
    const attempt = log.attempt(at, (file) =>
      file.commit({ at, entries, textOf: () => '', replayedSince: at, inDoubt: [], reason: 'no-end' }),
    )
    if ('problem' in attempt) throw new GatewayError('LoggingFailed', { reason: attempt.problem })
  } finally {
    log.close()
  }
}
