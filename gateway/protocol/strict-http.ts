/**
 * Which HTTP requests are read at all: one verdict on the head as it came, before anything decodes or routes it.
 *
 * Source: RFC 9110, RFC 9112 and RFC 3986, stricter where parsers are known to disagree (request smuggling, path
 * confusion); contract §2.1 (request line `HTTP/1.1`, eight methods, 2000 characters, `%2F` inside a part) and §2.2.
 *
 * What is taken is taken unchanged: nothing here decodes, folds or repairs, so the target that is routed and
 * authorised is, octet by octet, the target that is forwarded.
 */

import { remembered } from './bounded-memory.ts'

/** Why a request is refused → what its sender reads. Never a value. */
export const HTTP_REASONS = {
  version: 'HTTP/1.1 is the only version',
  method: 'The method is not one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE',
  'target-form': 'The request target must be a path, or a URL naming the scheme and host it was sent to',
  'target-length': 'The request target is too long',
  'target-character': 'The request target holds a character that has no place in it, plain or percent-encoded',
  'target-escape': 'The request target holds a percent-escape that is invalid, not UTF-8 or nested too deeply',
  'dot-segment': 'The path holds a dot segment, plain or percent-encoded',
  host: 'Host must be there and name a host',
  'header-count': 'There are too many headers',
  'header-name': 'A header name holds a character that has no place in it',
  'header-value': 'A header value holds a character that has no place in it',
  'header-twice': 'A header that may occur once occurs twice',
  'content-length': 'Content-Length must be a number, and must not accompany Transfer-Encoding',
  'transfer-encoding': 'Transfer-Encoding may only be chunked',
  'length-required': 'The body needs a Content-Length here',
  upgrade: 'There is no other protocol to upgrade to',
  expect: 'Expect may only be 100-continue',
  'chunk-framing': 'The chunks of the body are not framed as they must be, or their extensions are too long',
  trailer: 'The body is followed by trailers',
  'head-too-large': 'The head of the request is too large',
  malformed: 'This is not HTTP/1.1',
  'too-slow': 'The request came too slowly',
  'no-route': 'Nothing answers at this path',
  'body-too-large': 'The body is too large',
  'bad-content': 'The body does not fit its Content-Type',
  failed: 'The gateway failed',
} as const satisfies Readonly<Record<string, string>>

export type HttpReason = keyof typeof HTTP_REASONS

export interface RequestHead {
  readonly method?: string | undefined
  /** As on the request line. */
  readonly url?: string | undefined
  readonly httpVersion: string
  /** Names and values in turn, as received, latin1. */
  readonly rawHeaders: readonly string[]
}

export interface HttpRules {
  /** Whether this came over TLS: an absolute-form target must say so too. */
  readonly secure: boolean
  readonly targetCharsMax: number
  readonly headersMax: number
  /** Whether a body may come in chunks, its length unknown in advance. */
  readonly chunked: boolean
  /** What becomes of `Upgrade`: refused, or ignored as RFC 9110 §7.8 allows (Java's HttpClient always offers h2c). */
  readonly upgrade: 'refused' | 'ignored'
}

export const HTTP_RULES: HttpRules = {
  secure: false,
  targetCharsMax: 2000,
  headersMax: 100,
  chunked: true,
  upgrade: 'refused',
}

export type Verdict =
  | { readonly refused?: undefined /** Origin-form, octets as received. */; readonly target: string }
  | { readonly refused: HttpReason }

/** Contract §2.1. Others, CONNECT among them, are known to Node's parser but to nobody here. */
const METHODS = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])
/** RFC 9110 §5.6.2 without `_`: CGI-like systems read `a_b` and `a-b` as one name. */
const NAME = /^[A-Za-z0-9!#$%&'*+.^`|~-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const VALUE_OURS = /^[\x20-\x7e]*$/
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/
const ABSOLUTE = /^(https?):\/\/([^/?#]*)([/?].*)?$/i
/** RFC 3986 §3.3: pchar and `/`. `;` is one of them; an empty segment is legal, but not the first. */
const PATH = /^\/(?!\/)(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/
/** Passed on raw (contract §2.4), so wider than RFC 3986 §3.4: what browsers and frameworks leave unescaped is data. */
const QUERY = /^(?:[!"$&-[\]-~]|%(?!00)[0-9A-Fa-f]{2})*$/
const ESCAPE_BROKEN = /%(?![0-9A-Fa-f]{2})/
/** A server behind us may cut a segment at `;`, or decode first and then look for `?` and `#`. */
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:$|[/;?#])/
const CONTROL = /[\x00-\x1f\x7f\\]/
const CONTROL_DECODED = /[\x00-\x1f\x7f-\x9f\\]/
/** `%25252e` has three. */
const ESCAPE_LAYERS_MAX = 3

interface Name {
  /** In lower case. */
  readonly name: string
  /** In the set of those seen; 0 for what may occur more often. */
  readonly bit: number
  readonly isOurs: boolean
}

/** Name → its bit in the set of those seen. */
const SINGLE = new Map([
  ['host', 1],
  ['content-type', 2],
  ['content-length', 4],
  ['authorization', 8],
  ['transfer-encoding', 16],
])

const NAME_CHARS_MAX = 100
const nameOf = remembered(readName, NAME_CHARS_MAX)

/** @returns nothing when it is none */
function readName(text: string): Name | undefined {
  const name = text.toLowerCase()
  if (!NAME.test(name)) return undefined
  return { name, bit: SINGLE.get(name) ?? 0, isOurs: name.startsWith('owl-') }
}

/** @param head as Node's parser hands it over; judged as if no parser had looked before */
export function judgeRequest(head: RequestHead, rules: HttpRules): Verdict {
  // RTSP and ICAP request lines pass for HTTP/1.0 in Node's parser, and 1.0 has neither Host nor chunks: 1.1 it is.
  if (head.httpVersion !== '1.1') return { refused: 'version' }
  if (!METHODS.has(head.method ?? '')) return { refused: 'method' }
  const url = head.url ?? ''
  if (url.length > rules.targetCharsMax) return { refused: 'target-length' }

  const host = judgeHeaders(head.rawHeaders, rules)
  if (typeof host !== 'string') return host

  const target = url.charCodeAt(0) === 0x2f ? url : originForm(url, host, rules.secure)
  if (target === undefined) return { refused: 'target-form' }
  const refused = judgeTarget(target)
  return refused === undefined ? { target } : { refused }
}

/** @param target origin-form, raw */
export function judgeTarget(target: string): HttpReason | undefined {
  const cut = target.indexOf('?')
  const path = cut === -1 ? target : target.slice(0, cut)
  if (!PATH.test(path)) return path.startsWith('//') ? 'target-form' : brokenPart(path)
  if (cut !== -1 && !QUERY.test(target.slice(cut + 1))) return brokenPart(target.slice(cut + 1))
  if (path.includes('%')) return judgeEscapes(path)
  return DOT_SEGMENT.test(path) ? 'dot-segment' : undefined
}

/**
 * The target for a router that decodes what it matches: it comes out of the decoding as it is here, so that no
 * decoding but ours ever decides where a request goes. Route parameters are then the raw, still encoded segments.
 */
export function routableTarget(target: string): string {
  const cut = target.indexOf('?')
  const path = cut === -1 ? target : target.slice(0, cut)
  return path.includes('%') ? path.replaceAll('%', '%25') + target.slice(path.length) : target
}

function judgeHeaders(raw: readonly string[], rules: HttpRules): string | { readonly refused: HttpReason } {
  if (raw.length > rules.headersMax * 2) return { refused: 'header-count' }
  let seen = 0
  let host: string | undefined
  let ours: string[] | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const known = nameOf(raw[i] ?? '')
    const value = raw[i + 1] ?? ''
    if (known === undefined) return { refused: 'header-name' }
    const { name, bit, isOurs } = known
    if (!(isOurs ? VALUE_OURS : VALUE).test(value)) return { refused: 'header-value' }
    // X-Road-Client is not among them: of several the last one counts (contract §2.2).
    if ((seen & bit) !== 0) return { refused: 'header-twice' }
    seen |= bit
    if (isOurs) {
      ours ??= []
      if (ours.includes(name)) return { refused: 'header-twice' }
      ours.push(name)
    }
    switch (name) {
      case 'host':
        if (!HOST.test(value)) return { refused: 'host' }
        host = value
        break
      case 'content-length':
        if (!/^[0-9]{1,15}$/.test(value)) return { refused: 'content-length' }
        break
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked') return { refused: 'transfer-encoding' }
        if (!rules.chunked) return { refused: 'length-required' }
        break
      case 'upgrade':
      case 'http2-settings':
        if (rules.upgrade === 'refused') return { refused: 'upgrade' }
        break
      case 'expect':
        if (value.toLowerCase() !== '100-continue') return { refused: 'expect' }
        break
      case 'trailer':
        return { refused: 'trailer' }
    }
  }
  // RFC 9112 §6.3: both at once is how requests are smuggled.
  if ((seen & 20) === 20) return { refused: 'content-length' }
  return host ?? { refused: 'host' }
}

/** RFC 9112 §3.2.2, but a Host that names another host is refused, not overruled. */
function originForm(url: string, host: string, secure: boolean): string | undefined {
  const [, scheme = '', authority = '', rest = ''] = ABSOLUTE.exec(url) ?? []
  if (scheme.toLowerCase() !== (secure ? 'https' : 'http')) return undefined
  if (authority.toLowerCase() !== host.toLowerCase()) return undefined
  return rest.startsWith('/') ? rest : `/${rest}`
}

function brokenPart(part: string): HttpReason {
  return ESCAPE_BROKEN.test(part) ? 'target-escape' : 'target-character'
}

/** Judged as whoever stands behind us may read it: decoded once, twice, or until nothing is left to decode. */
function judgeEscapes(path: string): HttpReason | undefined {
  if (DOT_SEGMENT.test(path)) return 'dot-segment'
  try {
    if (CONTROL_DECODED.test(decodeURIComponent(path))) return 'target-character'
  } catch {
    return 'target-escape'
  }
  let text = path
  for (let layer = 1; /%[0-9A-Fa-f]{2}/.test(text); layer++) {
    if (layer > ESCAPE_LAYERS_MAX) return 'target-escape'
    text = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    if (CONTROL.test(text)) return 'target-character'
    if (DOT_SEGMENT.test(text)) return 'dot-segment'
  }
  return undefined
}
