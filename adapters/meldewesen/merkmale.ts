/** Identification marks: opaque, without personal data, for one follow-up query. Source: BMeldDAV annex Nr. 5. */

import { randomBytes } from 'node:crypto'
import type { Clock } from '../adapter.ts'

/** How long a clerk may choose from a list. */
const MERKMAL_MS = 60 * 60 * 1000
const MERKMALE_MAX = 20_000

export interface Merkmale {
  issue(id: string, client: string): string
  /** The register's number behind a mark, once, for the client it was issued to. */
  redeem(merkmal: string, client: string): string | undefined
}

/** Held in memory only: after a restart the query is asked again. */
export function openMerkmale(clock: Pick<Clock, 'now'>): Merkmale {
  const issued = new Map<string, { readonly id: string; readonly client: string; readonly until: number }>()
  return {
    issue(id, client) {
      // A map keeps its order, so the first is the oldest.
      for (const [oldest, { until }] of issued) {
        if (until >= clock.now() && issued.size < MERKMALE_MAX) break
        issued.delete(oldest)
      }
      const merkmal = randomBytes(24).toString('base64url')
      issued.set(merkmal, { id, client, until: clock.now() + MERKMAL_MS })
      return merkmal
    },
    redeem(merkmal, client) {
      const found = issued.get(merkmal)
      if (found === undefined || found.client !== client) return undefined
      issued.delete(merkmal)
      return found.until < clock.now() ? undefined : found.id
    },
  }
}
