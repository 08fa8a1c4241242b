import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import t from 'tap'
import type { ArchiveTimeStampChain } from '../../../gateway/protocol/evidence-record.ts'
import {
  formatArchiveTimeStamp,
  formatArchiveTimeStampSequence,
  formatEvidence,
  renewedHash,
} from '../../../gateway/protocol/evidence-record.ts'
import { hashOf } from '../../../gateway/protocol/sha2.ts'
import { readToken } from '../../../gateway/protocol/time-stamp-token.ts'
import { chainsOf } from '../message-log/renewal/renewal-rig.ts'
import { evidenceVector } from './evidence-vector.ts'

const run = promisify(execFile)
const HOME = new URL('../../vectors/evidence/', import.meta.url)
const ER_VERIFY = new URL('../../tools/er_verify.py', import.meta.url).pathname
const FILES = ['signature.jades.json', 'message-headers.txt', 'message-body.json']

t.test('writes the very octets that were checked elsewhere', async (t) => {
  for (const name of ['evidence.ers', 'norev.ers']) {
    const { der, tree, token } = await evidenceVector(name)

    const chain = { digest: 'sha256', stamps: [formatArchiveTimeStamp(tree, token)] } as const
    t.same(formatEvidence([chain]), der, name)
  }
})

t.test('writes renewals as others write them', async (t) => {
  for (const name of ['renewed-ts.ers', 'renewed-ht.ers']) {
    const der = await readFile(new URL(name, HOME))

    t.same(formatEvidence(formatted(der)), der, name)
  }
})

t.test('makes the hashes of a hash-tree renewal as the vector has them, in its order', async (t) => {
  const files = await Promise.all(FILES.map((name) => readFile(new URL(name, HOME))))
  const hashesOf = async (name: string): Promise<[Buffer[], readonly Buffer[]]> => {
    const der = await readFile(new URL(name, HOME))
    const sequence = hashOf('sha512', formatArchiveTimeStampSequence(formatted(der).slice(0, 1)))
    const made = files.map((file) => renewedHash('sha512', hashOf('sha512', file), sequence)).sort(Buffer.compare)
    return [made, chainsOf(der)[1]?.[0]?.lists[0] ?? []]
  }

  const [made, listed] = await hashesOf('renewed-ht.ers')
  t.same(made, listed)
  const [right, wrong] = await hashesOf('neg-ht-sorted.ers')
  t.notSame(right, wrong, 'sorting is another thing')
})

t.test('the independent verifier tells right renewals from wrong ones', async (t) => {
  const files = FILES.map((name) => new URL(name, HOME).pathname)
  const judge = (name: string) =>
    run('python3', [ER_VERIFY, new URL('pki/tsaca.pem', HOME).pathname, new URL(name, HOME).pathname, ...files])

  t.match((await judge('renewed-ts.ers')).stdout, /VALID\n$/)
  t.match((await judge('renewed-ht.ers')).stdout, /ATS sha512 .*\nVALID\n$/)
  const { stderr } = await judge('neg-ht-sorted.ers').catch((error: { stderr: string }) => error)
  t.match(stderr, /hash not covered/)
})

function formatted(der: Buffer): ArchiveTimeStampChain[] {
  return chainsOf(der).map((chain) => ({
    digest: readToken(chain[0]?.token as Buffer).stamp.imprintDigest,
    stamps: chain.map(({ lists, token }) => formatArchiveTimeStamp(lists, token)),
  }))
}
