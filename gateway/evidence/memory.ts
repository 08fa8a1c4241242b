/** What many records have in common is worked out once: a memory of limited size, emptied when full. */

import { hash } from 'node:crypto'

const digests = new WeakMap<Buffer, string>()

/** SHA-256, base64; once for each buffer, which nobody writes to. */
export function keyOf(octets: Buffer): string {
  let key = digests.get(octets)
  if (key === undefined) {
    key = hash('sha256', octets, 'base64')
    digests.set(octets, key)
  }
  return key
}

export type Memory<V> = (key: string, octets: number, make: () => V) => V

/** Octets that the values of one memory may stand for. */
export const MEMORY_BYTES_MAX = 8 * 1024 * 1024

/** @returns what `make` gave for this key before, or gives now; what it throws is not remembered */
export function openMemory<V>(bytesMax = MEMORY_BYTES_MAX): Memory<V> {
  const values = new Map<string, V>()
  let held = 0
  return (key, octets, make) => {
    const known = values.get(key)
    if (known !== undefined) return known
    const made = make()
    if (held + octets > bytesMax) {
      values.clear()
      held = 0
    }
    if (octets <= bytesMax) {
      values.set(key, made)
      held += octets
    }
    return made
  }
}
