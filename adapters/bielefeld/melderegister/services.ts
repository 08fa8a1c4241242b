/** The services of Bielefeld's population register. */

import { schema } from '../../../schemas/schema.ts'
import { defineAdapter } from '../../adapter.ts'
import { definePersonensuche } from '../../meldewesen/personensuche.ts'
import { defineVams } from '../../meldewesen/vams.ts'
import { checkHead } from '../../message-head.ts'
import { deliveryOf, receiptOf, testReceipt } from '../../receipt.ts'
import { AGS, BIELEFELD } from '../agency.ts'
import { openRegister } from './register.ts'

export const vams = defineVams(BIELEFELD, openRegister)
export const personensuche = definePersonensuche(BIELEFELD, AGS, openRegister)

/** S4: another registration authority says who moved there. § 33 (1) BMG. The answer comes later, to its service auswertung. */
export const rueckmeldung = defineAdapter({
  service: 'rueckmeldung',
  version: 1,
  request: schema('urn:owl:meldewesen:rueckmeldung-anfrage:1'),
  response: schema('urn:owl:gemeinsam:quittung:1'),
  successStatus: 202,

  connect(options, clock) {
    const register = openRegister(options)
    return { register, clock, close: () => register.close() }
  },

  async handle(meldung, caller, { register, clock }) {
    const { kopf } = meldung
    const early = checkHead(kopf, caller, BIELEFELD) ?? testReceipt(BIELEFELD, kopf, clock)
    if (early !== undefined) return early
    const delivery = deliveryOf(meldung, caller)
    return receiptOf(BIELEFELD, kopf, delivery, await register.melde(delivery, meldung, caller.signal))
  },
})
