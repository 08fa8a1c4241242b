/** The services of Kreis Paderborn's vehicle register: tables and views of a SQL database. */

import type { AnschriftInland, Hausnummer, Nachrichtenkopf } from '../../../schemas/gemeinsam/payloads.ts'
import type { UmzugsmitteilungAnfrage, UmzugsstatusAntwort } from '../../../schemas/kfz/payloads.ts'
import { schema } from '../../../schemas/schema.ts'
import type { AdapterOptions, Clock } from '../../adapter.ts'
import { defineAdapter } from '../../adapter.ts'
import { checkHead, refuseTest, replyHead } from '../../message-head.ts'
import { deliveryOf, receiptOf, testReceipt } from '../../receipt.ts'
import { refuse } from '../../refusal.ts'
import type { SqlSystem } from '../../sql.ts'
import { openSqlSystem, receive } from '../../sql.ts'
import { KREIS_PADERBORN } from '../agency.ts'

/**
 * S9: a registration authority tells that a vehicle's holder has moved, with his consent. § 15 (2) FZV.
 *
 * The receipt says "angenommen" whoever the holder is; what became of it is asked with `umzugsstatus`.
 */
export const umzugsmitteilung = defineAdapter({
  service: 'umzugsmitteilung',
  version: 1,
  request: schema('urn:owl:kfz:umzugsmitteilung-anfrage:1'),
  response: schema('urn:owl:gemeinsam:quittung:1'),
  successStatus: 202,
  connect,

  async handle(mitteilung, caller, { sql, clock }) {
    const { kopf } = mitteilung
    const early = checkHead(kopf, caller, KREIS_PADERBORN) ?? testReceipt(KREIS_PADERBORN, kopf, clock)
    if (early !== undefined) return early
    const receipt = { uuid: clock.uuid(), at: clock.now() }
    const delivery = deliveryOf(mitteilung, caller)
    const stored = await sql.run(
      (database) => receive(database, delivery, receipt, () => store(database, delivery.key, mitteilung)),
      caller.signal,
    )
    return receiptOf(KREIS_PADERBORN, kopf, delivery, stored)
  },
})

/** The state of a notice that the caller's agency sent, named by its UUID in `kopf.referenzUUID`. */
export const umzugsstatus = defineAdapter({
  service: 'umzugsstatus',
  version: 1,
  request: schema('urn:owl:kfz:umzugsstatus-anfrage:1'),
  response: schema('urn:owl:kfz:umzugsstatus-antwort:1'),
  connect,

  async handle({ kopf }, caller, { sql, clock }) {
    const refusal = checkHead(kopf, caller, KREIS_PADERBORN) ?? refuseTest(kopf)
    if (refusal !== undefined) return refusal
    const [, , member] = caller.client.split('/')
    const key = `${member}:${kopf.referenzUUID?.toLowerCase()}`
    const found = await sql.run(
      (database) => database.prepare('SELECT ergebnis FROM v_mitteilung_zustand WHERE schluessel = ?').get(key),
      caller.signal,
    )
    if (found === undefined)
      return refuse(kopf, 'S999', { feldpfad: '/kopf/referenzUUID', hinweis: 'Mitteilung unbekannt' })
    const head = replyHead(KREIS_PADERBORN, kopf, {
      typ: kopf.nachrichtentyp.code,
      uuid: clock.uuid(),
      at: clock.now(),
    })
    return statusOf(head, (found as { ergebnis: Beantwortet['ergebnis'] | null }).ergebnis)
  },
})

function statusOf(kopf: Nachrichtenkopf, ergebnis: Beantwortet['ergebnis'] | null): UmzugsstatusAntwort {
  return ergebnis === null ? { kopf, zustand: 'angenommen' } : { kopf, zustand: 'beantwortet', ergebnis }
}

type Beantwortet = Extract<UmzugsstatusAntwort, { zustand: 'beantwortet' }>

/** Options: `database`, `timeoutMs`. */
function connect(
  options: AdapterOptions,
  clock: Clock,
): { sql: SqlSystem; clock: Clock; close(): void | Promise<void> } {
  const sql = openSqlSystem(options)
  return { sql, clock, close: () => sql.close() }
}

function store(
  database: Parameters<Parameters<SqlSystem['run']>[0]>[0],
  key: string,
  m: UmzugsmitteilungAnfrage,
): void {
  const { halter, anschriftNeu } = m
  const row = {
    schluessel: key,
    familienname: halter.familienname,
    vornamen: halter.vornamen,
    geburtsname: halter.geburtsname ?? null,
    geburtsdatum: halter.geburtsdatum,
    geschlecht: halter.geschlecht ?? null,
    ...columnsOf(anschriftNeu),
    einzugsdatum: m.einzugsdatum,
    kennzeichenmitnahme: Number(m.kennzeichenmitnahme ?? false),
    zb1_vorgelegt: Number(m.zb1Vorgelegt ?? false),
    einwilligung_am: m.zeitpunkt,
  }
  const columns = Object.keys(row)
  database
    .prepare(
      `INSERT INTO umzugsmitteilung (${columns.join(', ')}) VALUES (${columns.map((name) => `:${name}`).join(', ')})`,
    )
    .run(row)
  const plate = database.prepare('INSERT INTO umzugsmitteilung_kennzeichen (schluessel, kennzeichen) VALUES (?, ?)')
  for (const kennzeichen of m.kennzeichen) plate.run(key, kennzeichen)
}

function columnsOf({ gemeindeschluessel, postleitzahl, ort, strasse, hausnummer }: AnschriftInland) {
  return {
    gemeindeschluessel,
    plz: postleitzahl,
    ort,
    strasse: strasse ?? null,
    hausnummer: hausnummer === undefined ? null : formatHausnummer(hausnummer),
  }
}

/** One column: `12 a 1/2`. */
function formatHausnummer({ nummer, zusatz, teilnummer }: Hausnummer): string {
  return [nummer, zusatz, teilnummer].filter((part) => part !== undefined).join(' ')
}
