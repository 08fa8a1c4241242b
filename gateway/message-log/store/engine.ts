/** Which engine stores the log: the one place that names it. A second engine is chosen here, by what the log's place says. */

import { isEngineError } from './sqlite/write-turns.ts'
import { StoreError } from './writable-store.ts'

export { lockLog } from './sqlite/database.ts'
export { openRenewalWriter } from './sqlite/renewal-writing.ts'
export { openStore } from './sqlite/sqlite-store.ts'
export { openWritableStore } from './sqlite/writing.ts'

/** Has the engine failed, or the disk under it? That says nothing of what is stored. */
export function isStoreFailure(error: unknown): boolean {
  return error instanceof StoreError || isEngineError(error)
}
