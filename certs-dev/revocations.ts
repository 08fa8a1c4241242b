/** Which certificates are revoked, since when and why; and the numbers of the CRLs that said so. One JSON file. */

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { CRLReasons } from '@peculiar/asn1-x509'
import type { Issued } from './issued.ts'
import type { AuthorityName } from './layout.ts'

/** RFC 5280 §5.3.1. `removeFromCRL` is left out: it belongs to delta CRLs. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
] as const

export type Reason = (typeof REASONS)[number]

export interface Revocation extends Issued {
  /** ISO 8601, whole seconds. */
  readonly at: string
  readonly reason: Reason
}

export interface Revocations {
  find(issuer: AuthorityName, serial: string): Revocation | undefined
  list(issuer: AuthorityName): readonly Revocation[]
  /** The first revocation stands: a second one changes neither time nor reason. */
  revoke(issued: Issued, reason: Reason, now: number): Revocation
  /** Greater than every number given before, across restarts. RFC 5280 §5.2.3. */
  nextCrlNumber(issuer: AuthorityName): number
}

interface State {
  readonly revoked: Revocation[]
  readonly crlNumbers: Partial<Record<AuthorityName, number>>
}

export function isReason(value: unknown): value is Reason {
  return REASONS.some((reason) => reason === value)
}

/** @returns the code of the CRL entry, or nothing: RFC 5280 wants `unspecified` left out */
export function reasonCode(reason: Reason): CRLReasons | undefined {
  return reason === 'unspecified' ? undefined : CRLReasons[reason]
}

/** @param path of the state file; missing means nothing is revoked */
export function openRevocations(path: string): Revocations {
  const state = load(path)

  // Synchronous on purpose: no other request sees a state that is not on disk yet.
  function save(): void {
    writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`)
    renameSync(`${path}.new`, path)
  }

  function find(issuer: AuthorityName, serial: string): Revocation | undefined {
    return state.revoked.find((revoked) => revoked.issuer === issuer && revoked.serial === serial)
  }

  return {
    find,
    list(issuer) {
      return state.revoked.filter((revoked) => revoked.issuer === issuer)
    },
    revoke(issued, reason, now) {
      const before = find(issued.issuer, issued.serial)
      if (before !== undefined) return before
      const at = new Date(Math.floor(now / 1000) * 1000).toISOString()
      const revocation = { ...issued, at, reason }
      state.revoked.push(revocation)
      save()
      return revocation
    },
    nextCrlNumber(issuer) {
      const number = (state.crlNumbers[issuer] ?? 0) + 1
      state.crlNumbers[issuer] = number
      save()
      return number
    },
  }
}

function load(path: string): State {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as State
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { revoked: [], crlNumbers: {} }
    throw error
  }
}
