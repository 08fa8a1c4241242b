/**
 * SOAP 1.1 envelopes as trees of texts. Nothing is interpreted: no numbers, no trimming, no document type, no entities but XML's five.
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
  // A document type can define entities and name files; SOAP 1.1 section 3 forbids it.
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw new AdapterError('response', 'document-type')
  const root = parse(text)
  const body = branch(branch(root, 'Envelope'), 'Body')
  const [operation, ...others] = Object.keys(body).filter((tag) => tag !== '#text')
  if (operation === undefined || others.length > 0) throw new AdapterError('response', 'malformed')
  if (operation === 'Fault') throw new AdapterError('unavailable', 'soap-fault')
  const content = body[operation]
  return { operation, content: isTree(content) ? content : {} }
}

function parse(text: string): Tree {
  try {
    if (XMLValidator.validate(text) === true) return parser.parse(text) as Tree
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
  return text.replaceAll(/&([^;&]{0,12});?/g, (_, name: string) => {
    const known = ENTITIES[name] ?? characterOf(name)
    if (known === undefined) throw new AdapterError('response', 'entity')
    return known
  })
}

function characterOf(name: string): string | undefined {
  const digits = /^#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))$/.exec(name)
  if (digits === null) return undefined
  const point = digits[1] === undefined ? Number(digits[2]) : Number.parseInt(digits[1], 16)
  return point <= 0x10ffff ? String.fromCodePoint(point) : undefined
}

/** A carriage return as such would be read back as a line feed: XML 1.0 section 2.11. */
function encode(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;')
}
