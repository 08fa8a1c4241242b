/** Why the registry refuses a change. */

import { X509Certificate } from 'node:crypto'

/** A change refused: the caller asked for something that cannot be. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** @param octets PEM or DER @param use what the file was given for @throws {CommandError} */
export function readX509(octets: Buffer, use: string): X509Certificate {
  try {
    return new X509Certificate(octets)
  } catch (cause) {
    throw new CommandError(`The file for ${use} is no certificate`, { cause })
  }
}
