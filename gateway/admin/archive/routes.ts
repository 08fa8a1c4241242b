/** `POST /log/archives`: a running gateway archives now what is old enough, and answers with the files it made. */

import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify'
import { GatewayError } from '../../errors.ts'
import type { SqliteLog } from '../../message-log/open-log.ts'
import { ArchiveError } from '../../message-log/record/archive-error.ts'
import type { ArchiveRow } from '../../message-log/record/archive-row.ts'
import { fingerprintOf } from '../operators.ts'
import { badOrder, takeOrders } from '../order-body.ts'

export interface ArchiveRoutesOptions {
  readonly archiving: Pick<SqliteLog, 'archive'>
  readonly log: FastifyBaseLogger
  readonly refuse: (reply: FastifyReply, status: number, reason: string) => FastifyReply
}

/** An archive file as commands and the admin port show it. */
export interface ShownArchive extends Readonly<Record<string, unknown>> {
  readonly file: string
  readonly day: string
  readonly first: number
  readonly last: number
  readonly bytes: number
}

const BODY_BYTES_MAX = 1024
const DAYS_MAX = 99_999

export async function archiveRoutes(app: FastifyInstance, options: ArchiveRoutesOptions): Promise<void> {
  const { archiving, log, refuse } = options
  takeOrders(app, BODY_BYTES_MAX)

  app.post('/log/archives', async (request, reply) => {
    const afterDays = afterDaysOf(request.body)
    log.info({ certificate: fingerprintOf(request), afterDays }, 'an operator had the log archived')
    try {
      const made = await archiving.archive(afterDays)
      return { files: made.map(formatArchive) }
    } catch (error) {
      if (error instanceof GatewayError || error instanceof ArchiveError) throw error
      // What keeps it from going on: a record that does not hold, a file that is not where it was. No content.
      return refuse(reply, 409, (error as Error).message)
    }
  })
}

/** @param given parsed JSON @returns nothing: as configured @throws {GatewayError} `BadRequest` */
function afterDaysOf(given: unknown): number | undefined {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  if (!isObject || Object.keys(given).some((name) => name !== 'afterDays')) throw badOrder('it takes afterDays')
  const { afterDays } = given as { readonly afterDays?: unknown }
  if (afterDays === undefined) return undefined
  const days = Number.isInteger(afterDays) ? (afterDays as number) : -1
  if (days < 0 || days > DAYS_MAX) throw badOrder('afterDays is a whole number of days')
  return days
}

export function formatArchive({ name, first, last, bytes, madeAt, emptiedTo }: ArchiveRow): ShownArchive {
  const isWhole = emptiedTo >= last
  return { file: name, day: name.slice(0, 10), first, last, bytes, madeAt: new Date(madeAt).toISOString(), isWhole }
}
