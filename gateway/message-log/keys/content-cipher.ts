/**
 * How heads and bodies are sealed in the log: AES-256-GCM under a key for this one octet string.
 *
 * The key of a message lies in two shares. One is 32 random octets in its row, the other the key of its day, purpose and
 * use in the key store; a one-step derivation makes the key from both (NIST SP 800-56C Rev. 2 §4.1, option 1, SHA-256).
 * Destroying either share erases, as with a wrapped random key, at a quarter of the cost of unwrapping one.
 */

import { createCipheriv, createDecipheriv, hash } from 'node:crypto'

export const SHARE_BYTES = 32
const TAG_BYTES = 16
/** Every key seals one octet string only, so the nonce may be constant. NIST SP 800-38D §8. */
const NONCE = Buffer.alloc(12)

/** Which octets of a message; part of the derivation, so that no two have one key. */
export type Part = 'head' | 'body' | 'file' | 'arch'

/**
 * @param key of day, purpose and use
 * @param share of the message
 * @param nonce 12 octets, where something else may have been sealed before: an archive file that was given up
 */
export function seal(part: Part, key: Buffer, share: Buffer, octets: Uint8Array, nonce: Buffer = NONCE): Buffer {
  const cipher = createCipheriv('aes-256-gcm', derive(part, key, share), nonce)
  const sealed = cipher.update(octets)
  cipher.final()
  return Buffer.concat([sealed, cipher.getAuthTag()])
}

/** @throws {Error} when the octets, a share or the part is another */
export function open(part: Part, key: Buffer, share: Buffer, sealed: Buffer, nonce: Buffer = NONCE): Buffer {
  const end = sealed.length - TAG_BYTES
  if (end < 0) throw new Error('Sealed octets are cut off')
  const decipher = createDecipheriv('aes-256-gcm', derive(part, key, share), nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(end))
  const octets = decipher.update(sealed.subarray(0, end))
  decipher.final()
  return octets
}

const PREFIX_BYTES = 4
const input = Buffer.alloc(PREFIX_BYTES + 32 + SHARE_BYTES + 4)
input[PREFIX_BYTES - 1] = 1
const derived = Buffer.alloc(32)

/**
 * H(counter ‖ Z ‖ FixedInfo), Z the stored key, FixedInfo the share and the part's name, all of fixed length.
 *
 * @returns good until the next
 */
function derive(part: Part, key: Buffer, share: Buffer): Buffer {
  if (key.length !== 32 || share.length !== SHARE_BYTES) throw new TypeError('A key share has another length')
  input.set(key, PREFIX_BYTES)
  input.set(share, PREFIX_BYTES + 32)
  input.write(part, PREFIX_BYTES + 32 + SHARE_BYTES, 'latin1')
  derived.write(hash('sha256', input, 'latin1'), 'latin1')
  return derived
}
