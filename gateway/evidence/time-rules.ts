/**
 * The two rules that times are judged by, the same for messages, seals and time-stamps: how old an answer about a
 * certificate may be, and how soon after it is claimed a time has to be proven. Design of the evidence, section 6.
 */

import type { Verdict } from './checks.ts'
import { instant } from './checks.ts'

/** Clocks may differ by this much. */
export const SKEW_MS_MAX = 60_000
/** Later than this between the time that is claimed and the one that is proven, somebody should look. */
export const GAP_MS_MAX = 3600_000
const DAY_MS = 86_400_000
/**
 * Later than this it is not proven: whoever has a stolen key and old answers can claim any time before. A gateway stops
 * within hours when nothing is stamped, so that honest evidence is far inside.
 */
export const PROVEN_WITHIN_DAYS_DEFAULT = 3
/** An answer that ended longer than this before it was used says nothing about the time of its use. */
const ENDED_MS_MAX = 30 * DAY_MS

export interface RevocationAnswer {
  readonly kind: 'ocsp' | 'crl'
  readonly status: 'good' | 'revoked' | 'unknown'
  /** Milliseconds since the Unix epoch. */
  readonly thisUpdate: number
  readonly nextUpdate: number | undefined
}

export interface AnswerUse {
  /** Of the certificate that is answered about. */
  readonly notBefore: number
  /** The time for which it should say whether the certificate was revoked. */
  readonly usedAt: number
  /** The latest moment at which it can have been given. */
  readonly knownBy: number
  /** Evidence made for tests, with answers that ended years ago, counts in the draft. */
  readonly isDraft: boolean
}

export interface Judgement {
  readonly verdict: Verdict
  readonly detail: string
}

/** RFC 6960 §4.2.2.1, RFC 5280 §5.1.2. */
export function judgeAnswer(answer: RevocationAnswer | undefined, use: AnswerUse): Judgement {
  if (answer === undefined) {
    return { verdict: 'not-proven', detail: 'there is no answer: whether it was revoked cannot be told' }
  }
  const { kind, status, thisUpdate } = answer
  const said = `${kind.toUpperCase()} of ${instant(thisUpdate)}: ${status}`
  if (status !== 'good') return { verdict: 'failed', detail: said }
  if (thisUpdate > use.knownBy + SKEW_MS_MAX) {
    return { verdict: 'failed', detail: `${said}, from after the time that is proven` }
  }
  if (thisUpdate < use.notBefore - SKEW_MS_MAX) {
    return { verdict: 'not-proven', detail: `${said}, from before the certificate existed` }
  }
  // Without an end there is always a newer one.
  const endedFor = use.usedAt - (answer.nextUpdate ?? thisUpdate + GAP_MS_MAX)
  if (endedFor > ENDED_MS_MAX && !use.isDraft) {
    return { verdict: 'not-proven', detail: `${said}, which had ended ${days(endedFor)} days before` }
  }
  if (endedFor > SKEW_MS_MAX) return { verdict: 'warning', detail: `${said}, which had ended by then` }
  return { verdict: 'ok', detail: said }
}

/** @param withinDays as the verification is told; `PROVEN_WITHIN_DAYS_DEFAULT` without */
export function judgeGap(
  claimedAt: number,
  provenAt: number,
  withinDays: number = PROVEN_WITHIN_DAYS_DEFAULT,
): Judgement {
  const gap = provenAt - claimedAt
  const detail = `claimed ${instant(claimedAt)}, proven ${instant(provenAt)}, ${(gap / 1000).toFixed(0)} s between`
  if (gap < -SKEW_MS_MAX) return { verdict: 'failed', detail: `${detail}: proven before it was made` }
  if (gap > withinDays * DAY_MS) {
    return { verdict: 'not-proven', detail: `${detail}: proven ${days(gap)} days after it was claimed` }
  }
  return { verdict: gap > GAP_MS_MAX ? 'warning' : 'ok', detail }
}

function days(ms: number): string {
  return Math.floor(ms / DAY_MS).toString()
}
