/**
 * Do the columns that lists are made from say what the objects say? Source: design of the evidence, section 3.
 *
 * Not covered by any hash: how long something is to be kept; the size of a body that never was; the stage at which another
 * gateway says it refused; the method of a call that was refused before there was a request.
 */

import { parseRequestHead } from '../../protocol/head-parser.ts'
import type { LogRecord } from '../record/log-record.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { demand } from './damage.ts'

/** @param head as it was sealed @throws {Damage} */
export function checkColumns(
  stored: StoredRecord,
  record: LogRecord,
  head: Buffer | undefined,
  body: Buffer | undefined,
): void {
  const { seq, at } = stored
  const fits =
    record.kind === stored.kind &&
    record.id === stored.requestId &&
    record.direction === stored.direction &&
    record.side === stored.side &&
    record.outcome === stored.code &&
    at !== null &&
    record.at === new Date(at).toISOString() &&
    (record.request === null) === (stored.ends === null)
  demand(fits, seq, 'columns', 'Place, time or outcome are others than recorded')
  if (!isMessage(stored)) {
    demand(stored.bodyBytes === body?.length, seq, 'columns', 'The size is another')
    // What an in-doubt record has besides is compared with its request.
    if (stored.kind !== 'in-doubt') checkEmpty(stored, OF_EXCHANGES)
    return
  }
  const text = head?.toString('latin1') ?? ''
  // The end of a request is compared with the request.
  if (stored.kind === 'request') checkRequest(stored, text, head as Buffer)
  else {
    checkEmpty(stored, ['sender'])
    if (stored.ends === null) checkOwnRefusal(stored, text)
  }
  checkStage(stored, text)
  demand(stored.extension !== null || stored.bodyBytes === 0, seq, 'columns', 'The size of the body is another')
}

/** What another gateway refuses, it names the stage of twice; which one is taken is the pipeline's affair. */
function checkStage({ seq, kind, direction, stage }: StoredRecord, text: string): void {
  const isRefused = kind === 'refusal' || kind === 'failure'
  const signed = isRefused ? lineOf(text, '\r\nowl-stage:') : null
  demand(stage === signed || (isRefused && direction === 'in'), seq, 'columns', 'The stage is another than signed')
}

const OF_EXCHANGES = ['client', 'service', 'method', 'xRoadId', 'purpose'] as const

function checkRequest(stored: StoredRecord, text: string, head: Buffer): void {
  const { seq, method, service, client, xRoadId, requestId, sender, side, purpose } = stored
  const path = `${method}\r\n/r1/${service}`
  const isPlain =
    text.startsWith(path) &&
    '/?\r'.includes(text.charAt(path.length)) &&
    text.includes(`\r\nX-Road-Client:${client}\r\n`) &&
    text.includes(`\r\nx-road-id:${xRoadId}\r\n`) &&
    text.includes(`\r\nx-road-request-id:${requestId}\r\n`)
  // Other spellings are legal, and rare: they are read as the gateway read them.
  if (!isPlain) {
    const read = readHead(head)
    const call = read?.call
    const same =
      call?.method === method && call.service === service && call.client === client && read?.xRoadId === xRoadId
    demand(
      same && read?.requestId === requestId,
      seq,
      'columns',
      'Client, service, method or ids are others than signed',
    )
  }
  const replayed = side === 'provider' && purpose !== 'refusal'
  const signed = lineOf(text, '\r\nowl-sender:')
  const fits = sender === null ? !replayed : side === 'provider' && sender === signed
  demand(fits, seq, 'columns', 'The sender is another than signed')
}

function readHead(head: Buffer): ReturnType<typeof parseRequestHead> | undefined {
  try {
    return parseRequestHead(head)
  } catch {
    return undefined
  }
}

/** What a gateway says to its own client, in the form of a reply. */
function checkOwnRefusal(stored: StoredRecord, text: string): void {
  const { seq, client, service, xRoadId, requestId } = stored
  const ids = `\r\nx-road-id:${xRoadId}\r\nx-road-client:${client}\r\nx-road-service:${service}\r\nx-road-request-id:${requestId}\r\n`
  demand(text.includes(ids), seq, 'columns', 'Client, service or ids are others than signed')
}

/** The value of the last line that starts so. @param text head, latin1 @param start with the line break before it */
export function lineOf(text: string, start: string): string | null {
  const at = text.lastIndexOf(start)
  if (at === -1) return null
  return text.slice(at + start.length, text.indexOf('\r\n', at + start.length))
}

export function isMessage({ kind }: StoredRecord): boolean {
  return kind === 'request' || kind === 'reply' || kind === 'refusal' || kind === 'failure'
}

export const OF_MESSAGES = [
  'basis',
  'signature',
  'etsiU',
  'extension',
  'share',
  'bodyShare',
  'bodyKey',
  'bodyErasedAt',
  'bodyErasedBy',
  'sender',
  'stage',
] as const

/** @throws {Damage} */
export function checkEmpty(stored: StoredRecord, names: readonly (keyof StoredRecord)[]): void {
  const { seq } = stored
  demand(
    names.every((name) => stored[name] === null),
    seq,
    'columns',
    'It has more than was recorded',
  )
}
