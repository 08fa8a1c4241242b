/** Revocation answers on disk, so that a restart does not depend on the responder: one file a certificate or a CA. */

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface RevocationCache {
  /** @param sha256 of the certificate, hex @returns DER of an OCSPResponse, to be verified again */
  ocsp(sha256: string): Promise<Buffer | undefined>
  /** @param sha256 of the issuing CA, hex @returns DER of a CRL, to be verified again */
  crl(sha256: string): Promise<Buffer | undefined>
  keepOcsp(sha256: string, response: Buffer): Promise<void>
  keepCrl(sha256: string, list: Buffer): Promise<void>
  /** Removes the OCSP answers about all other certificates. */
  keepOnly(sha256s: ReadonlySet<string>): Promise<void>
}

export async function openRevocationCache(directory: string): Promise<RevocationCache> {
  await mkdir(directory, { recursive: true })

  // Renamed into place: a crash leaves the old answer or the new one. Not synced: it can be asked for again.
  async function write(name: string, octets: Buffer): Promise<void> {
    const path = join(directory, name)
    await writeFile(`${path}.new`, octets)
    await rename(`${path}.new`, path)
  }

  return {
    ocsp: (sha256) => read(join(directory, `${sha256}.ocsp`)),
    crl: (sha256) => read(join(directory, `${sha256}.crl`)),
    keepOcsp: (sha256, response) => write(`${sha256}.ocsp`, response),
    keepCrl: (sha256, list) => write(`${sha256}.crl`, list),
    async keepOnly(sha256s) {
      const names = (await readdir(directory)).filter((name) => /^[0-9a-f]{64}\.ocsp$/.test(name))
      const others = names.filter((name) => !sha256s.has(name.slice(0, 64)))
      await Promise.all(others.map((name) => rm(join(directory, name), { force: true })))
    },
  }
}

async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
