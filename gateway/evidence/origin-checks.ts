/**
 * Who vouches for the log's own record. Its time-stamp proves that the record existed by then, and no more: anybody can
 * have anything stamped. That it is of the log that it names, only the seal of that log's owner says. Design of the
 * evidence, sections 3 and 5.
 */

import type { Identifier } from '../protocol/identifiers.ts'
import { memberOf } from '../protocol/identifiers.ts'
import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import { subjectOf } from '../trust/certificate-profile.ts'
import type { Checks } from './checks.ts'
import type { ReadRecord } from './log-record-reader.ts'
import type { JudgedToken } from './trust.ts'

/** A seal whose signature holds. */
export interface Sealed {
  readonly signer: ParsedCertificate
  /** When the seal existed for certain, or else when it says it was made; milliseconds since the Unix epoch. */
  readonly at: number
  /** The time-stamps on the seal and over the container. */
  readonly stamp: JudgedToken | undefined
  readonly archive: JudgedToken | undefined
}

/** The gateway of a log: `gateway/node`. */
const LOG = /^((?:[^/]+\/){3}[^/]+)\/[^/]+$/

/** @returns the member that owns the log, nothing when its name names no gateway */
export function ownerOf(log: string): Identifier | undefined {
  const gateway = LOG.exec(log)?.[1]
  return gateway === undefined ? undefined : memberOf(gateway)
}

export function checkOrigin(record: ReadRecord | undefined, sealed: Sealed | undefined, checks: Checks): void {
  if (sealed === undefined) {
    checks.warn(
      'log-record.origin',
      'not sealed: the time-stamp proves that it existed by then, not whose log it is; only a seal, or the receipt in the partner’s signed reply, adds that',
    )
    return
  }
  const by = sealerText(sealed.signer)
  const owner = record && ownerOf(record.log)
  if (owner === undefined) checks.fail('seal.member', `${by}; no log is named that it could be the owner of`)
  else if (subjectOf(sealed.signer).organizationIdentifier !== owner) {
    checks.fail('seal.member', `${by}, which is not the owner of the log, ${owner}`)
  } else {
    checks.ok('seal.member', by)
    checks.ok('log-record.origin', 'sealed by the owner of the log')
  }
}

function sealerText(signer: ParsedCertificate): string {
  const { organization = 'no organization', organizationIdentifier = 'no member' } = subjectOf(signer)
  return `sealed by ${organizationIdentifier} (${organization})`
}
