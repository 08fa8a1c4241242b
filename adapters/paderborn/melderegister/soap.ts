/**
 * SOAP 1.1 envelopes as trees of texts. Nothing is interpreted: no numbers, no trimming, no document type, no entities but
 * XML's five; CDATA is literal.
 */

import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser'
import { AdapterError } from '../../adapter-error.ts'

/** Upper-case tags, leaves are text. */
export interface Tree {
  readonly [tag: string]: string | Tree | readonly (string | Tree)[] | undefined
}

const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/'
const REGISTER = 'urn:ewo:melderegister:1'

/** Tags that may occur more than once, so that one alone is a list too. */
const REPEATED = new Set([
  'EINWOHNER',
  'ANGEHOERIGKEIT',
  'SPERRE',
  'AUSWEIS',
  'WOHNUNG',
  'ZEILE',
  'KIND',
  'VERTRETER',
  'ABWEICHUNG',
  'BLATT',
])

const DEPTH_MAX = 20

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  maxNestedTags: DEPTH_MAX,
  isArray: (tag) => REPEATED.has(tag),
  tagValueProcessor: (_, text) => decode(text),
})

const builder = new XMLBuilder({
  ignoreAttributes: false,
  processEntities: false,
  suppressEmptyNode: true,
  tagValueProcessor: (_, value) => encode(String(value)),
})

export function formatEnvelope(operation: string, content: Tree): string {
  const body = { [operation]: { '@_xmlns': REGISTER, ...content } }
  return `<?xml version="1.0" encoding="UTF-8"?>${builder.build({ 'soap:Envelope': { '@_xmlns:soap': SOAP, 'soap:Body': body } })}`
}

export function formatFault(code: 'Client' | 'Server', text: string): string {
  const fault = { 'soap:Fault': { faultcode: `soap:${code}`, faultstring: text } }
  return `<?xml version="1.0" encoding="UTF-8"?>${builder.build({ 'soap:Envelope': { '@_xmlns:soap': SOAP, 'soap:Body': fault } })}`
}

/**
 * The operation in the body and its content.
 *
 * @throws {AdapterError} `unavailable` (`soap-fault`) for a fault, `response` for anything that is no envelope
 */
export function openEnvelope(text: string): { readonly operation: string; readonly content: Tree } {
  const root = parse(withoutSections(text))
  const body = branch(branch(root, 'Envelope'), 'Body')
  const [operation, ...others] = Object.keys(body).filter((tag) => tag !== '#text')
  if (operation === undefined || others.length > 0) throw new AdapterError('response', 'malformed')
  if (operation === 'Fault') throw new AdapterError('unavailable', 'soap-fault')
  const content = body[operation]
  return { operation, content: isTree(content) ? content : {} }
}

const SECTION = /<!--|<!\[CDATA\[|<\?/g
const ENDS: Readonly<Record<string, string>> = { '<!--': '-->', '<![CDATA[': ']]>', '<?': '?>' }

/**
 * The same document without comments and processing instructions, and with its CDATA as plain text: the parser would take
 * entities in CDATA for entities. Nothing else begins with these signs, `<` in an attribute is not well-formed. XML 1.0
 * sections 2.5 to 2.7.
 */
function withoutSections(text: string): string {
  // Line ends first, as for a parser: a carriage return that is left is one that somebody wrote. Section 2.11.
  const lines = text.replace(/\r\n?/g, '\n')
  let plain = ''
  let at = 0
  for (SECTION.lastIndex = 0; ; SECTION.lastIndex = at) {
    const [start] = SECTION.exec(lines) ?? []
    if (start === undefined) break
    const from = SECTION.lastIndex
    const end = lines.indexOf(ENDS[start] ?? '', from)
    const content = lines.slice(from, end)
    const isDeclaration = start === '<?' && /^xml\s/i.test(content)
    if (end === -1 || (isDeclaration && from > start.length)) throw new AdapterError('response', 'malformed')
    plain += lines.slice(at, from - start.length) + (start === '<![CDATA[' ? encode(content) : '')
    at = end + (start === '<?' ? 2 : 3)
  }
  plain += lines.slice(at)
  // A document type can define entities and name files; SOAP 1.1 section 3 forbids it.
  if (plain.includes('<!')) throw new AdapterError('response', 'document-type')
  return plain
}

function parse(text: string): Tree {
  try {
    if (!NO_CHARACTER.test(text) && XMLValidator.validate(text) === true) return parser.parse(text) as Tree
  } catch {
    // Told below: the message of the parser quotes the text.
  }
  throw new AdapterError('response', 'malformed')
}

function branch(tree: Tree, tag: string): Tree {
  const found = tree[tag]
  if (isTree(found)) return found
  throw new AdapterError('response', 'malformed')
}

function isTree(value: Tree[string]): value is Tree {
  return typeof value === 'object' && !Array.isArray(value)
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decode(text: string): string {
  return text.replaceAll(/&(?:([^;&]{1,12});)?/g, (_, name = '') => {
    const known = ENTITIES[name] ?? characterOf(name)
    if (known === undefined) throw new AdapterError('response', 'entity')
    return known
  })
}

function characterOf(name: string): string | undefined {
  const digits = /^#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))$/.exec(name)
  if (digits === null) return undefined
  const point = digits[1] === undefined ? Number(digits[2]) : Number.parseInt(digits[1], 16)
  const character = point <= 0x10ffff ? String.fromCodePoint(point) : ''
  return character === '' || NO_CHARACTER.test(character) ? undefined : character
}

/** What is no `Char` of XML 1.0 section 2.2. */
const NO_CHARACTER = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

/** A carriage return as such would be read back as a line feed: XML 1.0 section 2.11. */
function encode(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;')
}
