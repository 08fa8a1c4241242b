/** The contract of the port, for every engine there is. A new one is a line here. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openRenewalWriter } from '../../../../gateway/message-log/store/sqlite/renewal-writing.ts'
import { openStore } from '../../../../gateway/message-log/store/sqlite/sqlite-store.ts'
import { openWritableStore } from '../../../../gateway/message-log/store/sqlite/writing.ts'
import { GATEWAY } from '../log-rig.ts'
import type { StoredLog } from './log-store-contract.ts'
import { logStoreContract } from './log-store-contract.ts'

t.setTimeout(60_000)

/** Each opens a log of its own in an empty directory. */
const ENGINES: Record<string, (directory: string) => StoredLog> = {
  sqlite(directory) {
    const file = join(directory, 'log.sqlite')
    return {
      writer: () => openWritableStore(file, `${GATEWAY}/n1`),
      reader: () => openStore(file),
      renewals: () => openRenewalWriter(file, () => {}),
    }
  },
}

for (const [name, open] of Object.entries(ENGINES)) {
  t.test(name, async (t) => {
    logStoreContract(t, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'owl-store-'))
      t.teardown(() => rm(directory, { recursive: true, force: true }))
      return open(directory)
    })
  })
}
