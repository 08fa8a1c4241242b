/** Is the log at rest, or beside a running gateway, the one that its key store knows? For whoever looks at it. */

import { existsSync } from 'node:fs'
import { checkGone, checkHighWater, markPlaceOf, readHighWater } from '../keys/high-water.ts'
import { hasKeys } from '../keys/key-store.ts'
import { logId } from '../record/log-place.ts'
import type { LogFault } from '../record/open-error.ts'
import { faultOf, LogOpenError, STAYS_CLOSED } from '../record/open-error.ts'
import { openStore } from '../store/engine.ts'
import type { LogReaderOptions } from './reader.ts'

/** @returns nothing where it is, and where nothing can be said: opening it says why */
export function findLogFault(place: LogReaderOptions): LogFault | undefined {
  try {
    check(place)
    return undefined
  } catch (error) {
    if (error instanceof LogOpenError && STAYS_CLOSED.has(error.flaw)) return faultOf(error)
    return undefined
  }
}

/** @throws {LogOpenError} */
function check({ file, keyStore, masterKey }: LogReaderOptions): void {
  // Before the database is read: a running gateway moves both on.
  const mark = readHighWater(markPlaceOf({ keyStore, masterKey }))
  if (!existsSync(file)) checkGone(mark, hasKeys(keyStore))
  const store = openStore(file)
  try {
    checkHighWater(mark, { id: logId(store.identity), lastSeq: store.records.tip().seq }, (seq) => {
      const [leaf] = store.records.leaves(seq, seq)
      return leaf === undefined ? undefined : Buffer.from(leaf).toString('hex')
    })
  } finally {
    store.close()
  }
}
