/** What a message was judged by, as its record keeps it. Source: design of the evidence, sections 2 and 3. */

import type { RevocationStatus } from './revocation.ts'
import type { IssuingCa, RegisteredSeal, Snapshot } from './snapshot.ts'

export interface Basis {
  readonly snapshot: Snapshot
  readonly permission: {
    /** `id;sha256` or `none`. */
    readonly agreement: string
    readonly purpose: string
    readonly purposeBy: 'caller' | 'agreement' | 'none'
  }
  readonly seal: RegisteredSeal
  readonly tls: { readonly peer: string | null; readonly version: string | null; readonly group: string | null }
  /** Certificates whose status was relied on, seal first. */
  readonly revocation: readonly RelyingOn[]
  /** Stages passed so far. */
  readonly stages: readonly string[]
  /** `owl-log-head` of the other side; `none` for what this side sent. */
  readonly peerHead: string
  readonly clock: Clock
}

/** A certificate and the status that was relied on. */
export interface RelyingOn {
  readonly sha256: string
  readonly status: RevocationStatus
}

export interface Clock {
  /** Who the offset was estimated from; `none` before the first estimate. */
  readonly source: string
  readonly offsetMs: number
}

/** Texts last made: many exchanges are judged by the very same. */
const recent: { readonly basis: Basis; readonly text: string }[] = []
const RECENT_MAX = 32

/** @returns JSON text of `basis`; the same string while nothing in it is news, so that the log stores and hashes it once */
export function basisText(basis: Basis): string {
  const at = recent.findIndex((known) => isSame(known.basis, basis))
  const found = recent[at] ?? { basis, text: makeText(basis) }
  // The latest first: it is the likeliest next.
  if (at !== 0) {
    if (at > 0) recent.splice(at, 1)
    recent.unshift(found)
    if (recent.length > RECENT_MAX) recent.pop()
  }
  return found.text
}

function isSame(a: Basis, b: Basis): boolean {
  return (
    a.snapshot === b.snapshot &&
    a.seal === b.seal &&
    a.clock === b.clock &&
    a.permission.agreement === b.permission.agreement &&
    a.permission.purpose === b.permission.purpose &&
    a.permission.purposeBy === b.permission.purposeBy &&
    a.peerHead === b.peerHead &&
    a.tls.peer === b.tls.peer &&
    a.tls.version === b.tls.version &&
    a.tls.group === b.tls.group &&
    a.stages.length === b.stages.length &&
    a.stages.every((stage, i) => stage === b.stages[i]) &&
    a.revocation.length === b.revocation.length &&
    a.revocation.every(
      ({ sha256, status }, i) => sha256 === b.revocation[i]?.sha256 && status === b.revocation[i]?.status,
    )
  )
}

function makeText(basis: Basis): string {
  const { snapshot, permission, seal, tls, clock } = basis
  const { agreement, purpose, purposeBy } = permission
  const [id, digest] = agreement.split(';')
  const revocation = basis.revocation.map(({ sha256, status }) => statusText(sha256, status)).join(',')
  return (
    `{"config":{"version":${snapshot.version},"sha256":"${snapshot.sha256}"},` +
    `"agreement":${digest === undefined ? 'null' : `{"id":${JSON.stringify(id)},"sha256":"${Buffer.from(digest, 'base64url').toString('hex')}"}`},` +
    `"purpose":${JSON.stringify(purpose)},"purposeBy":"${purposeBy}","seal":"${seal.sha256}",` +
    `"tls":{"peer":${quoted(tls.peer)},"version":${quoted(tls.version)},"group":${quoted(tls.group)}},` +
    `"revocation":[${revocation}],"stages":["${basis.stages.join('","')}"],"peerHead":${JSON.stringify(basis.peerHead)},` +
    `"clock":{"source":${JSON.stringify(clock.source)},"offsetMs":${clock.offsetMs}}}`
  )
}

function quoted(text: string | null): string {
  return text === null ? 'null' : `"${text}"`
}

const statusTexts = new WeakMap<RevocationStatus, string>()

function statusText(sha256: string, status: RevocationStatus): string {
  let text = statusTexts.get(status)
  if (text === undefined) {
    const { source, sha256: answer, thisUpdate, nextUpdate } = status
    text = JSON.stringify({
      cert: sha256,
      status: status.status,
      source: source ?? null,
      sha256: answer ?? null,
      thisUpdate: thisUpdate === undefined ? null : new Date(thisUpdate).toISOString(),
      nextUpdate: nextUpdate === undefined ? null : new Date(nextUpdate).toISOString(),
    })
    statusTexts.set(status, text)
  }
  return text
}

const etsiUs = new WeakMap<RevocationStatus, string>()

/** @returns JSON text of `etsiU`: the certificates and the revocation answer that were relied on. TS 119 182-1 §5.3.5. */
export function etsiUText(seal: RegisteredSeal, status: RevocationStatus): string {
  let text = etsiUs.get(status)
  if (text === undefined) {
    const chain = [seal.der, seal.verdict.issuer?.der].filter((der) => der !== undefined)
    const members: object[] = [{ xVals: chain.map((der) => ({ x509Cert: { val: der.toString('base64') } })) }]
    if (status.response !== undefined) {
      const values = [{ val: status.response.toString('base64') }]
      members.push({ rVals: status.source === 'crl' ? { crlVals: values } : { ocspVals: values } })
    }
    text = JSON.stringify(members.map((member) => Buffer.from(JSON.stringify(member)).toString('base64url')))
    etsiUs.set(status, text)
  }
  return text
}

/** PEM of the issuing CAs in force: what a TLS context trusts before the registered fingerprint is looked up. */
export function authoritiesPem(issuing: readonly IssuingCa[]): string[] {
  return issuing.map(({ certificate }) => certificate.x509.toString())
}
