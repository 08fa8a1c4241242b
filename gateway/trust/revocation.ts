/**
 * The revocation status of every certificate registered in the region, asked in the background and answered from memory.
 *
 * No exchange ever waits for a responder. Answers are kept on disk and verified again when read.
 * Source: architecture, "Revocation"; evidence 8, security rows 4, 5 and 21.
 */

import type { Logger } from 'pino'
import type { ParsedCertificate } from './certificate-profile.ts'
import type { OcspQuestion } from './ocsp.ts'
import { formatOcspRequest } from './ocsp.ts'
import type { Asked, RevocationAuthority } from './revocation-authority.ts'
import { openAuthority } from './revocation-authority.ts'
import { openRevocationCache } from './revocation-cache.ts'
import type { RevocationSources } from './revocation-sources.ts'
import type { Answer, Known, RevocationStatus } from './revocation-status.ts'
import { known, NEVER_ASKED, statusAt, supersedes } from './revocation-status.ts'
import type { IssuingCa, Snapshot } from './snapshot.ts'

export type { RevocationStatus } from './revocation-status.ts'

export interface RevocationOptions {
  readonly sources: RevocationSources
  /** Of the cached answers; made when it is missing. */
  readonly directory: string
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** From 0 to 1: spreads the questions. */
  readonly random: () => number
  /** Between two questions for one certificate, give or take a tenth. */
  readonly intervalMs?: number
  /** After a question without a believable answer. */
  readonly retryMs?: number
  /** Oldest answer that counts as fresh. */
  readonly ageMsMax?: number
  /** Questions under way at a time. */
  readonly askingMax?: number
}

export interface RevocationMemory {
  /** From memory, in constant time; the same object as long as nothing is news. @param sha256 hex */
  statusOf(sha256: string, now: number): RevocationStatus
  /**
   * Asks for the certificates of this configuration from now on. Resolves when each has been asked for once, or had a fresh
   * answer on disk: a start does not wait for those whom nobody needs now.
   */
  watch(snapshot: Snapshot): Promise<void>
  /**
   * Asks for these besides, as far as an issuing CA of the configuration signed them: about others there is nobody to ask.
   * They take the place of those of the last call.
   */
  watchBesides(certificates: readonly ParsedCertificate[]): Promise<void>
  /** Whether a question about this certificate is over, with or without an answer. @param sha256 hex */
  wasAsked(sha256: string): boolean
  /** Asks again at once, for these or for all; resolves when the answers are in. @param sha256s hex */
  refreshNow(sha256s?: readonly string[]): Promise<void>
  /** Told whenever a certificate becomes good, revoked or unknown. @returns stops listening */
  onChange(listener: StatusListener): () => void
  /** Of the configuration's certificates. */
  health(now: number): RevocationHealth
  close(): Promise<void>
}

export type StatusListener = (sha256: string, status: RevocationStatus) => void

export interface RevocationHealth {
  readonly watched: number
  readonly good: number
  readonly revoked: number
  readonly stale: number
  readonly unknown: number
  /** Certificates whose last question got no believable answer. */
  readonly failing: number
}

export const INTERVAL_MS = 300_000
export const RETRY_MS = 10_000
export const AGE_MS_MAX = 3_600_000
export const ASKING_MAX = 8
const JITTER = 0.1

interface Target {
  readonly sha256: string
  readonly authority: RevocationAuthority
  readonly question: OcspQuestion
  /** On the monotonic clock; 0 before the first question is over. */
  dueAt: number
  asking: boolean
  failing: boolean
  waiting: (() => void)[]
}

export async function openRevocation(options: RevocationOptions): Promise<RevocationMemory> {
  const { sources, log, now, random, ageMsMax = AGE_MS_MAX, askingMax = ASKING_MAX } = options
  const { intervalMs = INTERVAL_MS, retryMs = RETRY_MS } = options
  const cache = await openRevocationCache(options.directory)
  const deps = { sources, cache, now, ageMsMax, retryMs, listMs: intervalMs / 5 }
  const listeners = new Set<StatusListener>()
  const answers = new Map<string, Known>()
  let authorities = new Map<string, RevocationAuthority>()
  let registered: Snapshot['certificates'] = []
  let besides: readonly ParsedCertificate[] = []
  let targets = new Map<string, Target>()
  let timer: NodeJS.Timeout | undefined
  let asking = 0
  let closed = false

  function statusOf(sha256: string, at: number): RevocationStatus {
    const answer = answers.get(sha256)
    return answer === undefined ? NEVER_ASKED : statusAt(answer, at)
  }

  function isFresh(sha256: string): boolean {
    const { status } = statusOf(sha256, now())
    return status === 'good' || status === 'revoked'
  }

  function take(sha256: string, answer: Answer): void {
    const before = answers.get(sha256)?.status
    if (!supersedes(answer, before)) return
    // Answers made ahead come again unchanged: then the objects stay the same, too.
    if (before?.response?.equals(answer.response) === true && before.status === answer.status) return
    const taken = known(answer, ageMsMax)
    answers.set(sha256, taken)
    if (before?.status === answer.status) return
    if (answer.status !== 'good') log.warn({ certificate: sha256, status: answer.status }, 'certificate status')
    for (const listener of listeners) tell(listener, sha256, taken.status)
  }

  function tell(listener: StatusListener, sha256: string, status: RevocationStatus): void {
    try {
      listener(sha256, status)
    } catch (err) {
      log.error({ err }, 'a part of the gateway did not take a revocation status')
    }
  }

  async function ask(target: Target): Promise<void> {
    const { sha256, authority, question } = target
    const { answers, failures } = await authority.ask(sha256, question)
    for (const answer of answers) take(sha256, answer)
    const [answer] = answers
    if (answer === undefined && !target.failing) {
      log.warn({ certificate: sha256, failures }, 'no revocation status to be had')
    }
    target.failing = answer === undefined
    // Neither a list nor `unknown` is what it should be in the long run.
    const settled = answer?.source === 'ocsp' && answer.status !== 'unknown'
    const lifeMs = (answer?.nextUpdate ?? Number.POSITIVE_INFINITY) - now()
    const pauseMs = settled ? Math.max(retryMs, Math.min(intervalMs, lifeMs / 2)) : retryMs
    target.dueAt = performance.now() + pauseMs * (1 + JITTER * (2 * random() - 1))
  }

  async function run(target: Target): Promise<void> {
    const waiting = target.waiting
    target.waiting = []
    target.asking = true
    asking++
    await ask(target)
    asking--
    target.asking = false
    for (const resolve of waiting) resolve()
    pump()
  }

  /** Nobody asks for this one any more. */
  function release({ waiting }: Target): void {
    for (const resolve of waiting.splice(0)) resolve()
  }

  /** Starts what is due and sets the timer for what is next. */
  function pump(): void {
    clearTimeout(timer)
    if (closed) return
    const at = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const target of targets.values()) {
      if (target.asking) continue
      if (target.dueAt > at && target.waiting.length === 0) next = Math.min(next, target.dueAt)
      else if (asking < askingMax) void run(target)
    }
    if (next !== Number.POSITIVE_INFINITY && asking < askingMax) timer = setTimeout(pump, next - at + 1)
  }

  function asked(list: Iterable<Target>): Promise<void> {
    const promises = [...list].map((target) => new Promise<void>((resolve) => target.waiting.push(resolve)))
    pump()
    return Promise.all(promises).then(() => {})
  }

  async function remember({ sha256, authority, question }: Target): Promise<void> {
    const { answers, failures }: Asked = await authority.recall(sha256, question)
    for (const answer of answers) take(sha256, answer)
    if (failures.length > 0) log.warn({ certificate: sha256, failures }, 'a cached revocation answer does not hold')
  }

  function targetOf(certificate: ParsedCertificate, authority: RevocationAuthority | undefined): Target | undefined {
    // Who is not signed by an issuing CA is refused for that, or trusted by fingerprint alone; there is nobody to ask.
    if (authority === undefined) return undefined
    const { sha256 } = certificate
    const before = targets.get(sha256)
    if (before?.authority === authority) return before
    const question = formatOcspRequest(certificate, authority.certificate)
    return { sha256, authority, question, dueAt: 0, asking: false, failing: false, waiting: [] }
  }

  function authorityOf({ sha256, fields }: ParsedCertificate): RevocationAuthority | undefined {
    const before = targets.get(sha256)?.authority
    if (before !== undefined && authorities.get(before.certificate.sha256) === before) return before
    const { issuer, isSignedBy } = fields
    const namesakes = [...authorities.values()].filter(({ certificate }) => certificate.fields.subject.equals(issuer))
    return namesakes.find(({ certificate }) => isSignedBy(certificate.publicKey))
  }

  async function retarget(): Promise<void> {
    const before = targets
    const wanted = [
      ...besides.map((certificate) => targetOf(certificate, authorityOf(certificate))),
      ...registered.map((each) => targetOf(each, authorities.get(each.verdict.issuer?.sha256 ?? ''))),
    ]
    targets = new Map(wanted.flatMap((target) => (target === undefined ? [] : [[target.sha256, target] as const])))
    for (const sha256 of answers.keys()) if (!targets.has(sha256)) answers.delete(sha256)
    for (const [sha256, target] of before) if (targets.get(sha256) !== target) release(target)
    const added = [...targets.values()].filter((target) => before.get(target.sha256) !== target)
    await Promise.all(added.map(remember))
    await cache.keepOnly(new Set(targets.keys()))
    await asked(added.filter(({ sha256 }) => !isFresh(sha256)))
  }

  function sameOrNew(issuing: IssuingCa): RevocationAuthority {
    const before = authorities.get(issuing.certificate.sha256)
    return before?.ocsp === issuing.ocsp && before.crl === issuing.crl ? before : openAuthority(issuing, deps)
  }

  return {
    statusOf,
    async watch(snapshot) {
      authorities = new Map(snapshot.issuing.map((issuing) => [issuing.certificate.sha256, sameOrNew(issuing)]))
      registered = snapshot.certificates
      await retarget()
    },
    async watchBesides(certificates) {
      besides = certificates
      await retarget()
    },
    wasAsked: (sha256) => (targets.get(sha256)?.dueAt ?? 0) > 0,
    async refreshNow(sha256s) {
      const wanted = sha256s?.flatMap((sha256) => targets.get(sha256) ?? []) ?? [...targets.values()]
      for (const { authority } of wanted) authority.forget()
      await asked(wanted)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    health(at) {
      const counts = { good: 0, revoked: 0, stale: 0, unknown: 0 }
      const watched = registered.flatMap(({ sha256 }) => targets.get(sha256) ?? [])
      for (const { sha256 } of watched) counts[statusOf(sha256, at).status]++
      return { watched: watched.length, ...counts, failing: watched.filter(({ failing }) => failing).length }
    },
    async close() {
      closed = true
      clearTimeout(timer)
      for (const target of targets.values()) release(target)
      await sources.close()
    },
  }
}
