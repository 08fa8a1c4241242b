/** Which HTTP headers cross the gateway. Source: X-Road PR-REST §4.3–4.5, RFC 9110 §7.6.1; contract §2.2. */

import { remembered } from './bounded-memory.ts'
import { likelyText } from './text.ts'

/** Order and case as received, octets as latin1. */
export type Header = readonly [name: string, value: string]

/** Never crosses: hop-by-hop, origin-leaking or re-framed by us. */
const STRIPPED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'user-agent',
  'server',
  'content-length',
  'expect',
])

/** What a local system may not say about a request: the gateway says it. */
const SET_ON_REQUEST: ReadonlySet<string> = new Set(['x-road-request-id', 'x-road-request-hash'])

/** What a service may not say about a reply. */
const SET_ON_REPLY: ReadonlySet<string> = new Set([
  'x-road-id',
  'x-road-client',
  'x-road-service',
  'x-road-request-id',
  'x-road-request-hash',
  'x-road-error',
])

/**
 * Of which the last one counts, as PR-REST §4.3 has it for X-Road-Client, and it alone goes on: the service reads no
 * other than we have checked and put on record. Records from before this was so may hold several.
 */
const LAST_COUNTS: ReadonlySet<string> = new Set([
  'x-road-client',
  'x-road-id',
  'x-road-userid',
  'x-road-issue',
  'x-road-security-server',
  'x-road-represented-party',
])

/** @param raw as Node gives it: name, value, name, value … @returns what is signed and forwarded of a request */
export function requestHeaders(raw: readonly string[]): Header[] {
  const seen: string[] = []
  const headers = surviving(raw, onRequest).reverse()
  const counting = headers.filter(([name, value]) => {
    const key = name.toLowerCase()
    if (!LAST_COUNTS.has(key)) return true
    // An empty one names nothing: it counts as none.
    if (seen.includes(key) || (key === 'x-road-id' && value === '')) return false
    seen.push(key)
    return true
  })
  return counting.reverse()
}

/**
 * @param raw as the service sent it
 * @param lengthNamed what Content-Length says of a body that is not there, as `namesLength` has it
 * @returns what is signed and forwarded of a reply
 */
export function replyHeaders(raw: readonly string[], lengthNamed?: string): Header[] {
  const headers = surviving(raw, onReply)
  if (lengthNamed !== undefined) headers.push(['Content-Length', lengthNamed])
  return headers
}

/** What a request names once: `strict-http.ts` refuses a second, of X-Road-Client the last stays. */
const ONCE_IN_REQUEST: ReadonlySet<string> = new Set(['x-road-client', 'content-type', 'authorization'])

/** RFC 9110 §5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Without `_`, as at our own port: CGI-like systems read `X_Road_Client` and `X-Road-Client` as one name. */
const NAME_IN_REQUEST = /^[!#$%&'*+.^`|~0-9A-Za-z-]+$/

/**
 * May headers that another gateway signed go on? An honest one has taken out what does not cross; what is there all the
 * same would frame a message anew, or speak in two voices, to the system behind us.
 */
export function areRequestHeaders(headers: readonly Header[]): boolean {
  return areHeaders(headers, onRequest)
}

/** The same for a reply. Whether it may name a length at all, its request decides. */
export function areReplyHeaders(headers: readonly Header[]): boolean {
  const length = headerOf(headers, LENGTH)
  return areHeaders(headers, onSignedReply) && (length === undefined || LENGTH_VALUE.test(length))
}

const LENGTH = 'content-length'
const LENGTH_VALUE = /^[0-9]{1,15}$/

/**
 * Does Content-Length say here how long a body would be, and frame nothing? In answer to HEAD and with 304, which have
 * none. RFC 9110 §8.6.
 */
export function namesLength(method: string, status: number): boolean {
  return status === 304 || (method === 'HEAD' && status !== 204)
}

function areHeaders(headers: readonly Header[], direction: Direction): boolean {
  const seen: string[] = []
  for (const [name] of headers) {
    const fate = direction(name)
    if (fate === 'crosses') continue
    const key = name.toLowerCase()
    if (fate !== 'crosses-once' || seen.includes(key)) return false
    seen.push(key)
  }
  return true
}

/** A name that is `malformed` is not ours to strip, and not another gateway's to send. */
type Fate = 'crosses' | 'crosses-once' | 'stripped' | 'malformed'

type Direction = (name: string) => Fate

const NAME_CHARS_MAX = 100
const onRequest: Direction = remembered(fateInRequest, NAME_CHARS_MAX)
const onReply: Direction = remembered(fateInReply, NAME_CHARS_MAX)
/** A gateway signs a length only where it frames nothing. */
const onSignedReply: Direction = (name) =>
  name.length === LENGTH.length && name.toLowerCase() === LENGTH ? 'crosses-once' : onReply(name)

function fateInRequest(name: string): Fate {
  const key = name.toLowerCase()
  if (isStripped(key, SET_ON_REQUEST)) return 'stripped'
  if (ONCE_IN_REQUEST.has(key)) return 'crosses-once'
  return NAME_IN_REQUEST.test(name) ? 'crosses' : 'malformed'
}

function fateInReply(name: string): Fate {
  if (isStripped(name.toLowerCase(), SET_ON_REPLY)) return 'stripped'
  return NAME.test(name) ? 'crosses' : 'malformed'
}

function isStripped(key: string, alsoStripped: ReadonlySet<string>): boolean {
  return STRIPPED.has(key) || alsoStripped.has(key) || key.startsWith('owl-')
}

function surviving(raw: readonly string[], direction: Direction): Header[] {
  const nominated = nominatedByConnection(raw)
  const headers: Header[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    if (direction(name) === 'stripped' || nominated?.has(name.toLowerCase())) continue
    headers.push([name, raw[i + 1] as string])
  }
  return headers
}

/** RFC 9110 §7.6.1: fields that `Connection` names are for the next hop only. What X-Road defines is not for it to name. */
function nominatedByConnection(raw: readonly string[]): ReadonlySet<string> | undefined {
  let nominated: Set<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const header = raw[i] as string
    if (header.length !== 10 || header.toLowerCase() !== 'connection') continue
    for (const option of (raw[i + 1] as string).toLowerCase().split(',')) {
      const name = option.trim()
      if (
        name === '' ||
        name === 'keep-alive' ||
        name === 'close' ||
        name.startsWith('x-road-') ||
        name === 'content-type'
      )
        continue
      nominated ??= new Set()
      nominated.add(name)
    }
  }
  return nominated
}

/** @param name lower-case @returns the value of the last such header */
export function headerOf(headers: readonly Header[], name: string): string | undefined {
  for (let i = headers.length - 1; i >= 0; i--) {
    const header = headers[i] as Header
    if (header[0].length === name.length && header[0].toLowerCase() === name) return header[1]
  }
  return undefined
}

/**
 * A value as people and adapters read it. Its octets stay what they are, latin1 as RFC 9110 §5.5 has it, wherever they are
 * signed, recorded or passed on.
 */
export function headerText(value: string): string {
  return ASCII.test(value) ? value : likelyText(Buffer.from(value, 'latin1'))
}

const ASCII = /^[\t\x20-\x7e]*$/

/** A body's media type and the extension its file has in evidence. */
export interface MediaType {
  /** `type/subtype`, lower case; `application/octet-stream` when missing, given twice or malformed. */
  readonly type: string
  readonly extension: 'json' | 'xml' | 'pdf' | 'zip' | 'bin'
}

const TOKEN = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/
const UNKNOWN: MediaType = { type: 'application/octet-stream', extension: 'bin' }
const JSON_TYPE: MediaType = { type: 'application/json', extension: 'json' }

/** Both sides derive it from the signed head, so that neither has to say it. */
export function mediaTypeOf(headers: readonly Header[]): MediaType {
  let value: string | undefined
  for (const [name, text] of headers) {
    if (name.length !== 12 || name.toLowerCase() !== 'content-type') continue
    if (value !== undefined) return UNKNOWN
    value = text
  }
  if (value === undefined) return UNKNOWN
  if (value === 'application/json') return JSON_TYPE
  const type = (value.split(';', 1)[0] as string).trim().toLowerCase()
  return TOKEN.test(type) ? { type, extension: extensionOf(type) } : UNKNOWN
}

function extensionOf(type: string): MediaType['extension'] {
  const subtype = type.slice(type.indexOf('/') + 1)
  if (subtype === 'json' || subtype.endsWith('+json')) return 'json'
  if (subtype === 'xml' || subtype.endsWith('+xml')) return 'xml'
  if (type === 'application/pdf') return 'pdf'
  return type === 'application/zip' ? 'zip' : 'bin'
}
