/** Which certificates the development CAs have issued: the ones whose files lie in the PKI's folder. */

import { X509Certificate } from 'node:crypto'
import { glob, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { AuthorityName } from './layout.ts'

export interface Issued {
  readonly issuer: AuthorityName
  /** Lower-case hexadecimal without leading zeros. */
  readonly serial: string
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly sha256: string
}

export interface IssuedCertificates {
  /** Looks again in the folder when the certificate is not known yet. */
  has(issuer: AuthorityName, serial: string): Promise<boolean>
  bySha256(sha256: string): Promise<Issued | undefined>
  /** @param path of a PEM file, relative to the folder or absolute */
  byPath(path: string): Promise<Issued | undefined>
}

const AUTHORITIES: readonly AuthorityName[] = ['root', 'issuing', 'tsa-ca']
const PEM_BYTES_MAX = 64 * 1024

export async function openIssued(dir: string): Promise<IssuedCertificates> {
  const authorities = await Promise.all(
    AUTHORITIES.map(async (name) => ({
      name,
      certificate: new X509Certificate(await readFile(join(dir, `${name}.pem`))),
    })),
  )
  let known = await scan()

  async function scan(): Promise<readonly Issued[]> {
    const found: Issued[] = []
    for await (const path of glob('**/*.pem', { cwd: dir })) {
      if (path === 'ca.pem' || path.endsWith('.chain.pem')) continue
      const issued = await read(join(dir, path))
      if (issued !== undefined) found.push(issued)
    }
    return found
  }

  async function read(path: string): Promise<Issued | undefined> {
    const certificate = await readCertificate(path)
    if (certificate === undefined) return undefined
    const issuer = authorities.find(
      ({ certificate: by }) => certificate.checkIssued(by) && certificate.verify(by.publicKey),
    )
    if (issuer === undefined) return undefined
    return {
      issuer: issuer.name,
      serial: BigInt(`0x${certificate.serialNumber}`).toString(16),
      sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    }
  }

  /** Certificates are added while the service runs, so what is missing is looked for once more. */
  async function find(wanted: (issued: Issued) => boolean): Promise<Issued | undefined> {
    const found = known.find(wanted)
    if (found !== undefined) return found
    known = await scan()
    return known.find(wanted)
  }

  return {
    async has(issuer, serial) {
      return (await find((issued) => issued.issuer === issuer && issued.serial === serial)) !== undefined
    },
    bySha256(sha256) {
      return find((issued) => issued.sha256 === sha256.toLowerCase())
    },
    byPath(path) {
      return read(resolve(dir, path))
    },
  }
}

/** Nothing for what is gone, unreadable, half written or no certificate. */
async function readCertificate(path: string): Promise<X509Certificate | undefined> {
  try {
    const pem = await readFile(path)
    return pem.length > PEM_BYTES_MAX ? undefined : new X509Certificate(pem)
  } catch {
    return undefined
  }
}
