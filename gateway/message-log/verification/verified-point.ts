/**
 * How far a log was verified, kept beside its high-water mark, so that a later verification may go on there. Authenticated
 * by a key from the master key: who can write to database and file and has no key cannot move it. RFC 2104, RFC 5869.
 */

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere, replaceFile } from '../files/durable-file.ts'
import { readMasterKey } from '../keys/key-store.ts'
import type { BatchState } from './batch-check.ts'

/** The end of a batch whose token holds, as do all before it. */
export interface VerifiedPoint {
  /** `gateway/node/epoch` */
  readonly log: string
  /** The batch's own record. */
  readonly seq: number
  /** Hex. */
  readonly leaf: string
  readonly batches: BatchState
  /** Requests that had no end yet, in their order. */
  readonly open: readonly number[]
}

export interface PointPlace {
  /** Directory of wrapped keys, where the high-water mark lies as well. */
  readonly keyStore: string
  /** Path; 32 octets. */
  readonly masterKey: string
}

const INFO = 'owl-gateway message log, verified point'
const MAC_BYTES = 32

/** @returns nothing where there is none; `changed` when it is not as it was written @throws {LogOpenError} `keys` */
export function readVerifiedPoint(place: PointPlace): VerifiedPoint | 'changed' | undefined {
  const octets = readIfThere(pathOf(place))
  if (octets === undefined) return undefined
  // Outside the attempt: a key that cannot be read says nothing of the point.
  const key = readMasterKey(place.masterKey)
  try {
    const { point, mac } = JSON.parse(octets.toString('utf8')) as { readonly point: string; readonly mac: string }
    const found = Buffer.from(mac, 'hex')
    if (found.length !== MAC_BYTES || !timingSafeEqual(found, macOf(key, point))) return 'changed'
    return JSON.parse(point) as VerifiedPoint
  } catch {
    return 'changed'
  }
}

export function writeVerifiedPoint(place: PointPlace, point: VerifiedPoint): void {
  const text = JSON.stringify(point)
  replaceFile(
    pathOf(place),
    `${JSON.stringify({ point: text, mac: macOf(readMasterKey(place.masterKey), text).toString('hex') })}\n`,
  )
}

/** What was verified once does not hold any more: the next verification begins at the beginning. */
export function removeVerifiedPoint(place: PointPlace): void {
  rmSync(pathOf(place), { force: true })
}

function pathOf({ keyStore }: PointPlace): string {
  return join(keyStore, 'verified-point.json')
}

function macOf(master: Buffer, text: string): Buffer {
  const key = hkdfSync('sha256', master, Buffer.alloc(0), INFO, MAC_BYTES)
  return createHmac('sha256', Buffer.from(key)).update(text).digest()
}
