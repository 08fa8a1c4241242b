/** Reads the evidence that was made and checked elsewhere: test/vectors/evidence. */

import { readFile } from 'node:fs/promises'
import { contextTag, membersOf, octetsOf, readDer, TAG } from '../../../gateway/protocol/der.ts'
import { readToken } from '../../../gateway/protocol/time-stamp-token.ts'

const HOME = new URL('../../vectors/evidence/', import.meta.url)

export interface EvidenceVector {
  readonly der: Buffer
  readonly tree: Buffer[][]
  readonly token: Buffer
  readonly imprint: Buffer
  readonly files: readonly Buffer[]
}

export async function evidenceVector(name: string): Promise<EvidenceVector> {
  const der = await readFile(new URL(name, HOME))
  const [, , sequence] = membersOf(readDer(der), TAG.sequence).rest()
  if (sequence === undefined) throw new Error('Not an evidence record')
  const chain = membersOf(membersOf(sequence, TAG.sequence).next(), TAG.sequence)
  const [reduced, timeStamp] = membersOf(chain.next(), TAG.sequence).rest()
  if (reduced === undefined || timeStamp === undefined) throw new Error('Not an archive time-stamp')
  const lists = membersOf(reduced, contextTag(2)).rest(TAG.sequence)
  const names = ['signature.jades.json', 'message-headers.txt', 'message-body.json']
  return {
    der,
    tree: lists.map((list) => membersOf(list, TAG.sequence).rest().map(octetsOf)),
    token: timeStamp.octets,
    imprint: readToken(timeStamp.octets).stamp.imprint,
    files: await Promise.all(names.map((file) => readFile(new URL(file, HOME)))),
  }
}

/** DER of a certificate in test/vectors/evidence/pki. */
export async function vectorCertificate(name: string): Promise<Buffer> {
  const pem = await readFile(new URL(`pki/${name}.pem`, HOME), 'utf8')
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
}
