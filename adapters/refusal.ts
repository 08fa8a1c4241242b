/**
 * The agency's own no: a problem with a code of the domain, RFC 9457.
 *
 * Source: xgewerbeordnung:rueckweisungsgruende_1, which serves all domains.
 */

import { codes } from '../schemas/codelist.ts'
import type { Nachrichtenkopf, Zurueckweisung } from '../schemas/gemeinsam/payloads.ts'

export interface Refusal {
  readonly refusal: Zurueckweisung
}

/** Code → HTTP status. The rest of the list is for transports, which the gateway is. */
const STATUS = { S020: 400, S100: 409, S999: 400, T070: 403, T080: 421, V000: 400, X002: 400 } as const

export type RefusalCode = keyof typeof STATUS

/**
 * @param kopf head of the message that is refused
 * @param where feldpfad: JSON pointer; hinweis: a fixed text, never a value
 */
export function refuse(
  kopf: Nachrichtenkopf,
  code: RefusalCode,
  where: { readonly feldpfad?: string; readonly hinweis?: string } = {},
): Refusal {
  return {
    refusal: {
      type: `urn:owl:zurueckweisung:${code}`,
      title: codes('rueckweisungsgruende_xgewerbeordnung').get(code)?.['name'] ?? code,
      status: STATUS[code],
      code,
      nachrichtenUUID: kopf.nachrichtenUUID,
      ...where,
    },
  }
}

export function isRefusal(result: unknown): result is Refusal {
  return typeof result === 'object' && result !== null && 'refusal' in result
}
