/**
 * One record on its way to the writer. Entries cross to its thread many at a time: their octets in one transferred
 * buffer, the rest as one flat list, which costs a fraction of cloning an object each. Every member is named where it is
 * packed and where it is unpacked: walking a list of names costs five times as much.
 */

import type { Outcome, Side } from '../message-log.ts'
import type { Decision } from './erasure-event.ts'

/** The columns of `record` that are not the chain's own. */
export interface Columns {
  readonly at: number
  readonly kind: Outcome
  readonly side: Side | null
  readonly direction: 'in' | 'out' | null
  readonly requestId: string | null
  readonly xRoadId: string | null
  readonly client: string | null
  readonly service: string | null
  readonly method: string | null
  readonly purpose: string | null
  readonly code: string | null
  readonly stage: string | null
  readonly sender: string | null
  /** seq of the request's record that this one ends. */
  readonly ends: number | null
  readonly bodyBytes: number
  /** Days since the Unix epoch; of the body null when none is kept. */
  readonly bodyUntil: number | null
  readonly recordUntil: number | null
}

export interface Entry extends Columns {
  readonly kind: Exclude<Outcome, 'in-doubt' | 'batch' | Decision['event']>
  readonly extension: string
  readonly signature: string
  /** Numbers of long texts that many entries have in common: each crosses once. */
  readonly etsiU: number
  readonly basis: number
  /** Of a spool file to adopt. */
  readonly filePath: string | null
  readonly head: Buffer | null
  readonly body: Buffer | null
  readonly bodySha256: Buffer | null
  readonly requestLeaf: Buffer | null
  readonly fileKey: Buffer | null
  /** Pseudonyms of whom it is about, one behind the other. */
  readonly subjects: Buffer | null
}

type Value = string | number | null

/** Everything that one commit takes. */
export interface Group {
  readonly values: readonly Value[]
  readonly octets: ArrayBuffer
}

const ABSENT = -1

/** What an entry adds to the memory held until it is on disk. */
export function octetsIn({ head, body, bodySha256, requestLeaf, fileKey, subjects }: Entry): number {
  return (
    lengthOf(head) +
    lengthOf(body) +
    lengthOf(bodySha256) +
    lengthOf(requestLeaf) +
    lengthOf(fileKey) +
    lengthOf(subjects)
  )
}

function lengthOf(part: Buffer | null): number {
  return part === null ? 0 : part.length
}

export function packEntries(entries: readonly Entry[]): Group {
  let length = 0
  for (const entry of entries) length += octetsIn(entry)
  const octets = new Uint8Array(length)
  // Filled from the left: an array with holes would cross element by element.
  const values: Value[] = []
  let at = 0
  const put = (part: Buffer | null): number => {
    if (part === null) return ABSENT
    octets.set(part, at)
    at += part.length
    return part.length
  }
  for (const entry of entries) {
    values.push(entry.kind, entry.at, entry.side, entry.direction, entry.requestId, entry.xRoadId, entry.client)
    values.push(entry.service, entry.method, entry.purpose, entry.code, entry.stage, entry.sender, entry.extension)
    values.push(entry.signature, entry.etsiU, entry.basis, entry.ends, entry.bodyUntil, entry.recordUntil)
    values.push(entry.bodyBytes, entry.filePath)
    values.push(put(entry.head), put(entry.body), put(entry.bodySha256))
    values.push(put(entry.requestLeaf), put(entry.fileKey), put(entry.subjects))
  }
  return { values, octets: octets.buffer }
}

export function unpackEntries({ values, octets }: Group): Entry[] {
  const entries: Entry[] = []
  let at = 0
  let slot = 0
  const value = (): unknown => values[slot++]
  const part = (): Buffer | null => {
    const length = values[slot++] as number
    if (length === ABSENT) return null
    at += length
    return Buffer.from(octets, at - length, length)
  }
  while (slot < values.length) {
    entries.push({
      kind: value() as Entry['kind'],
      at: value() as number,
      side: value() as Entry['side'],
      direction: value() as Entry['direction'],
      requestId: value() as string | null,
      xRoadId: value() as string | null,
      client: value() as string | null,
      service: value() as string | null,
      method: value() as string | null,
      purpose: value() as string | null,
      code: value() as string | null,
      stage: value() as string | null,
      sender: value() as string | null,
      extension: value() as string,
      signature: value() as string,
      etsiU: value() as number,
      basis: value() as number,
      ends: value() as number | null,
      bodyUntil: value() as number | null,
      recordUntil: value() as number | null,
      bodyBytes: value() as number,
      filePath: value() as string | null,
      head: part(),
      body: part(),
      bodySha256: part(),
      requestLeaf: part(),
      fileKey: part(),
      subjects: part(),
    })
  }
  return entries
}
