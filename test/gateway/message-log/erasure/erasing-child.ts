/** Erases what is due, unless it is killed before. */

import type { MessageLogOptions } from '../../../../gateway/message-log/open-log.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'

const { at, ...options } = JSON.parse(process.argv[2] ?? '') as Pick<
  MessageLogOptions,
  'gateway' | 'file' | 'keyStore' | 'masterKey'
> & { readonly at: number }
const log = await openMessageLog({
  ...options,
  retention: () => ({ bodyRetentionDays: 10, recordRetentionDays: 20 }),
  authorities: () => [],
  now: () => at,
})
await log.eraseDue()
process.exit()
