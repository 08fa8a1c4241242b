/** Checks the signatures of an exchange from what an operator can download, by nothing else. */

import type { RecordSummary } from '../message-log/message-log.ts'
import { verifyArchived } from '../protocol/archive-form.ts'
import { parseReplyHead, parseRequestHead } from '../protocol/head-parser.ts'
import { memberOf } from '../protocol/identifiers.ts'
import type { Operator } from './operator.ts'

/** @throws {Error} when a signature does not hold, or is not the one of the member who must have signed */
export async function checkSignatures(operator: Operator, records: readonly RecordSummary[]): Promise<number> {
  let checked = 0
  for (const { seq, outcome, client, service } of records) {
    const [head, signature, record] = await Promise.all([
      operator.part(seq, 'head'),
      operator.part(seq, 'signature'),
      operator.part(seq, 'record'),
    ])
    const parsed = outcome === 'request' ? parseRequestHead(head) : parseReplyHead(head)
    const { objects } = JSON.parse(record.toString()) as LogRecord
    const body = objects.find(({ name }) => name.startsWith('message-body.'))
    const { certificate } = verifyArchived(
      signature,
      parsed,
      body === undefined ? undefined : Buffer.from(body.sha256, 'hex'),
    )
    const signer = memberOf((outcome === 'request' ? client : service) as string)
    if (!certificate.subject.split('\n').includes(`organizationIdentifier=${signer}`))
      throw new Error(`#${seq} is signed by another member`)
    checked += 1
  }
  return checked
}

interface LogRecord {
  readonly objects: readonly { readonly name: string; readonly sha256: string }[]
}
