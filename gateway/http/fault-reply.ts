/**
 * A failure as the caller reads it: X-Road's error body and header, more members, other forms on request.
 *
 * Source: PR-REST §4.6, contract §2.5; RFC 9457 for `application/problem+json`. The side is put before the code here,
 * once; shared code does not know where it runs.
 */

import type { FaultCode, GatewayError, Turn } from '../errors.ts'
import { FAULTS, faultOf } from '../errors.ts'

/** Whose turn it is to change something: the status does not say it. */
export type FaultSide = Turn | 'consumer-gateway' | 'provider-gateway'

const SIDES: ReadonlySet<string> = new Set([
  'consumer-system',
  'consumer-gateway',
  'network',
  'provider-gateway',
  'provider-system',
])

export interface Fault {
  /** X-Road's rule, PR-REST §4.6: 400 for `Client.…`, 500 for everything else. */
  readonly status: 400 | 500
  readonly body: FaultBody
}

export interface FaultBody {
  /** `Client.…`, `Server.ClientProxy.…` or `Server.ServerProxy.…` */
  readonly type: string
  readonly message: string
  /** Request id: the same in `x-road-request-id` and in every log line. */
  readonly detail: string
  /** The last stage that was passed. */
  readonly stage: string
  readonly side: FaultSide
  /** The same request may succeed later, and nobody has acted on this one. */
  readonly retryable: boolean
  /** Path of a page about this code, on the gateway that the local system called. RFC 9457 §3.1.1 takes it as it is. */
  readonly help: string
  /** JSON pointers of what breaks a schema. */
  readonly pointers?: readonly string[]
}

export type ProxyName = 'ClientProxy' | 'ServerProxy'

/**
 * Where every gateway serves its pages about errors. A path and no URL: under which name a local system reaches its
 * gateway is known to the local system alone, and a refusal that is signed and on record must not depend on it.
 */
export const HELP_PATH = '/help/errors'

export function faultOfError(error: GatewayError, proxy: ProxyName, requestId: string, stage: string): Fault {
  const row = faultOf(error.code)
  if (error.fault !== undefined) {
    const body = { ...(error.fault as FaultBody), detail: requestId }
    return { status: body.type.startsWith('Client.') ? 400 : 500, body }
  }
  const type = row.client ? `Client.${error.code}` : `Server.${proxy}.${error.code}`
  return {
    status: row.client ? 400 : 500,
    body: {
      type,
      message: error.message,
      detail: requestId,
      stage,
      side: sideOf(error.code, proxy),
      retryable: row.retryable === true && (error.undelivered || !ACTED[proxy].has(stage)),
      help: helpOf(error.code),
      ...(error.pointers === undefined ? {} : { pointers: error.pointers }),
    },
  }
}

/** Behind these stages somebody may have acted on the request: repeating it unchanged is not safe. */
const ACTED: Readonly<Record<ProxyName, ReadonlySet<string>>> = {
  ClientProxy: new Set(['sent', 'verified', 'concluded']),
  ServerProxy: new Set(['recorded', 'delivered', 'sealed']),
}

function sideOf(code: FaultCode, proxy: ProxyName): FaultSide {
  const { turn } = faultOf(code)
  if (turn !== undefined && (turn !== 'network' || proxy === 'ClientProxy')) return turn
  return proxy === 'ClientProxy' ? 'consumer-gateway' : 'provider-gateway'
}

function helpOf(code: FaultCode): string {
  return `${HELP_PATH}/${code}`
}

/** `Client.…` or `Server.ServerProxy.…`: all that a provider's gateway can blame. It becomes a header and a record. */
const PEER_TYPE = /^(?:client|server\.server_?proxy)\.[a-z][a-z0-9_.]{0,99}$/i
const STAGE = /^[a-z][a-z-]{0,31}$/

/** A fault received from a peer, in the words of our table where it is one of ours. X-Road 7.8 writes snake_case. */
export function readFaultBody(text: string): FaultBody | undefined {
  const json = parseJson(text)
  if (typeof json !== 'object' || json === null) return undefined
  const { type, message, detail, stage, side, retryable, pointers } = json as Partial<FaultBody>
  if (typeof type !== 'string' || typeof message !== 'string' || typeof detail !== 'string') return undefined
  const read = readFaultType(type)
  if (read === undefined) return undefined
  const known = codeOf(type)
  return {
    type: read,
    message,
    detail,
    stage: typeof stage === 'string' && STAGE.test(stage) ? stage : 'received',
    side: side !== undefined && SIDES.has(side) ? side : 'provider-gateway',
    retryable: retryable === true,
    // Our own page, whatever the other gateway says; the list of all for a code that we do not know.
    help: known === undefined ? HELP_PATH : helpOf(known),
    ...(Array.isArray(pointers) ? { pointers: pointers.filter((pointer) => typeof pointer === 'string') } : {}),
  }
}

/** @returns the type in the words of our table where it has it; nothing for what a provider's gateway cannot mean */
export function readFaultType(type: string): string | undefined {
  if (!PEER_TYPE.test(type)) return undefined
  const known = codeOf(type)
  if (known === undefined) return type
  return `${/^client/i.test(type) ? 'Client' : 'Server.ServerProxy'}.${known}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const BY_PLAIN_CODE = new Map(Object.keys(FAULTS).map((code) => [plain(code), code as FaultCode]))

function codeOf(type: string): FaultCode | undefined {
  const code = type.replace(/^(?:client|server\.(?:client|server)_?proxy)\./i, '')
  return BY_PLAIN_CODE.get(plain(code))
}

/** Compares case-insensitively and without `_`, as X-Road 7.8 and its document differ in just that. */
function plain(code: string): string {
  return code.toLowerCase().replaceAll('_', '')
}

export interface FaultReply {
  readonly contentType: string
  readonly octets: Buffer
}

/** @param accept of the request; first XML or problem type wins, `q` is ignored as X-Road does; JSON otherwise */
export function renderFault(body: FaultBody, status: number, accept: string | undefined): FaultReply {
  if (accept !== undefined && /(?<![^\s,])application\/problem\+json(?![^\s,;])/i.test(accept)) {
    const { type, message, detail, ...rest } = body
    const problem = {
      type: body.help,
      title: message,
      status,
      detail: type,
      instance: `urn:uuid:${detail}`,
      code: type,
      ...rest,
    }
    return { contentType: 'application/problem+json; charset=utf-8', octets: Buffer.from(JSON.stringify(problem)) }
  }
  const xml = accept === undefined ? null : /(?<![^\s,])(?:application\/xml|text\/(?:xml|\*))(?![^\s,;])/i.exec(accept)
  if (xml !== null) {
    const element = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`
    const text = `<?xml version="1.0" encoding="UTF-8"?><error>${element('type', body.type)}${element('message', body.message)}${element('detail', body.detail)}</error>`
    const type = xml[0].toLowerCase() === 'application/xml' ? 'application/xml' : 'text/xml'
    return { contentType: `${type}; charset=utf-8`, octets: Buffer.from(text) }
  }
  return { contentType: 'application/json; charset=utf-8', octets: Buffer.from(JSON.stringify(body)) }
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (c) => (c === '<' ? '&lt;' : c === '>' ? '&gt;' : '&amp;'))
}
