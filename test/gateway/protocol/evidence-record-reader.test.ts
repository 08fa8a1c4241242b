import { randomBytes, randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  integerOf,
  membersOf,
  octetsOf,
  readDer,
  TAG,
  writeInteger,
  writeOctets,
  writeSequence,
} from '../../../gateway/protocol/der.ts'
import type { ArchiveTimeStampChain } from '../../../gateway/protocol/evidence-record.ts'
import {
  formatArchiveTimeStamp,
  formatArchiveTimeStampSequence,
  formatEvidence,
  renewedHash,
  renewedLeaf,
} from '../../../gateway/protocol/evidence-record.ts'
import type { Group, ReadToken } from '../../../gateway/protocol/evidence-record-reader.ts'
import { followRecord, RecordError, readEvidenceRecord } from '../../../gateway/protocol/evidence-record-reader.ts'
import { hashOf } from '../../../gateway/protocol/sha2.ts'
import type { DigestName } from '../../../gateway/protocol/signed-data.ts'
import { evidenceVector } from './evidence-vector.ts'

const DIGESTS = ['sha256', 'sha384', 'sha512'] as const

/** What stands for a token here: digest, time, imprint. Who signed is not this reader's affair. */
function tokenOver(imprint: Buffer, time: number, digest: DigestName): Buffer {
  return writeSequence(writeInteger(DIGESTS.indexOf(digest)), writeInteger(time), writeOctets(imprint))
}

const read: ReadToken = (token) => {
  const members = membersOf(readDer(token), TAG.sequence)
  const imprintDigest = DIGESTS[Number(integerOf(members.next()))] as DigestName
  const genTime = Number(integerOf(members.next()))
  return { stamp: { genTime, imprintDigest, imprint: octetsOf(members.next()), policy: '1.2' } }
}

/** A group among strangers: its lists, and the root. */
function treeOf(hashes: readonly Buffer[], levels: number, digest: DigestName): { lists: Buffer[][]; root: Buffer } {
  const lists = [[...hashes].sort(Buffer.compare)]
  let root = renewedLeaf(digest, hashes)
  for (let level = 0; level < levels; level++) {
    const sibling = hashOf(digest, randomBytes(8))
    lists.push([sibling])
    root = renewedLeaf(digest, [root, sibling])
  }
  return { lists, root }
}

interface Made {
  readonly objects: readonly Buffer[]
  readonly chains: ArchiveTimeStampChain[]
}

/** @param row digest of each chain and number of its time-stamps */
function make(objects: readonly Buffer[], row: readonly { digest: DigestName; stamps: number }[], order = 1): Made {
  const chains: ArchiveTimeStampChain[] = []
  let time = 1000
  for (const { digest, stamps } of row) {
    const plain = objects.map((each) => hashOf(digest, each))
    const sequence = hashOf(digest, formatArchiveTimeStampSequence(chains))
    const hashes = chains.length === 0 ? plain : plain.map((each) => renewedHash(digest, each, sequence))
    const made: Buffer[] = []
    let covered = hashes
    for (let at = 0; at < stamps; at++) {
      const { lists, root } = treeOf(covered, randomInt(4), digest)
      const token = tokenOver(root, (time += order), digest)
      made.push(formatArchiveTimeStamp(lists, token))
      covered = [hashOf(digest, token)]
    }
    chains.push({ digest, stamps: made })
  }
  return { objects, chains }
}

function groupOf(objects: readonly Buffer[], gone: readonly number[] = []): Group {
  return {
    sha256: objects.map((each) => hashOf('sha256', each)),
    under: (digest) => objects.map((each, at) => (gone.includes(at) ? undefined : hashOf(digest, each))),
  }
}

function flawOf(der: Buffer, group: Group): string {
  try {
    followRecord(readEvidenceRecord(der, read), group, read)
    return 'none'
  } catch (error) {
    return error instanceof RecordError ? error.flaw : String(error)
  }
}

const rows = fc.array(
  fc.record({
    digest: fc.constantFrom<DigestName>('sha256', 'sha384', 'sha512'),
    stamps: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
)
const groups = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 20 }), {
  ...{ minLength: 2, maxLength: 5 },
  selector: (octets) => Buffer.from(octets).toString('hex'),
})

t.test('follows any row of renewals, for this group and no other', async () => {
  fc.assert(
    fc.property(groups, rows, (given, row) => {
      const objects = given.map((octets) => Buffer.from(octets))
      const der = formatEvidence(make(objects, row).chains)
      const [first, ...rest] = objects as [Buffer, ...Buffer[]]
      return (
        flawOf(der, groupOf(objects)) === 'none' &&
        flawOf(der, groupOf(rest)) === 'group' &&
        flawOf(der, groupOf([...objects, randomBytes(30)])) === 'group' &&
        flawOf(der, groupOf([randomBytes(30), ...rest])) === 'group' &&
        flawOf(der, groupOf([...rest, first])) === 'none'
      )
    }),
    { numRuns: 100 },
  )
})

t.test('counts the objects whose octets are gone, and takes no others for them', async (t) => {
  const objects = [randomBytes(10), randomBytes(10), randomBytes(10)]
  const row = [
    { digest: 'sha256' as const, stamps: 1 },
    { digest: 'sha512' as const, stamps: 2 },
  ]
  const der = formatEvidence(make(objects, row).chains)
  const record = readEvidenceRecord(der, read)
  t.equal(followRecord(record, groupOf(objects), read), 0)
  t.equal(followRecord(record, groupOf(objects, [1]), read), 1)
  t.equal(flawOf(der, groupOf(objects.slice(1), [1])), 'group')

  // Erased before the renewal: its hash is not in it, and nothing is missing.
  const before = make(objects, row.slice(0, 1))
  const sequence = hashOf('sha512', formatArchiveTimeStampSequence(before.chains))
  const left = [objects[0] as Buffer, objects[2] as Buffer].map((each) =>
    renewedHash('sha512', hashOf('sha512', each), sequence),
  )
  const { lists, root } = treeOf(left, 2, 'sha512')
  const renewed = {
    digest: 'sha512' as const,
    stamps: [formatArchiveTimeStamp(lists, tokenOver(root, 5000, 'sha512'))],
  }
  const shorter = formatEvidence([...before.chains, renewed])
  t.equal(followRecord(readEvidenceRecord(shorter, read), groupOf(objects, [1]), read), 0)
  t.equal(flawOf(shorter, groupOf(objects)), 'group')
})

t.test('refuses times that do not ascend, roots and renewals of others', async (t) => {
  const objects = [randomBytes(10), randomBytes(10)]
  const row = [{ digest: 'sha256' as const, stamps: 3 }]
  for (const order of [0, -1])
    t.equal(flawOf(formatEvidence(make(objects, row, order).chains), groupOf(objects)), 'order')

  const [chain] = make(objects, row).chains as [ArchiveTimeStampChain]
  const [first, second, third] = chain.stamps as [Buffer, Buffer, Buffer]
  const flaw = (stamps: readonly Buffer[]): string =>
    flawOf(formatEvidence([{ digest: 'sha256', stamps }]), groupOf(objects))
  t.equal(flaw([first, second, third]), 'none')
  t.equal(flaw([first, second]), 'none')
  t.equal(flaw([first, third]), 'group', 'one in between is left out')
  t.equal(flaw([second, third]), 'group', 'the first is left out')
  t.equal(flaw([first, third, second]), 'group')
  const { lists } = treeOf(
    objects.map((each) => hashOf('sha256', each)),
    2,
    'sha256',
  )
  t.equal(flaw([formatArchiveTimeStamp(lists, tokenOver(randomBytes(32), 1, 'sha256'))]), 'root')
})

t.test('one form only', async (t) => {
  const objects = [randomBytes(10), randomBytes(10)]
  const hashes = objects.map((each) => hashOf('sha256', each)).sort(Buffer.compare) as [Buffer, Buffer]
  const { root } = treeOf(hashes, 0, 'sha256')
  const token = tokenOver(root, 1, 'sha256')
  const stampOf = (lists: readonly (readonly Buffer[])[]): Buffer => formatArchiveTimeStamp(lists, token)
  const flaw = (...stamps: Buffer[]): string => flawOf(formatEvidence([{ digest: 'sha256', stamps }]), groupOf(objects))

  t.equal(flaw(stampOf([hashes])), 'none')
  for (const [what, lists] of [
    ['another order', [[hashes[1], hashes[0]]]],
    ['a hash twice', [[hashes[0], hashes[0], hashes[1]]]],
    ['no hashes', [[]]],
    ['no lists', []],
    ['an empty list behind', [hashes, []]],
    ['a hash of another length', [[...hashes, randomBytes(48)]]],
    ['very many levels', [hashes, ...Array.from({ length: 60 }, () => [randomBytes(32)])]],
  ] as const) {
    t.equal(flaw(stampOf(lists)), 'malformed', what)
  }
  t.equal(flaw(), 'malformed', 'an empty chain')
  t.equal(flawOf(formatEvidence([]), groupOf(objects)), 'malformed', 'no chain')
  const whole = formatEvidence([{ digest: 'sha256', stamps: [stampOf([hashes])] }])
  t.equal(flawOf(Buffer.concat([whole, Buffer.from([0])]), groupOf(objects)), 'malformed', 'trailing octets')
  t.equal(
    flawOf(Buffer.from(whole.toString('hex').replace('020101', '020102'), 'hex'), groupOf(objects)),
    'malformed',
    'version',
  )
})

t.test('no octets crash it', async (t) => {
  const { der, files } = await evidenceVector('evidence.ers')
  const group = groupOf(files)
  t.equal(followRecord(readEvidenceRecord(der), group), 0)
  fc.assert(
    fc.property(fc.nat(der.length), fc.nat(20), fc.uint8Array({ maxLength: 20 }), (at, gone, put) => {
      const made = Buffer.concat([der.subarray(0, at), put, der.subarray(at + gone)])
      try {
        followRecord(readEvidenceRecord(made), group)
        return true
      } catch (error) {
        return error instanceof RecordError
      }
    }),
    { numRuns: 2000 },
  )
})
