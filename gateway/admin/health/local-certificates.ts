/** What an operator should know of the certificates of local systems and operators. They never make a gateway unready. */

import type { ShownCertificate } from '../../trust/local-certificates.ts'
import type { Check } from './health.ts'

const DAY_MS = 86_400_000
/** How many days before its end a certificate is told of, each time more urgently. */
export const ENDING_DAYS = [30, 14, 3] as const

export function localCertificates(shown: readonly ShownCertificate[], now: number): Check {
  const findings = shown.flatMap((certificate) => {
    const finding = findingOf(certificate, now)
    return finding === undefined ? [] : [`${certificate.use} ${certificate.sha256.slice(0, 12)}… ${finding}`]
  })
  if (findings.length === 0) return { state: 'ok' }
  const more = findings.length > FINDINGS_MAX ? `; and ${findings.length - FINDINGS_MAX} more` : ''
  return { state: 'warn', detail: `${findings.slice(0, FINDINGS_MAX).join('; ')}${more}` }
}

const FINDINGS_MAX = 5

function findingOf({ validTo, status }: ShownCertificate, now: number): string | undefined {
  const day = new Date(validTo).toISOString().slice(0, 10)
  if (now > validTo) return `ended on ${day}`
  if (status === 'revoked') return 'is revoked'
  const within = ENDING_DAYS.findLast((days) => validTo - now <= days * DAY_MS)
  if (within !== undefined) return `ends within ${within} days, on ${day}`
  return status === 'stale' || status === 'unknown' ? `has a revocation status that is ${status}` : undefined
}

/** Each certificate in every row it belongs to: `30` has those of `14` and `3`, `0` those that have ended. */
export function endingCounts(shown: readonly ShownCertificate[], now: number): [days: string, count: number][] {
  return [...ENDING_DAYS, 0].map((days) => [
    String(days),
    shown.filter(({ validTo }) => (days === 0 ? now > validTo : validTo - now <= days * DAY_MS)).length,
  ])
}

export function statusCounts(shown: readonly ShownCertificate[]): [status: string, count: number][] {
  const statuses = ['good', 'revoked', 'stale', 'unknown', 'none'] as const
  return statuses.map((status) => [status, shown.filter((each) => each.status === status).length])
}
