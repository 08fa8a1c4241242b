/** How long what is kept, and what an erasure says it was erased under. Source: domain 0.7. */

import type { RetentionRules } from '../../message-log/erasure/terms.ts'
import type { Purpose } from '../../trust/configuration.ts'

/** Of what has no purpose of the catalogue: refusals and metaservices. Twelve months. */
export const RETENTION = { bodyRetentionDays: 365, recordRetentionDays: 3 * 365 }

export function retentionRules(purposes: readonly Purpose[]): RetentionRules {
  return purposes.map(({ code, bodyRetentionDays: body, recordRetentionDays: record, retentionBasis, legalBasis }) => [
    code,
    `${code}: body ${body} days, record ${record} days; ${retentionBasis ?? legalBasis}`,
  ])
}
