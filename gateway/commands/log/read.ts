/** `owl log list|show|tail`: the message log read where it lies, beside a running gateway or without one. */

import { setTimeout as sleep } from 'node:timers/promises'
import { LIMIT_MAX, parseSeq } from '../../admin/log/query.ts'
import type { Verdict, VerificationWish } from '../../admin/log/verification.ts'
import { formatVerdict } from '../../admin/log/verification.ts'
import type { LogQuery, RecordSummary } from '../../message-log/message-log.ts'
import type { LogReader, Part, RecordDetail } from '../../message-log/reading/reader.ts'
import type { Looked } from '../../message-log/record/access-event.ts'
import type { LogFault } from '../../message-log/record/open-error.ts'
import type { Verification } from '../../message-log/verification/verify.ts'
import { headerText } from '../../protocol/headers.ts'
import type { Column, Style, Terminal } from '../terminal.ts'
import { plain, plainLines } from '../terminal.ts'
import { saidIn } from './event-text.ts'

export interface LogCommandDeps {
  readonly reader: LogReader
  /** Notes who looks, before anything is shown. @throws {GatewayError} `LoggingFailed` */
  readonly looking: (looked: Looked) => void
  readonly verify: (wish?: VerificationWish) => Promise<Verification & Partial<Verdict>>
  /** Why a gateway would keep this log closed. */
  readonly fault?: LogFault
  /** There is no database. */
  readonly isGone?: boolean
  readonly terminal: Terminal
  readonly json: boolean
}

const POLL_MS = 300

const COLUMNS: readonly Column[] = [
  { title: 'SEQ', right: true },
  { title: 'TIME (UTC)' },
  { title: 'SIDE' },
  { title: 'OUTCOME', style: colourOf },
  { title: 'CLIENT' },
  { title: 'SERVICE' },
  { title: 'PURPOSE' },
  { title: 'FAULT', style: () => 'red' },
  { title: 'BYTES', right: true },
  { title: 'STAMPED' },
  { title: 'STATE', style: () => 'dim' },
  { title: 'REQUEST' },
]

export async function listRecords({ reader, terminal, json }: LogCommandDeps, query: LogQuery): Promise<void> {
  const page = await reader.list(query)
  if (json) {
    terminal.json(page)
    return
  }
  if (page.records.length === 0) {
    terminal.say('No record fits.')
    return
  }
  terminal.table(COLUMNS, page.records.map(rowOf))
  const more = page.next === null ? '' : `; older ones: --after ${page.next}`
  terminal.say(`${page.records.length} ${page.records.length === 1 ? 'record' : 'records'}, newest first${more}`)
}

/** Prints the newest records, oldest first and at most `limit`, then what is added, until told to stop. */
export async function tailRecords(
  { reader, terminal, json }: LogCommandDeps,
  { limit: count = LIMIT_MAX, ...query }: LogQuery,
  signal: AbortSignal,
): Promise<void> {
  const print = (records: readonly RecordSummary[]): void => {
    for (const record of records) {
      if (json) terminal.json(record)
      else terminal.out(lineOf(record, terminal))
    }
  }
  const first = await reader.list({ ...query, limit: count })
  print(first.records.toReversed())
  let last = first.records[0]?.seq ?? 0
  if (!json) terminal.say('Waiting for more; Ctrl-C ends.')
  while (!signal.aborted) {
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
    const fresh = await since(reader, query, last)
    print(fresh)
    last = fresh.at(-1)?.seq ?? last
  }
}

/** A single record by its number, or all of an exchange by its request id. @returns whether there is one */
export async function showRecords({ reader, terminal, json }: LogCommandDeps, name: string): Promise<boolean> {
  const one = /^\d+$/.test(name) ? await reader.get(parseSeq(name)) : undefined
  const records = one === undefined ? await reader.exchange(name) : [one]
  if (records.length === 0) {
    terminal.say('There is no such record or exchange in this log.')
    return false
  }
  if (json) {
    terminal.json(one ?? { records })
    return true
  }
  for (const [index, record] of records.entries()) {
    if (index > 0) terminal.out('')
    terminal.out(terminal.style('bold', `Record ${record.seq}`))
    terminal.fields([...fieldsOf(record), ...(await saidIn(reader, record))])
  }
  return true
}

/**
 * The octets as they were hashed; on a terminal, text without what a terminal obeys.
 *
 * @returns whether there are any
 */
export async function writePart(deps: LogCommandDeps, name: string, part: Part): Promise<boolean> {
  const { reader, terminal, looking } = deps
  const seq = parseSeq(name)
  const octets = await reader.object(seq, part)
  if (octets === undefined) {
    terminal.say(`Record ${plain(name)} has no ${part}, or it was erased.`)
    return false
  }
  // What the log says of itself is about nobody.
  if ((part === 'head' || part === 'body') && (await reader.get(seq))?.side !== null) looking({ part, seq })
  if (terminal.isInteractive) {
    const text = (Buffer.isBuffer(octets) ? octets : Buffer.concat(await octets.toArray())).toString('latin1')
    // By lines: each header of a head has an encoding of its own.
    terminal.out(plainLines(text.split('\n').map(headerText).join('\n')))
  } else await terminal.octets(octets)
  return true
}

/** @returns whether the log holds */
export async function verifyWhole(
  { terminal, json, verify, fault, isGone = false }: LogCommandDeps,
  wish: VerificationWish = {},
): Promise<boolean> {
  // There is nothing to judge, or nothing to judge by; what happened was said when it was opened.
  if (fault !== undefined && (fault.flaw === 'damaged' || isGone)) {
    if (json) terminal.json({ ok: false, fault })
    else terminal.out(terminal.style('red', 'The log does not hold.'))
    return false
  }
  const began = performance.now()
  const judged = await verify(wish)
  // Without its mark nobody knows whether it is complete.
  const verdict = { ...judged, isWhole: judged.isWhole && fault === undefined }
  const { isWhole, from, records, batches, stampedTo, stampedAt, erased, damage } = verdict
  if (json) {
    terminal.json({ ...formatVerdict(verdict), ...(fault !== undefined && { fault }) })
    return isWhole
  }
  const count = Math.max(0, records - from + 1)
  const seconds = (performance.now() - began) / 1000
  // Of a few records it would say how fast a process starts.
  const rate = seconds > 1 ? `, ${Math.round(count / seconds)} a second` : ''
  if (verdict.isPointChanged === true) {
    terminal.say(
      'What says how far the log was verified was changed by somebody without the key: all of it was verified.',
    )
  }
  terminal.fields([
    ['Records', `${count} verified${rate}${erased === 0 ? '' : `; ${erased} of them erased`}`],
    ...(from === 1 ? [] : [['Since', `record ${from}: those before it were verified earlier`] as const]),
    ['Batches', String(batches)],
    ['Time-stamped', stampedAt === null ? 'nothing yet' : `up to record ${stampedTo}, at ${stampedAt}`],
    ...(wish.signatures === true ? [['Signatures', 'of every message, too'] as const] : []),
    ...(verdict.conflicts ?? []).map(({ partner, batch }) => {
      return ['Contradiction', `${partner} holds another batch ${batch}: owl log contradictions`] as const
    }),
    ...(damage === null ? [] : [['Damage', `record ${damage.seq}, ${damage.kind}: ${damage.message}`] as const]),
  ])
  terminal.out(isWhole ? terminal.style('green', 'The log holds.') : terminal.style('red', 'The log does not hold.'))
  return isWhole
}

/** All records after one, oldest first, however many pages they fill. */
async function since(reader: LogReader, query: LogQuery, last: number): Promise<RecordSummary[]> {
  const found: RecordSummary[] = []
  let after: number | undefined
  for (;;) {
    const page = await reader.list({ ...query, limit: LIMIT_MAX, ...(after !== undefined && { after }) })
    const fresh = page.records.filter(({ seq }) => seq > last)
    found.push(...fresh)
    if (page.next === null || fresh.length < page.records.length) return found.toReversed()
    after = page.next
  }
}

function rowOf(record: RecordSummary): string[] {
  const { seq, at, client, service, purpose, bodyBytes, stamped, requestId } = record
  return [
    String(seq),
    timeOf(at),
    sideOf(record),
    record.outcome ?? '',
    client ?? '',
    service ?? '',
    purpose ?? '',
    faultOf(record),
    String(bodyBytes),
    stamped ? 'yes' : 'not yet',
    stateOf(record),
    requestId ?? '',
  ]
}

/** Without columns, since nobody knows how long what comes will be. */
function lineOf(record: RecordSummary, terminal: Terminal): string {
  const { seq, at, client, service, purpose, requestId } = record
  const outcome = record.outcome ?? stateOf(record)
  const colour = colourOf(outcome)
  return [
    terminal.style('dim', String(seq).padStart(7)),
    timeOf(at),
    sideOf(record).padEnd(12),
    colour === undefined ? outcome.padEnd(9) : terminal.style(colour, outcome.padEnd(9)),
    client === null ? '' : `${plain(client)} → ${plain(service ?? '')}`,
    plain(purpose ?? ''),
    terminal.style('red', plain(faultOf(record))),
    terminal.style('dim', plain(requestId ?? '')),
  ]
    .join('  ')
    .trimEnd()
}

function fieldsOf(record: RecordSummary & Partial<RecordDetail>): [string, string][] {
  const { requestId, xRoadId, at, client, service, method, purpose, outcome, stamped, bodyBytes, stage } = record
  const { erased, erasedAt, erasure, held } = record
  const fields: [string, string | null | undefined][] = [
    ['Request', requestId],
    ['X-Road-Id', xRoadId],
    ['Time', at],
    ['Side', sideOf(record)],
    ['Client', client],
    ['Service', service],
    ['Method', method],
    ['Purpose', purpose],
    ['Outcome', outcome],
    ['Fault', faultOf(record)],
    ['Stage', stage],
    ['Body', erased === 'record' ? null : `${bodyBytes} octets${erased === 'body' ? ', erased' : ''}`],
    ['Time-stamp', stamped ? 'yes' : 'not yet'],
    ['Erased', erased && `${erased === 'body' ? 'the body' : 'all but the leaf'}, on ${erasedAt}`],
    ['Under', erasure && `${plain(erasure.rule)}: ${plain(erasure.reason)} (${erasure.by}, record ${erasure.seq})`],
    ['Held', held && 'must not be erased: owl log holds'],
  ]
  return fields.flatMap(([name, value]) => (value ? [[name, value] as [string, string]] : []))
}

function stateOf({ erased, held }: RecordSummary): string {
  if (erased !== undefined) return erased === 'body' ? 'body erased' : 'erased'
  return held === true ? 'held' : ''
}

function timeOf(at: string): string {
  return at.replace('T', ' ').replace('Z', '')
}

function sideOf({ side, direction }: RecordSummary): string {
  return side === null ? '' : `${side} ${direction ?? ''}`.trimEnd()
}

function faultOf({ code = '' }: RecordSummary): string {
  return code
}

function colourOf(outcome: string): Style | undefined {
  if (outcome === 'reply') return 'green'
  if (outcome === 'refusal' || outcome === 'failure') return 'red'
  return outcome === 'in-doubt' ? 'yellow' : undefined
}
