/** Archives everything that is old enough, until it is done or killed. */

import type { MessageLogOptions } from '../../../../gateway/message-log/open-log.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'

const options = JSON.parse(process.argv[2] ?? '') as Pick<
  MessageLogOptions,
  'gateway' | 'file' | 'keyStore' | 'masterKey' | 'archive'
>
const log = await openMessageLog({
  ...options,
  retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
  authorities: () => [],
  now: Date.now,
})
process.stdout.write('archiving\n')
await log.archive(0)
process.stdout.write('done\n')
await log.close()
