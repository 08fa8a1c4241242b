/** `owl evidence verify`: what it prints, for people and as JSON, and whether everything held. */

import { writeFileSync } from 'node:fs'
import { GatewayError } from '../../errors.ts'
import { readAnchors } from '../../evidence/anchors.ts'
import type { Check, CheckId, Outcome, Verdict } from '../../evidence/checks.ts'
import { CHECKS, instant, openChecks } from '../../evidence/checks.ts'
import { verifyContainer, verifyPackage } from '../../evidence/container-checks.ts'
import type { Related } from '../../evidence/exchange-checks.ts'
import { openExchangeBook } from '../../evidence/exchange-checks.ts'
import type { EvidencePiece } from '../../evidence/inputs.ts'

import { readInputs } from '../../evidence/inputs.ts'
import { leftoversText } from '../../evidence/leftovers.ts'
import type { Registry, RegistryState } from '../../evidence/registry-checks.ts'
import { openRegistry } from '../../evidence/registry-checks.ts'
import type { ReportBook } from '../../evidence/report-checks.ts'
import { openReportBook } from '../../evidence/report-checks.ts'
import { openTrust } from '../../evidence/trust.ts'
import type { Verified, Verifying } from '../../evidence/verify.ts'
import { verifyFiles } from '../../evidence/verify.ts'
import type { ParsedCertificate } from '../../trust/certificate-profile.ts'
import { parseCertificate, subjectOf } from '../../trust/certificate-profile.ts'
import type { EvidenceTerminal } from './terminal.ts'

export interface VerifyGiven {
  /** Files of CAs for both roles, and of keys; or for one role alone. */
  readonly anchors?: readonly string[]
  readonly sealAnchors?: readonly string[]
  readonly timeStampAnchors?: readonly string[]
  readonly registry?: readonly string[]
  /** ISO 8601; now when absent. */
  readonly at?: string
  /** Days. */
  readonly provenWithin?: number
  /** Hex of SHA-256. */
  readonly bodyDigest?: string
  readonly profile?: 'strict' | 'draft'
  readonly json?: true
  /** Where to write the report on an exchange, made anew. */
  readonly report?: string
}

export interface StoredRegistry {
  readonly states: readonly RegistryState[]
  /** DER of issuing CAs, and of those of time-stamp authorities: neither stands in for the other. */
  readonly issuing: readonly Buffer[]
  readonly stamping: readonly Buffer[]
}

/** Reads stored states of the registry, and whom they list as CAs. @param keys public JWKs, JSON text */
export type ReadRegistry = (paths: readonly string[], keys: readonly string[]) => Promise<StoredRegistry>

export interface VerifyDeps {
  readonly terminal: EvidenceTerminal
  readonly readRegistry: ReadRegistry
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** Shown check by check up to here; of later ones only what does not hold. */
const DETAILED_MAX = 16
const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z)?$/
const DIGEST = /^[0-9a-f]{64}$/
const STYLES = { ok: 'green', warning: 'yellow', failed: 'red', 'not-proven': 'red', 'not-checked': 'dim' } as const
const HOLDING: ReadonlySet<Verdict> = new Set(['ok', 'warning'])
const OUTCOME_STYLES = {
  valid: 'green',
  'valid-with-warnings': 'yellow',
  indeterminate: 'yellow',
  invalid: 'red',
} as const
const ORDER = new Map((Object.keys(CHECKS) as CheckId[]).map((id, index) => [id, index]))

/** @returns whether everything was proven @throws {GatewayError} `BadRequest` */
export async function verifyEvidence(paths: readonly string[], given: VerifyGiven, deps: VerifyDeps): Promise<boolean> {
  const verifying = await openVerifying(given, deps)
  const printer = openPrinter(deps.terminal, given.json === true)
  const book = openExchangeBook()
  const reports = openReportBook()
  const pages: Buffer[] = []
  for (const piece of readInputs(paths, verifying)) {
    switch (piece.kind) {
      case 'leftovers':
        printer.leftovers(piece.label, piece.names)
        break
      case 'companion':
        reports.companion(piece.label, piece.source)
        break
      case 'begin':
        reports.begin()
        break
      case 'end':
        examineReports(reports, pages, given, printer)
        break
      default: {
        const verified = verifyPiece(piece, verifying)
        printer.piece(piece.label, verified)
        reports.take(piece.label, verified, piece.kind === 'container')
        for (const found of book.take(verified.statement)) printer.related(found)
      }
    }
  }
  const isProven = printer.end()
  if (given.report !== undefined) writeReport(given.report, pages, deps.terminal)
  return isProven
}

function examineReports(reports: ReportBook, pages: Buffer[], { report }: VerifyGiven, printer: Printer): void {
  const { related, page } = reports.end()
  for (const found of related) printer.related(found)
  const made = report === undefined ? undefined : page()
  if (made !== undefined) pages.push(made)
}

/** @throws {GatewayError} `BadRequest` when there is not one exchange whose evidence holds */
function writeReport(file: string, pages: readonly Buffer[], terminal: EvidenceTerminal): void {
  const [page] = pages
  if (page === undefined || pages.length > 1) {
    throw new GatewayError('BadRequest', { reason: '--report is of one exchange, whose evidence holds' })
  }
  writeFileSync(file, page, { mode: 0o600 })
  terminal.say(`The report that the evidence makes: ${file}`)
}

async function openVerifying(given: VerifyGiven, { readRegistry, now, terminal }: VerifyDeps): Promise<Verifying> {
  const { registry: stored = [], at, bodyDigest, profile, provenWithin } = given
  if (at !== undefined && !isInstant(at)) {
    throw new GatewayError('BadRequest', { reason: '--at is a day or an instant in UTC, e.g. 2035-06-01' })
  }
  if (bodyDigest !== undefined && !DIGEST.test(bodyDigest)) {
    throw new GatewayError('BadRequest', { reason: '--body-digest is SHA-256 as 64 hex digits' })
  }
  const anchors = readAnchors(given.anchors ?? [])
  if (anchors.certificates.length > 0) {
    terminal.say(
      'warning: --anchors believes each CA for seals and for time-stamps; --seal-anchors and --time-stamp-anchors say for which',
    )
  }
  const [issuing, stamping] = [given.sealAnchors, given.timeStampAnchors].map((paths = []) => [
    ...anchors.certificates,
    ...readAnchors(paths).certificates,
  ]) as [ParsedCertificate[], ParsedCertificate[]]
  let registry: Registry | undefined
  if (stored.length > 0) {
    const found = await readRegistry(stored, anchors.keys)
    issuing.push(...found.issuing.map(parseCertificate))
    stamping.push(...found.stamping.map(parseCertificate))
    registry = openRegistry(found.states)
  }
  return {
    trust: openTrust(issuing, stamping),
    at: at === undefined ? now() : Date.parse(at),
    isDraft: profile === 'draft',
    ...(registry !== undefined && { registry }),
    ...(bodyDigest !== undefined && { bodyDigest }),
    ...(provenWithin !== undefined && { provenWithinDays: provenWithin }),
  }
}

/** A day that the calendar has: the 31st of February would be read as the 3rd of March. */
function isInstant(text: string): boolean {
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text.slice(0, 10))
}

export function verifyPiece(piece: EvidencePiece, verifying: Verifying): Verified {
  switch (piece.kind) {
    case 'container':
      return verifyContainer(piece.source, verifying)
    case 'files': {
      const checks = openChecks()
      if (piece.leftovers.length > 0) checks.warn('container.leftovers', leftoversText(piece.leftovers))
      return piece.isPackage
        ? verifyPackage(piece.files, verifying, checks)
        : verifyFiles(piece.files, verifying, checks)
    }
    case 'refused': {
      const checks = openChecks()
      checks.fail('zip.form', piece.reason)
      return { outcome: checks.outcome(), checks: checks.list, statement: {} }
    }
  }
}

type Printer = ReturnType<typeof openPrinter>

function openPrinter(terminal: EvidenceTerminal, json: boolean) {
  const counts: Record<Outcome, number> = { valid: 0, 'valid-with-warnings': 0, indeterminate: 0, invalid: 0 }
  let pieces = 0
  let broken = 0
  let unproven = 0
  let isUnanchored = false

  function print(subject: string, outcome: Outcome, checks: readonly Check[]): void {
    const isDetailed = pieces <= DETAILED_MAX
    if (!isDetailed && (outcome === 'valid' || outcome === 'valid-with-warnings')) return
    terminal.out(`${terminal.style(OUTCOME_STYLES[outcome], outcome)}  ${terminal.plain(subject)}`)
    for (const check of [...checks].sort((a, b) => orderOf(a) - orderOf(b))) {
      if (isDetailed || !HOLDING.has(check.verdict)) terminal.out(lineOf(check))
    }
  }

  function lineOf({ id, verdict, detail }: Check): string {
    const state = terminal.style(STYLES[verdict], verdict.padEnd(11))
    const said = detail === undefined ? '' : `${terminal.plain(detail)}  `
    return `  ${state}  ${id.padEnd(23)}  ${said}${terminal.style('dim', `[${CHECKS[id].restsOn}]`)}`
  }

  return {
    piece(label: string, { outcome, checks, statement }: Verified): void {
      pieces += 1
      counts[outcome] += 1
      isUnanchored ||= outcome === 'indeterminate' && checks.some(({ verdict }) => verdict === 'not-checked')
      if (!json) print(label, outcome, checks)
      else terminal.json({ evidence: label, outcome, ...factsOf(statement), checks: checks.map(complete) })
    },
    leftovers(label: string, names: readonly string[]): void {
      const checks = openChecks()
      checks.warn('container.leftovers', leftoversText(names))
      if (!json) print(label, checks.outcome(), checks.list)
      else terminal.json({ archive: label, outcome: checks.outcome(), checks: checks.list.map(complete) })
    },
    related({ subject, outcome, checks }: Related): void {
      if (outcome === 'invalid') broken += 1
      if (outcome === 'indeterminate') unproven += 1
      const isChain = checks.every(({ id }) => id === 'chain.previous')
      // That records follow each other is news only where they do not.
      if (isChain && outcome === 'valid') return
      if (!json) print(subject, outcome, checks)
      else terminal.json({ exchange: subject, outcome, checks: checks.map(complete) })
    },
    end(): boolean {
      if (pieces === 0) throw new GatewayError('BadRequest', { reason: 'there is no evidence there' })
      const { valid, indeterminate, invalid } = counts
      const warned = counts['valid-with-warnings']
      terminal.say(
        `${pieces} verified: ${valid} valid, ${warned} valid with warnings, ${indeterminate} not proven, ${invalid} invalid` +
          (broken === 0 ? '' : `; ${broken} do not belong together`),
      )
      if (isUnanchored) {
        terminal.say(
          'What is not checked needs anchors: --anchors FILE, or --seal-anchors and --time-stamp-anchors, or --registry FILE',
        )
      }
      return invalid === 0 && indeterminate === 0 && broken === 0 && unproven === 0
    },
  }
}

function orderOf({ id }: Check): number {
  return ORDER.get(id) ?? 0
}

function complete({ id, verdict, detail }: Check): {
  readonly id: CheckId
  readonly verdict: Verdict
  readonly restsOn: string
  readonly detail?: string
} {
  return { id, verdict, restsOn: CHECKS[id].restsOn, ...(detail !== undefined && { detail }) }
}

function factsOf({ record, head, signature, proof, sealed }: Verified['statement']): object {
  return {
    ...(record !== undefined && { log: record.log, epoch: record.epoch, seq: record.seq, kind: record.kind }),
    ...(head !== undefined && { requestId: head.requestId }),
    ...(signature !== undefined && { claimedAt: instant(signature.claims.iat * 1000) }),
    ...(proof !== undefined && { provenAt: instant(proof.provenAt) }),
    ...(sealed !== undefined && { sealedBy: sealerOf(sealed) }),
  }
}

/** As the certificate says; whether it may be believed the checks say. */
function sealerOf({ signer, at }: NonNullable<Verified['statement']['sealed']>): object {
  const { organizationIdentifier = null, organization = null } = subjectOf(signer)
  return { member: organizationIdentifier, organization, certificate: signer.sha256, at: instant(at) }
}
