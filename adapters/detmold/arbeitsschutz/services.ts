/** The service of Detmold's occupational safety authority: tables of a SQL database. */

import type { DatabaseSync } from 'node:sqlite'
import type { GewerbeEingangAnfrage } from '../../../schemas/gewerbe/payloads.ts'
import { schema } from '../../../schemas/schema.ts'
import { defineAdapter } from '../../adapter.ts'
import { fieldNumber } from '../../gewerbe/mask.ts'
import { checkHead } from '../../message-head.ts'
import { deliveryOf, receiptOf, testReceipt } from '../../receipt.ts'
import { openSqlSystem, receive } from '../../sql.ts'
import { DETMOLD } from '../agency.ts'

/** G2: a municipality passes on a trade notice, masked. § 3 (1) Nr. 4 GewAnzV; a masked field breaks the schema. */
export const gewerbeEingang = defineAdapter({
  service: 'gewerbe-eingang',
  version: 1,
  request: schema('urn:owl:gewerbe:gewerbe-eingang-anfrage:1'),
  response: schema('urn:owl:gemeinsam:quittung:1'),
  successStatus: 202,

  connect(options, clock) {
    const sql = openSqlSystem(options)
    return { sql, clock, close: () => sql.close() }
  },

  async handle(anzeige, caller, { sql, clock }) {
    const { kopf } = anzeige
    const early = checkHead(kopf, caller, DETMOLD) ?? testReceipt(DETMOLD, kopf, clock)
    if (early !== undefined) return early
    const receipt = { uuid: clock.uuid(), at: clock.now() }
    const delivery = deliveryOf(anzeige, caller)
    const stored = await sql.run(
      (database) => receive(database, delivery, receipt, () => store(database, delivery.key, anzeige)),
      caller.signal,
    )
    return receiptOf(DETMOLD, kopf, delivery, stored)
  },
})

function store(database: DatabaseSync, key: string, { kopf, art, formular }: GewerbeEingangAnfrage): void {
  database
    .prepare('INSERT INTO gewerbeanzeige (schluessel, art, absender, aktenzeichen) VALUES (?, ?, ?, ?)')
    .run(key, art, kopf.autor.kennung, kopf.aktenzeichen ?? null)
  const field = database.prepare(
    'INSERT INTO gewerbeanzeige_feld (schluessel, art, feld, name, wert) VALUES (?, ?, ?, ?, ?)',
  )
  for (const [name, value] of Object.entries(formular)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    field.run(key, art, fieldNumber(art, name) ?? null, name, text)
  }
}
