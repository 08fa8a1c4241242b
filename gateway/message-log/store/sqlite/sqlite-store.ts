/** The store on SQLite. Reading is synchronous, in steps of a few milliseconds each. */

import type { DatabaseSync } from 'node:sqlite'
import type { LogIdentity } from '../../record/log-place.ts'
import type { LogStore } from '../log-store.ts'
import { openArchives } from './archive-rows.ts'
import { openBatches } from './batch-rows.ts'
import { openConfigurations } from './configuration-rows.ts'
import { openReadable, openReadableOrEmpty, readIdentity } from './database.ts'
import { openDecisions } from './decision-rows.ts'
import { openExchanges } from './exchange-rows.ts'
import { openHeads } from './received-heads.ts'
import { openRecordList } from './record-list.ts'
import { openRecords } from './record-rows.ts'
import { openRenewals, openRenewalTrees } from './renewal-rows.ts'
import { openSubjectSearch } from './subject-table.ts'
import { openTexts } from './text-rows.ts'

/**
 * For readers, beside the writer.
 *
 * @param gone what a log is called whose database is gone: it has no records; absent: that is an error
 * @throws {LogOpenError} `missing`, `format`
 */
export function openStore(path: string, gone?: LogIdentity): LogStore {
  return storeOn(gone === undefined ? openReadable(path) : openReadableOrEmpty(path, gone))
}

/** What reads through this handle. */
export function storeOn(database: DatabaseSync): LogStore {
  return {
    identity: readIdentity(database),
    records: openRecords(database),
    list: openRecordList(database),
    exchanges: openExchanges(database),
    batches: openBatches(database),
    texts: openTexts(database),
    configurations: openConfigurations(database),
    heads: openHeads(database),
    renewals: openRenewals(database),
    trees: openRenewalTrees(database),
    archives: openArchives(database),
    decisions: openDecisions(database),
    subjects: { find: openSubjectSearch(database) },
    close: () => database.close(),
  }
}
