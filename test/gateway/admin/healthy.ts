/** A gateway in the best of health, for tests to take something from. */

import type { Health } from '../../../gateway/admin/health/health.ts'

export const NOW = Date.parse('2026-03-01T12:00:00Z')
const MINUTE_MS = 60_000

export function healthyAt(now: number): Health {
  return {
    gateway: 'OWL/GOV/05774032/gw1',
    startedAt: now - 60 * MINUTE_MS,
    configuration: {
      state: 'fresh',
      version: 1_772_000_000,
      sha256: 'ab'.repeat(32),
      issuedAt: now - MINUTE_MS,
      expiresAt: now + 239 * MINUTE_MS,
      alarms: [],
    },
    revocation: { watched: 12, good: 12, revoked: 0, stale: 0, unknown: 0, failing: 0, oldestAt: now - 5 * MINUTE_MS },
    seal: 'good',
    certificates: { seal: now + 90 * 86_400_000, admin: now + 31 * 86_400_000 },
    local: [{ use: 'client', sha256: 'cd'.repeat(32), validTo: now + 31 * 86_400_000, status: 'good' }],
    log: {
      id: 'OWL/GOV/05774032/gw1/n1/1',
      isWritable: true,
      seq: 1234,
      unstamped: 3,
      unstampedSince: now - 5_000,
      stampedAt: now - 6_000,
      queued: 0,
      appended: 200,
      appendMs: 500,
      contradictions: 0,
      archive: { files: 3, missing: [], archivedTo: 900 },
    },
    partners: { known: 2, failing: 0, alarms: 0, conflicts: 0, ownConflicts: [], comparedTo: now - 3600_000 },
    renewal: { certificateEndsAt: now + 1700 * 86_400_000, algorithmEndsAt: now + 1800 * 86_400_000 },
    clock: { source: 'tsa', offsetMs: 12 },
    inFlight: { consumer: 2, provider: 1 },
    faults: [],
    disk: { freeBytes: 5 * 1024 ** 3, totalBytes: 10 * 1024 ** 3 },
  }
}

export const HEALTHY = healthyAt(NOW)

export const LIMITS = { stampIntervalMs: 60_000, stampFailureLimitMs: 4 * 3600_000 }
