/** The services of Paderborn's population register. */

import { schema } from '../../../schemas/schema.ts'
import { defineAdapter } from '../../adapter.ts'
import { definePersonensuche } from '../../meldewesen/personensuche.ts'
import { checkHead, replyHead } from '../../message-head.ts'
import { deliveryOf, receiptOf } from '../../receipt.ts'
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
    const refusal = checkHead(kopf, caller, PADERBORN)
    if (refusal !== undefined) return refusal
    // A test message is acknowledged as one and goes no further.
    if (kopf.test) {
      return { kopf: replyHead(kopf, { typ: '0020', uuid: clock.uuid(), at: clock.now() }), ergebnis: 'angenommen' }
    }
    const delivery = deliveryOf(message, caller)
    return receiptOf(kopf, delivery, await register.store(delivery, message, caller.signal))
  },
})
