/** What the log says of itself, for people: who erased, held or released what and why, and who looked at what. */

import type { RecordSummary } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Noted } from '../../message-log/record/access-event.ts'
import { parseAccess } from '../../message-log/record/access-event.ts'
import type { Ranges } from '../../message-log/record/erasure-event.ts'
import { DECISIONS, parseDecision } from '../../message-log/record/erasure-event.ts'
import { plain } from '../terminal.ts'

type Field = readonly [name: string, text: string]

/** @returns nothing of a message */
export async function saidIn(reader: LogReader, { seq, outcome }: RecordSummary): Promise<readonly Field[]> {
  if (outcome !== 'access' && !DECISIONS.has(outcome)) return []
  const octets = await reader.object(seq, 'body')
  if (!Buffer.isBuffer(octets)) return []
  return outcome === 'access' ? accessFields(parseAccess(octets)) : decisionFields(octets)
}

function decisionFields(octets: Buffer): readonly Field[] {
  const decision = parseDecision(octets)
  return [
    ['By', plain(decision.by)],
    ['Reason', plain(decision.reason)],
    ...(decision.event === 'erasure'
      ? decision.parts.map(
          ({ what, rule, records }): Field => [
            what === 'body' ? 'Bodies of' : 'Records',
            `${rangesText(records)}, ${plain(rule)}`,
          ],
        )
      : [['Records', rangesText(decision.records)] as const]),
  ]
}

function accessFields(noted: Noted | undefined): readonly Field[] {
  if (noted === undefined) return []
  const { by, lookedAt, looked } = noted
  return [
    ['By', plain(by)],
    ['Looked at', plain(lookedText(looked))],
    ...(lookedAt === undefined ? [] : [['Looked', plain(lookedAt)] as const]),
  ]
}

function lookedText(looked: Noted['looked']): string {
  if ('references' in looked) return looked.references === 1 ? 'one person' : `${looked.references} people`
  if ('seq' in looked) return `${looked.part} of record ${looked.seq}`
  if ('exchange' in looked) return `evidence of exchange ${looked.exchange}`
  if ('contradictions' in looked) return `evidence of ${looked.contradictions} contradictions`
  const filters = Object.entries(looked.query).map(([name, value]) => `${name} ${value}`)
  return `evidence of all records${filters.length === 0 ? '' : ` with ${filters.join(', ')}`}`
}

function rangesText(ranges: Ranges): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)).join(', ')
}
