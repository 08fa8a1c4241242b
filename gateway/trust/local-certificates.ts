/**
 * Certificates of local systems and operators: trusted by their fingerprint, and yet only within their validity and as long
 * as no issuing CA of the region has revoked them. RFC 5280 §4.1.2.5, §5.
 *
 * The configuration has nothing but fingerprints, so a certificate is known from when it is first shown. It is kept on
 * disk, so that a start knows whom to ask about. A status that is stale or unknown refuses nobody: a local system must not
 * stop because a responder does.
 */

import { hash, X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ParsedCertificate } from './certificate-profile.ts'
import { parseCertificate } from './certificate-profile.ts'
import type { RevocationMemory } from './revocation.ts'

export type LocalUse = 'client' | 'operator'

/** SHA-256 of certificates, lower-case hex, and what each is listed for. */
export type Listed = ReadonlyMap<string, LocalUse>

/** One that was shown and is listed. */
export interface ShownCertificate {
  readonly use: LocalUse
  readonly sha256: string
  /** Milliseconds since the Unix epoch, inclusive. */
  readonly validTo: number
  /** `none`: there is nobody to ask about it, or the first question is not over. */
  readonly status: 'good' | 'revoked' | 'stale' | 'unknown' | 'none'
}

export type LocalFlaw = 'not valid yet' | 'expired' | 'revoked'

/** What a connection tells of a certificate. */
export interface Shown {
  /** Lower-case hex. */
  readonly sha256: string
  readonly certificate: X509Certificate
}

export interface LocalCertificates {
  /** Why a listed certificate may not be used now; cheap enough for every request. */
  flawOf(shown: Shown): LocalFlaw | undefined
  /** Forgets all others. */
  list(listed: Listed): void
  shown(now: number): readonly ShownCertificate[]
  /** Resolves when what was shown is on disk. */
  close(): Promise<void>
}

export interface LocalCertificatesOptions {
  /** Made when it is missing. */
  readonly directory: string
  readonly revocation: Pick<RevocationMemory, 'statusOf' | 'watchBesides' | 'wasAsked'>
  readonly now: () => number
  readonly log: { warn(line: object, text: string): void }
}

interface Known {
  readonly validFrom: number
  readonly validTo: number
  /** Nothing where it is not of the form of those that the region's CAs issue. */
  readonly parsed: ParsedCertificate | undefined
}

export async function openLocalCertificates(options: LocalCertificatesOptions): Promise<LocalCertificates> {
  const { directory, revocation, now, log } = options
  await mkdir(directory, { recursive: true })
  const known = new Map<string, Known>()
  let listed: Listed = new Map()
  let writing: Promise<void> = Promise.resolve()
  for (const name of await readdir(directory)) {
    const certificate = await readStored(join(directory, name))
    if (certificate !== undefined) known.set(hash('sha256', certificate.raw, 'hex'), knownOf(certificate))
  }

  /** One write after the other, and never in the way of a request. */
  function later(work: () => Promise<void>): void {
    writing = writing.then(work).catch((err: unknown) => {
      log.warn({ err }, 'a certificate of a local system could not be kept, or not be asked about')
    })
  }

  function meet({ sha256, certificate }: Shown): Known {
    const met = knownOf(certificate)
    known.set(sha256, met)
    later(() => store(directory, sha256, certificate.raw))
    watch()
    return met
  }

  function watch(): void {
    const asked = revocation.watchBesides([...known.values()].flatMap(({ parsed }) => parsed ?? []))
    asked.catch((err: unknown) => log.warn({ err }, 'nobody could be asked about certificates of local systems'))
  }

  return {
    flawOf(shown) {
      const { validFrom, validTo } = known.get(shown.sha256) ?? meet(shown)
      const at = now()
      if (at < validFrom) return 'not valid yet'
      if (at > validTo) return 'expired'
      return revocation.statusOf(shown.sha256, at).status === 'revoked' ? 'revoked' : undefined
    },
    list(next) {
      listed = next
      const others = [...known.keys()].filter((sha256) => !next.has(sha256))
      for (const sha256 of others) {
        known.delete(sha256)
        later(() => rm(fileOf(directory, sha256), { force: true }))
      }
      watch()
    },
    shown(at) {
      return [...known].flatMap(([sha256, { validTo }]) => {
        const use = listed.get(sha256)
        const { status } = revocation.statusOf(sha256, at)
        const told = revocation.wasAsked(sha256) || status === 'revoked' ? status : 'none'
        return use === undefined ? [] : [{ use, sha256, validTo, status: told }]
      })
    },
    close: () => writing,
  }
}

function knownOf(certificate: X509Certificate): Known {
  const validFrom = certificate.validFromDate.getTime()
  // notAfter is the last second that counts.
  const validTo = certificate.validToDate.getTime()
  try {
    return { validFrom, validTo, parsed: parseCertificate(certificate.raw) }
  } catch {
    return { validFrom, validTo, parsed: undefined }
  }
}

function fileOf(directory: string, sha256: string): string {
  return join(directory, `${sha256}.crt`)
}

/** Renamed into place. Not synced: it can be shown again. */
async function store(directory: string, sha256: string, der: Buffer): Promise<void> {
  const file = fileOf(directory, sha256)
  await writeFile(`${file}.new`, der)
  await rename(`${file}.new`, file)
}

/** @returns nothing for what is damaged: it will be shown again */
async function readStored(file: string): Promise<X509Certificate | undefined> {
  try {
    return new X509Certificate(await readFile(file))
  } catch {
    return undefined
  }
}
