import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import type { Covering } from '../../../gateway/evidence/manifest.ts'
import { EVIDENCE_RECORD, formatManifest, SEAL } from '../../../gateway/evidence/manifest.ts'
import { ManifestError, readManifest } from '../../../gateway/evidence/manifest-reader.ts'

const sha256 = createHash('sha256').update('x').digest()
const ENTRIES = ['signature.jades.json', 'message-head.txt'].map((name) => ({ name, sha256 }))

t.test('reads what is written', async (t) => {
  const names = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.-]{0,20}$/), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(names, fc.constantFrom<Covering>(SEAL, EVIDENCE_RECORD), (given, covering) => {
      const entries = given.map((name) => ({ name, sha256 }))
      const read = readManifest(formatManifest(covering, entries))
      t.same(read, { covering: covering.name, type: covering.type, entries })
    }),
    { numRuns: 50 },
  )
})

t.test('the order of attributes is free, everything else is not', async (t) => {
  const text = formatManifest(SEAL, ENTRIES).toString()
  const swapped = text.replace(/(MimeType="[^"]*") (URI="[^"]*")/g, '$2 $1')
  t.not(swapped, text)
  t.same(readManifest(Buffer.from(swapped)), readManifest(Buffer.from(text)))

  for (const [what, other] of [
    ['nothing', ''],
    ['white space before', ` ${text}`],
    ['white space after', `${text}\n`],
    ['white space between', text.replace('/><asic:Data', '/>\n<asic:Data')],
    ['a comment', text.replace('</asic:ASiCManifest>', '<!-- --></asic:ASiCManifest>')],
    ['a document type', text.replace('?>', '?><!DOCTYPE a [<!ENTITY b "c">]>')],
    ['another encoding', text.replace('UTF-8', 'UTF-16')],
    ['another namespace', text.replace('v1.2.1', 'v1.2.2')],
    ['another prefix', text.replaceAll('asic:', 'x:')],
    ['no entries', text.replace(/<asic:DataObjectReference.*<\/asic:DataObjectReference>/, '')],
    ['an entry twice', text.replace('message-head.txt', 'signature.jades.json')],
    ['an attribute twice', text.replace('URI="message', 'URI="a" URI="message')],
    ['an unknown attribute', text.replace('URI="message', 'Id="a" URI="message')],
    ['an entity', text.replace('message-head', 'message&#45;head')],
    ['a percent escape', text.replace('message-head', 'message%2Dhead')],
    ['single quotes', text.replace(/"message-head.txt"/, "'message-head.txt'")],
    ['SHA-1', text.replace('2001/04/xmlenc#sha256', '2000/09/xmldsig#sha1')],
    ['a transform', text.replace('<ds:DigestMethod', '<ds:Transforms/><ds:DigestMethod')],
    ['an extension', text.replace('</asic:ASiCManifest>', '<asic:ASiCManifestExtensions/></asic:ASiCManifest>')],
    ['a digest that is too short', text.replace(/<ds:DigestValue>[^<]{4}/, '<ds:DigestValue>')],
    ['another text for the same digest', text.replace('yIE=<', 'yIF=<').replace(/(.)=<\/ds/, lastBitFlipped)],
    ['an element in another place', text.replace(/(<asic:SigReference[^>]*>)(.*)(<\/asic:ASiCManifest>)/, '$2$1$3')],
  ] as const) {
    t.throws(() => readManifest(Buffer.from(other)), ManifestError, what)
  }
  t.throws(() => readManifest(Buffer.alloc(100_000, 0x20)), ManifestError)
})

t.test('no octets crash it', async () => {
  const octets = formatManifest(SEAL, ENTRIES)
  fc.assert(
    fc.property(fc.nat(octets.length), fc.nat(30), fc.uint8Array({ maxLength: 30 }), (at, gone, put) => {
      const made = Buffer.concat([octets.subarray(0, at), put, octets.subarray(at + gone)])
      try {
        readManifest(made)
        return true
      } catch (error) {
        return error instanceof ManifestError
      }
    }),
    { numRuns: 2000 },
  )
})

/** The two spare bits of the last digit. */
function lastBitFlipped(_: string, digit: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  return `${digits[digits.indexOf(digit) ^ 1]}=</ds`
}
