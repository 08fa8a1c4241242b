/** Certificates that look right and are not: expired, of another CA, unregistered. Made with the development CA's own means. */

import { hash, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { issue, openAuthority } from '../../certs-dev/certificates.ts'
import type { Entry, ProfileName } from '../../certs-dev/layout.ts'
import type { TlsIdentity } from './attacker.ts'
import { readPair } from './attacker.ts'

export interface WrongCertificate {
  readonly profile: ProfileName
  /** Slug, name and member id of whom it claims to be. */
  readonly of: { readonly slug: string; readonly name: string; readonly id: string }
  /** Made so long ago. */
  readonly ageMs?: number
  /** Signed by a CA that calls itself like the real one. */
  readonly ofOtherCa?: boolean
}

export const PADERBORN = { slug: 'paderborn', name: 'Stadt Paderborn', id: 'OWL/GOV/05774032' } as const
export const BIELEFELD = { slug: 'bielefeld', name: 'Stadt Bielefeld', id: 'OWL/GOV/05711000' } as const

export async function issueWrong(
  pki: string,
  { profile, of: { slug, name, id }, ageMs = 0, ofOtherCa = false }: WrongCertificate,
): Promise<TlsIdentity> {
  const now = Date.now() - ageMs
  const real = readPair(join(pki, 'issuing'))
  const authority = ofOtherCa
    ? await issue(authorityEntry(new X509Certificate(real.cert)), 'p256', now, undefined)
    : { certificate: real.cert, key: real.key }
  const isSeal = profile === 'seal'
  const entry: Entry = {
    path: '',
    profile,
    issuer: 'issuing',
    subject: {
      organization: name,
      commonName: isSeal ? name : `${slug}.owl.example`,
      serialNumber: isSeal ? id : `${id}/gw1`,
      ...(isSeal && { organizationIdentifier: id }),
    },
    ...(isSeal ? {} : { hosts: ['127.0.0.1', '::1', 'localhost', `${slug}.owl.example`] }),
  }
  const { certificate, key } = await issue(entry, 'p256', now, await openAuthority(authority, 'p256'))
  return { cert: certificate, key }
}

function authorityEntry({ subject }: X509Certificate): Entry {
  const commonName = /CN=(.+)/.exec(subject)?.[1] ?? ''
  const organization = /O=(.+)/.exec(subject)?.[1] ?? ''
  return { path: '', profile: 'root', issuer: 'root', subject: { organization, commonName } }
}

/** As the configuration registers it. */
export function registered({ cert }: TlsIdentity): { readonly sha256: string; readonly certificate: string } {
  const { raw } = new X509Certificate(cert)
  return { sha256: hash('sha256', raw, 'hex'), certificate: raw.toString('base64') }
}
