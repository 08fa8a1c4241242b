/**
 * One record on its way to the writer. Entries cross to its thread many at a time: their octets in one transferred
 * buffer, the rest as one flat list, which costs a fraction of cloning an object each.
 */

import type { Decision } from './erasure-event.ts'
import type { Outcome, Side } from './message-log.ts'

export interface Entry {
  readonly kind: Exclude<Outcome, 'in-doubt' | 'batch' | Decision['event']>
  readonly at: number
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
  readonly extension: string
  readonly signature: string
  /** Numbers of long texts that many entries have in common: each crosses once. */
  readonly etsiU: number
  readonly basis: number
  /** seq of the request's record that this one ends. */
  readonly ends: number | null
  /** Days since the Unix epoch; of the body null when none is kept. */
  readonly bodyUntil: number | null
  readonly recordUntil: number | null
  readonly bodyBytes: number
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

const VALUES = [
  'kind',
  'at',
  'side',
  'direction',
  'requestId',
  'xRoadId',
  'client',
  'service',
  'method',
  'purpose',
  'code',
  'stage',
  'sender',
  'extension',
  'signature',
  'etsiU',
  'basis',
  'ends',
  'bodyUntil',
  'recordUntil',
  'bodyBytes',
  'filePath',
] as const satisfies readonly (keyof Entry)[]

const OCTETS = [
  'head',
  'body',
  'bodySha256',
  'requestLeaf',
  'fileKey',
  'subjects',
] as const satisfies readonly (keyof Entry)[]

const STRIDE = VALUES.length + OCTETS.length
const ABSENT = -1

type Value = string | number | null

/** Everything that one commit takes. */
export interface Group {
  readonly values: readonly Value[]
  readonly octets: ArrayBuffer
}

/** What an entry adds to the memory held until it is on disk. */
export function octetsIn(entry: Entry): number {
  let length = 0
  for (const name of OCTETS) length += entry[name]?.length ?? 0
  return length
}

export function packEntries(entries: readonly Entry[]): Group {
  let length = 0
  for (const entry of entries) length += octetsIn(entry)
  const octets = new Uint8Array(length)
  const values: Value[] = new Array(entries.length * STRIDE)
  let at = 0
  let slot = 0
  for (const entry of entries) {
    for (const name of VALUES) values[slot++] = entry[name]
    for (const name of OCTETS) {
      const part = entry[name]
      values[slot++] = part?.length ?? ABSENT
      if (part === null) continue
      octets.set(part, at)
      at += part.length
    }
  }
  return { values, octets: octets.buffer }
}

export function unpackEntries({ values, octets }: Group): Entry[] {
  const entries: Entry[] = []
  let at = 0
  for (let slot = 0; slot < values.length; ) {
    const entry: Record<string, Value | Buffer> = {}
    for (const name of VALUES) entry[name] = values[slot++] as Value
    for (const name of OCTETS) {
      const length = values[slot++] as number
      entry[name] = length === ABSENT ? null : Buffer.from(octets, at, length)
      if (length !== ABSENT) at += length
    }
    entries.push(entry as unknown as Entry)
  }
  return entries
}
