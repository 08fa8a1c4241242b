/** The services of Paderborn's population register. */

import { schema } from '../../../schemas/schema.ts'
import { defineAdapter } from '../../adapter.ts'
import { definePersonensuche } from '../../meldewesen/personensuche.ts'
import { checkHead } from '../../message-head.ts'
import { deliveryOf, receiptOf, testReceipt } from '../../receipt.ts'
import { AGS, PADERBORN } from '../agency.ts'
import { openRegister } from './register.ts'

export const personensuche = definePersonensuche(PADERBORN, AGS, openRegister)

/** S5: what the registration authority of the former residence answers to our Rückmeldung. § 7 1. BMeldDÜV. */
export const auswertung = defineAdapter({
  service: 'auswertung',
  version: 1,
  request: schema('urn:owl:meldewesen:auswertung-anfrage:1'),
  response: schema('urn:owl:gemeinsam:quittung:1'),
  successStatus: 202,

  connect(options, clock) {
    const register = openRegister(options)
    return { register, clock, close: () => register.close() }
  },

  async handle(message, caller, { register, clock }) {
    const { kopf } = message
    const early = checkHead(kopf, caller, PADERBORN) ?? testReceipt(PADERBORN, kopf, clock)
    if (early !== undefined) return early
    const delivery = deliveryOf(message, caller)
    return receiptOf(PADERBORN, kopf, delivery, await register.store(delivery, message, caller.signal))
  },
})
