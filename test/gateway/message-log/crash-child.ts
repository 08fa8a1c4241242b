/** Appends under load until it is killed. What was acknowledged is on standard output before anything else happens. */

import { writeSync } from 'node:fs'
import type { MessageLogOptions } from '../../../gateway/message-log/open-log.ts'
import { openMessageLog } from '../../../gateway/message-log/open-log.ts'
import { endRecord, requestRecord } from './messages.ts'

const CONCURRENT = 8
const STDOUT = 1

const options = JSON.parse(process.argv[2] ?? '') as Pick<
  MessageLogOptions,
  'gateway' | 'file' | 'keyStore' | 'masterKey'
>
const log = await openMessageLog({
  ...options,
  retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
  authorities: () => [],
  now: Date.now,
  stampIntervalMs: 40,
})

async function exchange(): Promise<never> {
  for (;;) {
    const request = requestRecord()
    const recorded = await log.append(request)
    acknowledge(recorded)
    acknowledge(await log.append(endRecord(request, recorded)))
  }
}

function acknowledge({ seq, leaf }: { readonly seq: number; readonly leaf: Buffer }): void {
  writeSync(STDOUT, `${seq} ${leaf.toString('hex')}\n`)
}

await Promise.all(Array.from({ length: CONCURRENT }, exchange))
