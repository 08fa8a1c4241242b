/** Random octets for salts and key shares: the system is asked for many at a time. */

import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 8192

/** Gives so many octets, none of them twice. */
export type RandomOctets = (length: number) => Buffer

export function openRandomOctets(): RandomOctets {
  let pool = Buffer.alloc(0)
  let at = 0
  return (length) => {
    if (at + length > pool.length) {
      pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES))
      at = 0
    }
    at += length
    return pool.subarray(at - length, at)
  }
}
