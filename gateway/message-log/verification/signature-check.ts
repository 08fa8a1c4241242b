/**
 * Do the kept signatures hold over the heads and bodies beside them, by the certificates kept with them? Whose certificates
 * those are and whether they were in force is shown by a message's evidence. Source: design of the evidence, sections 1, 2.
 */

import type { KeyObject } from 'node:crypto'
import { hash, X509Certificate } from 'node:crypto'
import { readArchiveForm } from '../../protocol/archive-form.ts'
import { parseReplyHead, parseRequestHead } from '../../protocol/head-parser.ts'
import { holds, readSignature } from '../../protocol/sealing.ts'
import type { Contents } from '../reading/contents.ts'
import { demand } from './damage.ts'
import type { CheckedRecord } from './record-check.ts'

interface Signer {
  readonly x5t: string
  readonly key: KeyObject
}

const REQUEST = '\r\nowl-kind:request\r\n'

/** @returns what checks a message, and takes five times as long as everything else @throws {Damage} */
export function openSignatureCheck(contents: Contents): (checked: CheckedRecord) => void {
  /** Many messages are signed with one certificate, which is read once. */
  const signers = new WeakMap<readonly Buffer[], Signer | undefined>()

  function signerOf(certificates: readonly Buffer[]): Signer | undefined {
    if (!signers.has(certificates)) signers.set(certificates, readSigner(certificates))
    return signers.get(certificates)
  }

  function isSigned({ stored, head, bodySha256 }: CheckedRecord): boolean {
    const octets = contents.signature(stored)
    if (octets === undefined || head === undefined) return false
    const { wire, certificates } = readArchiveForm(octets)
    const claims = readSignature(wire, head.includes(REQUEST) ? parseRequestHead(head) : parseReplyHead(head))
    const signer = signerOf(certificates)
    const body = bodySha256 === undefined ? undefined : Buffer.from(bodySha256, 'hex').toString('base64url')
    return signer?.x5t === claims.x5t && claims.bodySha256 === body && holds(claims, signer.key)
  }

  return (checked) => {
    if (checked.stored.signature === null) return
    const { seq } = checked.stored
    demand(
      attempt(() => isSigned(checked)),
      seq,
      'signature',
      'The signature does not hold',
    )
  }
}

/** @returns nothing when it is not issued by the CA beside it */
function readSigner([signer, issuer]: readonly Buffer[]): Signer | undefined {
  if (signer === undefined) return undefined
  const certificate = new X509Certificate(signer)
  if (issuer !== undefined && !certificate.verify(new X509Certificate(issuer).publicKey)) return undefined
  return { x5t: hash('sha256', signer, 'base64url'), key: certificate.publicKey }
}

function attempt(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}
