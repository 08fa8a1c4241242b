/** Renews a log until it is killed; says how far it is, before it goes on. */

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogReaderOptions } from '../../../../gateway/message-log/reading/reader.ts'
import type { RegisteredAuthority } from '../../../../gateway/message-log/stamping/time-stamp-client.ts'
import { renew } from './renewal-rig.ts'

const STDOUT = 1

const given = JSON.parse(process.argv[2] ?? '') as {
  readonly place: LogReaderOptions
  readonly authorities: readonly RegisteredAuthority[]
  readonly hash?: 'sha512'
}
const renewed = await renew(given.place, given.authorities, {
  ...(given.hash !== undefined && { hash: given.hash }),
  report: ({ done, of }) => writeSync(STDOUT, `${done} ${of}\n`),
  // Time to be killed in.
  rest: async () => void (await sleep(20)),
})
writeSync(STDOUT, `renewed ${renewed.length}\n`)
