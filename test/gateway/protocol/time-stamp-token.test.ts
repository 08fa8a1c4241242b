/** TSTInfo with every optional member there may be, put into a real token; the signature is no concern here. RFC 3161 §2.4.2 */

import fc from 'fast-check'
import t from 'tap'
import type { Der } from '../../../gateway/protocol/der.ts'
import {
  contextTag,
  membersOf,
  onlyMemberOf,
  readDer,
  TAG,
  writeDer,
  writeInteger,
  writeOctets,
  writeOid,
  writeSequence,
} from '../../../gateway/protocol/der.ts'
import type { TimeStampFlaw } from '../../../gateway/protocol/time-stamp-token.ts'
import { readToken, TimeStampError } from '../../../gateway/protocol/time-stamp-token.ts'
import { evidenceVector } from './evidence-vector.ts'

const { token } = await evidenceVector('evidence.ers')
const NULL = Buffer.from('0500', 'hex')
const TRUE = Buffer.from('0101ff', 'hex')
const FALSE = Buffer.from('010100', 'hex')
const NONCE = writeDer(TAG.integer, Buffer.from('4011223344556677', 'hex'))

/** The five members that every TSTInfo has, as they stand in the token. */
const required = membersOf(readDer(infoOf(token)), TAG.sequence)
const first = [0, 1, 2, 3, 4].map(() => required.next().octets)

function extension(id: string, critical?: Buffer): Buffer {
  return writeSequence(writeOid(id), ...(critical === undefined ? [] : [critical]), writeOctets(NULL))
}

const QC_STATEMENTS = extension('1.3.6.1.5.5.7.1.3')
const UNKNOWN = '1.3.6.1.4.1.32473.5'

t.test('every optional member may be there or not, each with all of its own', async (t) => {
  const some = (...choices: Buffer[]) => fc.constantFrom([], ...choices.map((choice) => [choice]))
  const accuracyPart = (tag: number) => fc.integer({ min: 1, max: 999 }).map((n) => retagged(tag, writeInteger(n)))
  const accuracy = fc
    .tuple(...[TAG.integer, 0x80, 0x81].map((tag) => fc.option(accuracyPart(tag), { nil: undefined })))
    .map((parts) => [writeSequence(...parts.filter((part) => part !== undefined))])
  const tsa = writeDer(contextTag(0), writeDer(contextTag(4), writeSequence()))
  const known = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 4 })
  const extensions = known.map((arcs) => [
    writeDer(contextTag(1), QC_STATEMENTS, ...arcs.map((arc) => extension(`1.3.6.1.4.1.32473.${arc}`))),
  ])
  const nothing = fc.constant<Buffer[]>([])
  fc.assert(
    fc.property(
      fc.oneof(nothing, accuracy),
      some(TRUE, FALSE),
      some(NONCE),
      some(tsa),
      fc.oneof(nothing, extensions),
      (...members) => {
        const [, , nonce] = members
        const { stamp } = readToken(withMembers(...members.flat()))
        t.same(stamp.nonce, nonce.length === 0 ? undefined : readDer(NONCE).content)
      },
    ),
    { numRuns: 200 },
  )
})

const REFUSED: Record<string, [TimeStampFlaw, Buffer[]]> = {
  'an unknown critical extension': ['extension', [writeDer(contextTag(1), extension(UNKNOWN, TRUE))]],
  'a critical one behind others': ['extension', [writeDer(contextTag(1), QC_STATEMENTS, extension(UNKNOWN, TRUE))]],
  'qcStatements that are critical, which EN 319 422 forbids': [
    'extension',
    [writeDer(contextTag(1), extension('1.3.6.1.5.5.7.1.3', TRUE))],
  ],
  'no extension in the list of them': ['malformed', [writeDer(contextTag(1))]],
  'an extension twice': ['malformed', [writeDer(contextTag(1), QC_STATEMENTS, QC_STATEMENTS)]],
  'an explicit list, which is IMPLICIT': ['malformed', [writeDer(contextTag(1), writeSequence(QC_STATEMENTS))]],
  'an extension without value': ['malformed', [writeDer(contextTag(1), writeSequence(writeOid(UNKNOWN)))]],
  'an extension with two values': [
    'malformed',
    [writeDer(contextTag(1), writeSequence(writeOid(UNKNOWN), writeOctets(NULL), writeOctets(NULL)))],
  ],
  'an extension whose value is no octets': [
    'malformed',
    [writeDer(contextTag(1), writeSequence(writeOid(UNKNOWN), NULL))],
  ],
  'a criticality that is no boolean': [
    'malformed',
    [writeDer(contextTag(1), extension(UNKNOWN, Buffer.from('010101', 'hex')))],
  ],
  'something in the list that is no extension': ['malformed', [writeDer(contextTag(1), QC_STATEMENTS, NULL)]],
  'two lists': ['malformed', [writeDer(contextTag(1), QC_STATEMENTS), writeDer(contextTag(1), extension(UNKNOWN))]],
  'the list before the nonce': ['malformed', [writeDer(contextTag(1), QC_STATEMENTS), NONCE]],
  'an accuracy of four parts': ['malformed', [writeSequence(...[1, 2, 3, 4].map((n) => writeInteger(n)))]],
  'an accuracy in another order': [
    'malformed',
    [writeSequence(Buffer.from('810101', 'hex'), Buffer.from('800101', 'hex'))],
  ],
  'a member that nobody knows': ['malformed', [writeDer(contextTag(2), NULL)]],
}

for (const [what, [flaw, members]] of Object.entries(REFUSED)) {
  t.test(`refuses ${what}`, async (t) => {
    t.equal(flawOf(withMembers(...members)), flaw)
  })
}

/** The token around another TSTInfo. */
function withMembers(...members: Buffer[]): Buffer {
  return withInfo(readDer(token), writeSequence(...first, ...members))
}

/** Replaces the OCTET STRING that holds TSTInfo, and the lengths around it. */
function withInfo(value: Der, info: Buffer): Buffer {
  const old = writeOctets(infoOf(token))
  if (value.octets.equals(old)) return writeOctets(info)
  if (!value.octets.includes(old)) return value.octets
  const parts = membersOf(value, value.tag).rest()
  return writeDer(value.tag, ...parts.map((part) => withInfo(part, info)))
}

function infoOf(token: Buffer): Buffer {
  return readToken(token).content
}

function retagged(tag: number, value: Buffer): Buffer {
  return writeDer(tag, readDer(value).content)
}

function flawOf(octets: Buffer): TimeStampFlaw | undefined {
  try {
    readToken(octets)
    return undefined
  } catch (error) {
    if (error instanceof TimeStampError) return error.flaw
    throw error
  }
}

t.test('the rig puts the same token together again', async (t) => {
  t.same(withInfo(readDer(token), infoOf(token)), token)
  t.equal(onlyMemberOf(readDer(writeSequence(NULL))).tag, TAG.null)
})
