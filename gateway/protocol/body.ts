/** A message body once it is complete: small ones are octets in memory, large ones an encrypted spool file. */

import type { Readable } from 'node:stream'
import type { IdnrFinding } from './idnr.ts'

export interface Body {
  readonly size: number
  /** SHA-256 and SHA-512 of the octets; of a body that is a file, made while they arrived. */
  readonly sha256: Buffer
  readonly sha512: Buffer
  /** The octets, when they fit in memory. */
  readonly bytes?: Buffer
  /** Where they are otherwise. */
  readonly file?: BodyFile
  /** Of a body that is a file: looked for while it was written. */
  readonly idnr?: IdnrFinding
  /** Reads the octets from the start; may be called again. */
  stream(): Readable
  /** Removes the spool file, unless the message log has adopted it. Safe to call twice. */
  dispose(): Promise<void>
}

/**
 * A body in chunks of 64 KiB, each sealed with AES-256-GCM under `key` (`protocol/chunked-cipher.ts`). The message
 * log takes such a file over by a second name and keeps the key, wrapped; a spool file's key is only ever in memory.
 */
export interface BodyFile {
  readonly path: string
  readonly key: Buffer
}
