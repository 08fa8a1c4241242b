/** Paderborn's population register: SOAP 1.1, document/literal, one address for all operations (`melderegister.wsdl`). */

import type { AuswertungAnfrage } from '../../../schemas/meldewesen/payloads.ts'
import type { AdapterOptions } from '../../adapter.ts'
import { AdapterError } from '../../adapter-error.ts'
import { fromLocal, toLocal } from '../../field-map.ts'
import { openLocalHttp } from '../../local-http.ts'
import type { Auswahl, Melderegister } from '../../meldewesen/melderegister.ts'
import { einwohnerOf } from '../../meldewesen/melderegister.ts'
import type { Delivery, StoredReceipt } from '../../receipt.ts'
import { AUSWERTUNG, EINWOHNER, VORGANG } from './fields.ts'
import type { Tree } from './soap.ts'
import { formatEnvelope, openEnvelope } from './soap.ts'

export interface PaderbornRegister extends Melderegister {
  /** Stores the answer to a Rückmeldung beside the resident it is about. */
  store(delivery: Delivery, auswertung: AuswertungAnfrage, signal: AbortSignal): Promise<StoredReceipt>
  /** What is stored for a Rückmeldung, in the fields of the schema, head apart. */
  stored(referenzUUID: string, signal: AbortSignal): Promise<Omit<AuswertungAnfrage, 'kopf'> | undefined>
}

/** Options: those of `openLocalHttp`. @throws {TypeError} naming the wrong option */
export function openRegister(options: AdapterOptions): PaderbornRegister {
  const http = openLocalHttp(options)

  async function call(operation: string, content: Tree, signal: AbortSignal): Promise<Tree> {
    const headers = { 'content-type': 'text/xml; charset=utf-8', soapaction: `"${operation}"` }
    const body = formatEnvelope(operation, content)
    const { status, text } = await http.request({ method: 'POST', path: '/', headers, body }, signal)
    // SOAP 1.1 section 6.2: a fault comes with 500; any other status is not from the service.
    if (status !== 200 && status !== 500) throw new AdapterError('unavailable', `status-${status}`)
    const reply = openEnvelope(text())
    if (status !== 200 || reply.operation !== `${operation}_ANTWORT`) throw new AdapterError('response', 'malformed')
    return reply.content
  }

  return {
    async find(auswahl, signal) {
      const { EINWOHNER: records = [] } = await call('SUCHE', sucheOf(auswahl), signal)
      try {
        return (records as readonly Tree[]).map((record) => einwohnerOf(fromLocal(EINWOHNER, record)))
      } catch (error) {
        throw AdapterError.of(error, 'response')
      }
    },
    async knowsStreet(strasse, signal) {
      const { BEKANNT } = await call('PRUEFE_STRASSE', { STRASSE: strasse }, signal)
      if (BEKANNT !== 'J' && BEKANNT !== 'N') throw new AdapterError('response', 'malformed')
      return BEKANNT === 'J'
    },
    async refer(anfrage, signal) {
      await call('VORGANG', toLocal(VORGANG, anfrage) as Tree, signal)
    },
    async store({ key, digest }, { kopf, ...auswertung }, signal) {
      const content = toLocal(AUSWERTUNG, auswertung) as Tree
      const message = { SCHLUESSEL: key, PRUEFSUMME: digest, NACHRICHT: kopf.nachrichtenUUID, BEZUG: kopf.referenzUUID }
      const { QUITTUNG, ZEITPUNKT, PRUEFSUMME } = await call('AUSWERTUNG', { ...message, ...content }, signal)
      if (typeof QUITTUNG !== 'string' || typeof PRUEFSUMME !== 'string' || !/^[0-9]{1,15}$/.test(String(ZEITPUNKT))) {
        throw new AdapterError('response', 'malformed')
      }
      return { uuid: QUITTUNG, at: Number(ZEITPUNKT), digest: PRUEFSUMME }
    },
    async stored(referenzUUID, signal) {
      const found = await call('LIES_AUSWERTUNG', { BEZUG: referenzUUID }, signal)
      if (found['ERGEBNIS'] === undefined) return undefined
      return fromLocal(AUSWERTUNG, found) as unknown as Omit<AuswertungAnfrage, 'kopf'>
    },
    close: () => http.close(),
  }
}

function sucheOf(auswahl: Auswahl): Tree {
  if ('id' in auswahl) return { NUMMER: auswahl.id }
  return 'suchname' in auswahl ? { SUCHNAME: auswahl.suchname } : { PHONETIK: auswahl.phonetik }
}
