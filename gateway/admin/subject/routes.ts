/**
 * `POST /log/subject`: what was exchanged about a person. A body, because a URL ends up in logs; and put on record before it
 * is answered: who looked, not at whom.
 */

import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Pseudonyms } from '../../message-log/keys/pseudonyms.ts'
import type { Appended } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Access } from '../../message-log/record/access-event.ts'
import { fingerprintOf } from '../operators.ts'
import { badOrder, takeOrders } from '../order-body.ts'
import { reportSubject } from './report.ts'

export interface SubjectLookUp {
  readonly pseudonyms: Pseudonyms
  readonly parseReference: (text: string) => string | undefined
  readonly referenceForms: string
  /** @throws {GatewayError} `LoggingFailed` */
  readonly appendAccess: (access: Access) => Promise<Appended>
}

export interface SubjectRoutesOptions extends SubjectLookUp {
  readonly reader: LogReader
  readonly now: () => number
  readonly log: FastifyBaseLogger
}

const BODY_BYTES_MAX = 16 * 1024
export const REFERENCES_MAX = 20

export async function subjectRoutes(app: FastifyInstance, options: SubjectRoutesOptions): Promise<void> {
  const { reader, pseudonyms, appendAccess, now, log } = options
  takeOrders(app, BODY_BYTES_MAX)
  app.post('/log/subject', async (request) => {
    const references = referencesIn(request.body, options)
    const certificate = fingerprintOf(request)
    await appendAccess({ by: `operator:${certificate}`, looked: { references: references.length } })
    log.info({ certificate }, 'an operator looked a person up')
    return reportSubject(reader, pseudonyms, references, now())
  })
}

/** @throws {GatewayError} `BadRequest`, naming the form, never what was given */
function referencesIn(body: unknown, { parseReference, referenceForms }: SubjectLookUp): readonly string[] {
  const { references } = (typeof body === 'object' && body !== null ? body : {}) as { readonly references?: unknown }
  if (!Array.isArray(references) || references.length === 0 || references.length > REFERENCES_MAX)
    throw badOrder(`the body is JSON, {"references": […]} with 1 to ${REFERENCES_MAX} of them`)
  return references.map((text) => {
    const reference = typeof text === 'string' ? parseReference(text) : undefined
    if (reference === undefined) throw badOrder(`a reference is ${referenceForms}`)
    return reference
  })
}
