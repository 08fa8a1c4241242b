/** Which engine stores the log: the one place that names it. A second engine is chosen here, by what the log's place says. */

export { lockLog } from './sqlite/database.ts'
export { openRenewalWriter } from './sqlite/renewal-writing.ts'
export { openStore } from './sqlite/sqlite-store.ts'
export { openWritableStore } from './sqlite/writing.ts'
