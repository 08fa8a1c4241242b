/** Hashes archive forms of signatures: what many of them begin with is hashed once. */

import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import { formatArchiveRest, formatArchiveStart } from './log-record.ts'

/** Beginnings kept; they change with every revocation answer. */
const STARTS_MAX = 256

/** @returns SHA-256 of `signature.jades.json`, hex, from the signature on the wire and the JSON text of `etsiU` */
export function openArchiveHash(): (wire: string, etsiU: string) => string {
  const starts = new Map<string, Hash>()
  return (wire, etsiU) => {
    let start = starts.get(etsiU)
    if (start === undefined) {
      if (starts.size >= STARTS_MAX) starts.clear()
      start = createHash('sha256').update(formatArchiveStart(etsiU), 'latin1')
      starts.set(etsiU, start)
    }
    return start.copy().update(formatArchiveRest(wire), 'latin1').digest('hex')
  }
}
