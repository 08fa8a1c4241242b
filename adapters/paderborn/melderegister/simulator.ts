/**
 * Stand-in for Paderborn's population register: SOAP, dates TTMMJJJJ, search-form names beside the real ones.
 *
 * `POST /control/anmeldungen` stores a person who moves here (a person of the shared schema), as the clerk's desk would;
 * `GET /control/auswertungen` and `GET /control/vorgaenge` show which answers and which queries for a clerk the register
 * holds, without personal data.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toLocal } from '../../field-map.ts'
import { searchKey, suchform } from '../../matching/suchform.ts'
import type { Auswahl } from '../../meldewesen/melderegister.ts'
import type { Named } from '../../name-index.ts'
import { openNameIndex } from '../../name-index.ts'
import type { Simulator, SimulatorArguments, SimulatorReply, SimulatorRequest } from '../../simulation.ts'
import { openStore, readFixtures, runSimulator } from '../../simulation.ts'
import { PERSON } from './fields.ts'
import type { Tree } from './soap.ts'
import { formatEnvelope, formatFault, openEnvelope } from './soap.ts'

/** A resident as the register writes it; `fields.ts` says what is what. */
type LocalEinwohner = Tree & { readonly NUMMER: string; readonly NAME: string; readonly SUCHNAME: string }

interface State {
  readonly einwohner: LocalEinwohner[]
  readonly strassen: readonly string[]
  /** Answers by author and UUID. */
  readonly auswertungen: Record<string, Tree>
  /** Queries for a clerk, newest last. */
  readonly vorgaenge: Tree[]
}

const NAMES = ['NAME', 'EHENAME', 'LPNAME', 'GEBNAME', 'ALTNAME', 'ORDENSNAME', 'KUENSTLERNAME']

const VORGAENGE_MAX = 1_000

const RESIDENTS: Named<LocalEinwohner> = {
  idOf: ({ NUMMER }) => NUMMER,
  namesOf: (einwohner) => NAMES.map((name) => einwohner[name] as string | undefined),
}

function open(given: SimulatorArguments): Simulator {
  const { state, save } = openStore<State>(join(given.dir, 'register.json'), () => ({
    ...readFixtures<Pick<State, 'einwohner' | 'strassen'>>(given, import.meta.dirname, 'einwohner.json'),
    auswertungen: {},
    vorgaenge: [],
  }))
  const index = openNameIndex(state.einwohner, RESIDENTS)
  const streets = new Set(state.strassen.map(suchform))

  const operations: Readonly<Record<string, (content: Tree) => Tree>> = {
    SUCHE: (content) => ({ EINWOHNER: index.find(auswahlOf(content)) }),
    PRUEFE_STRASSE: ({ STRASSE }) => ({ BEKANNT: streets.has(suchform(String(STRASSE))) ? 'J' : 'N' }),
    AUSWERTUNG: (content) => {
      const key = String(content['SCHLUESSEL'])
      if (state.auswertungen[key] === undefined) {
        state.auswertungen[key] = { ...content, QUITTUNG: crypto.randomUUID(), ZEITPUNKT: String(Date.now()) }
        save()
      }
      const { QUITTUNG, ZEITPUNKT, PRUEFSUMME } = state.auswertungen[key]
      return { QUITTUNG, ZEITPUNKT, PRUEFSUMME }
    },
    VORGANG: (content) => {
      state.vorgaenge.push(content)
      if (state.vorgaenge.length > VORGAENGE_MAX) state.vorgaenge.shift()
      save()
      return {}
    },
    LIES_AUSWERTUNG: ({ BEZUG }) => {
      const found = Object.values(state.auswertungen).find((auswertung) => auswertung['BEZUG'] === BEZUG)
      return found ?? {}
    },
  }

  function anmelden(person: unknown): void {
    const local = toLocal(PERSON, person) as Tree & { NAME: string }
    const NUMMER = `PB-${String(100_000 + state.einwohner.length)}`
    const einwohner = { NUMMER, ...local, SUCHNAME: searchKey(local.NAME) }
    state.einwohner.push(einwohner)
    index.add(einwohner)
    save()
  }

  function control({ route, body }: SimulatorRequest): SimulatorReply | undefined {
    if (route === 'GET /?wsdl') {
      return {
        status: 200,
        contentType: 'text/xml',
        body: readFileSync(join(import.meta.dirname, 'melderegister.wsdl'), 'utf8'),
      }
    }
    if (route === 'POST /control/anmeldungen') {
      anmelden(JSON.parse(body))
      return { status: 200, body: {} }
    }
    if (route === 'GET /control/vorgaenge') {
      return { status: 200, body: state.vorgaenge.map(({ NACHRICHT }) => NACHRICHT) }
    }
    if (route !== 'GET /control/auswertungen') return undefined
    const told = Object.values(state.auswertungen).map(({ NACHRICHT, BEZUG, ERGEBNIS }) => {
      return { nachrichtenUUID: NACHRICHT, referenzUUID: BEZUG, ergebnis: ERGEBNIS }
    })
    return { status: 200, body: told }
  }

  return {
    answer(request) {
      const controlled = control(request)
      if (controlled !== undefined) return controlled
      try {
        const { operation, content } = openEnvelope(request.body)
        const perform = operations[operation]
        if (perform === undefined) return soap(500, formatFault('Client', 'Operation unbekannt'))
        return soap(200, formatEnvelope(`${operation}_ANTWORT`, perform(content)))
      } catch {
        return soap(500, formatFault('Server', 'Verarbeitung nicht möglich'))
      }
    },
    close() {},
  }
}

function auswahlOf({ NUMMER, SUCHNAME, PHONETIK }: Tree): Auswahl {
  if (typeof NUMMER === 'string') return { id: NUMMER }
  return typeof SUCHNAME === 'string' ? { suchname: SUCHNAME } : { phonetik: String(PHONETIK) }
}

function soap(status: number, body: string): SimulatorReply {
  return { status, contentType: 'text/xml; charset=utf-8', body }
}

await runSimulator(open)
