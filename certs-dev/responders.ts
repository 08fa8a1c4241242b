/** What the trust service can say about one PKI: certificate status, revocation lists, time-stamps, revoking. */

import { join } from 'node:path'
import type { CrlLie } from './behaviour.ts'
import { formatCrl } from './crl.ts'
import type { Issued } from './issued.ts'
import { openIssued } from './issued.ts'
import type { AuthorityName } from './layout.ts'
import type { OcspLie } from './ocsp.ts'
import { answerOcsp } from './ocsp.ts'
import type { Reason, Revocation } from './revocations.ts'
import { openRevocations } from './revocations.ts'
import { openSigner } from './signer.ts'
import type { TimeStamper } from './time-stamps.ts'
import { openTimeStamper } from './time-stamps.ts'

export interface ResponderOptions {
  readonly dir: string
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** From `thisUpdate` to `nextUpdate`. */
  readonly ocspValidityMs: number
  readonly crlValidityMs: number
}

/** Which certificate is meant: path of its PEM file (relative to the PKI or absolute), or its fingerprint. */
export type CertificateName = { readonly cert: string } | { readonly sha256: string }

/** Each takes DER and gives DER. */
export interface Responders {
  ocsp(request: Uint8Array, lie?: OcspLie): Promise<Uint8Array>
  /** Every list is a new one, with a number of its own. */
  crl(authority: AuthorityName, lie?: CrlLie): Uint8Array
  readonly tsa: TimeStamper
  readonly tsa2: TimeStamper
  readonly isRsa: boolean
  /** @returns nothing when this PKI has issued no such certificate */
  revoke(name: CertificateName, reason: Reason): Promise<Revocation | undefined>
}

/** @throws {Error} when the folder holds no PKI */
export async function openResponders(options: ResponderOptions): Promise<Responders> {
  const { dir, now, ocspValidityMs, crlValidityMs } = options
  const root = await openSigner(dir, 'root')
  const issuing = await openSigner(dir, 'issuing')
  const tsaCa = await openSigner(dir, 'tsa-ca')
  // A good certificate of the same PKI that may sign none of this: what a careless check lets through.
  const impostor = await openSigner(dir, 'service/server')
  const authorities = { root, issuing, 'tsa-ca': tsaCa }

  const issued = await openIssued(dir)
  const revocations = openRevocations(join(dir, 'state.json'))
  const responder = await openSigner(dir, 'ocsp')
  const ocspDeps = { responder, impostor, issuing, issued, revocations, now, validityMs: ocspValidityMs }
  const tsaDeps = { impostor, authority: tsaCa, now }

  return {
    ocsp: (request, lie) => answerOcsp(ocspDeps, request, lie),

    crl(name, lie) {
      const thisUpdate = lie === 'expired' ? now() - 2 * crlValidityMs : now()
      const content = {
        revoked: revocations.list(name),
        number: revocations.nextCrlNumber(name),
        thisUpdate,
        nextUpdate: thisUpdate + crlValidityMs,
        ...((lie === 'users' || lie === 'authorities') && { only: lie }),
      }
      return formatCrl(authorities[name], content, lie === 'other-signer' ? impostor : undefined)
    },

    tsa: openTimeStamper({ ...tsaDeps, unit: await openSigner(dir, 'tsa'), ordering: false }),
    tsa2: openTimeStamper({ ...tsaDeps, unit: await openSigner(dir, 'tsa2'), ordering: true }),
    isRsa: root.key.asymmetricKeyType === 'rsa',

    async revoke(name, reason) {
      let found: Issued | undefined
      if ('cert' in name) found = await issued.byPath(name.cert)
      else found = await issued.bySha256(name.sha256)
      return found && revocations.revoke(found, reason, now())
    },
  }
}
