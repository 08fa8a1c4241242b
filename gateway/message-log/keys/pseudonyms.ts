/**
 * Keyed pseudonyms of the people that messages are about. Art. 15 DSGVO asks for them, Art. 4 no. 5 for the key to be kept
 * apart: a pseudonym says nothing to who has not the master key, and nothing across two logs.
 */

import { createHmac, hkdfSync } from 'node:crypto'
import type { Body } from '../../protocol/body.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import { KEY_BYTES, readMasterKey } from './key-store.ts'

/** HMAC-SHA-256, the first 16 octets: RFC 2104 §5. Two of a billion people share one with a chance of 2⁻⁶⁹. */
export const PSEUDONYM_BYTES = 16

/** Whom a message is about: references, `type:value` in search form. */
export type FindSubjects = (message: {
  readonly part: 'request' | 'reply'
  readonly service: Identifier
  /** Of its media type. */
  readonly extension: string
  readonly body: Body | undefined
}) => readonly string[]

export interface Pseudonyms {
  /** @param references each of another person or thing @returns theirs, one behind the other */
  of(references: readonly string[]): Buffer
}

/** @param name of the log, `gateway/node`: a new epoch has the same @throws {LogOpenError} `keys` */
export function openPseudonyms(masterKeyFile: string, name: string): Pseudonyms {
  // RFC 5869; the label keeps it apart from every other use of the master key.
  const key = Buffer.from(
    hkdfSync('sha256', readMasterKey(masterKeyFile), '', `owl message log subjects\0${name}`, KEY_BYTES),
  )
  return {
    of(references) {
      const all = Buffer.allocUnsafe(references.length * PSEUDONYM_BYTES)
      for (const [index, reference] of references.entries()) {
        createHmac('sha256', key)
          .update(reference)
          .digest()
          .copy(all, index * PSEUDONYM_BYTES, 0, PSEUDONYM_BYTES)
      }
      return all
    },
  }
}
