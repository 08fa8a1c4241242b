/** A record's data object group as evidence needs it: the hashes of all objects, the octets of those that are there. */

import { sha256 } from '../../protocol/hash-tree.ts'
import type { LogRecord } from '../record/log-record.ts'
import { bodyName, HEAD_NAME, SIGNATURE_NAME } from '../record/log-record.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { Contents } from './contents.ts'

export interface Group {
  readonly seq: number
  readonly leaf: Buffer
  /** SHA-256 of every object as recorded, also of those that are not kept. */
  readonly hashes: readonly Buffer[]
  /** The objects but for the body: they are there as long as the record is. */
  readonly objects: readonly Buffer[]
  /** SHA-256 of the body or second object, whether it is kept or not; absent where there never was one. */
  readonly bodySha256?: Buffer
}

/** @param stored as `Contents.complete` gave it @returns nothing once the record is erased */
export function readGroup(stored: StoredRecord, contents: Contents): Group | undefined {
  const record = contents.record(stored)
  if (record === undefined) return undefined
  const { objects } = JSON.parse(record.toString('utf8')) as LogRecord
  const head = contents.head(stored)
  const signature = contents.signature(stored)
  const others = [head, signature].filter((octets) => octets !== undefined)
  const isMessage = objects.some(({ name }) => name === HEAD_NAME || name === SIGNATURE_NAME)
  // Its key was destroyed, and with it the record is to go.
  if (isMessage && others.length < 2) return undefined
  const body = objects.find(({ name }, at) =>
    isMessage ? stored.extension !== null && name === bodyName(stored.extension) : at === objects.length - 1,
  )
  return {
    seq: stored.seq,
    leaf: bufferOf(stored.leaf),
    hashes: [...objects.map((object) => Buffer.from(object.sha256, 'hex')), sha256(record)],
    objects: [...others, record],
    ...(body !== undefined && { bodySha256: Buffer.from(body.sha256, 'hex') }),
  }
}
