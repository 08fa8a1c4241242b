/**
 * Stand-in for Bielefeld's population register: REST with JSON behind OAuth2, which answers Rückmeldungen through its own gateway.
 *
 * `POST /control/gateway {"url","client"?,"purpose"?,"cert"?,"key"?,"ca"?}` says where the gateway's consumer port is
 * (paths of PEM files); `POST /control/tokens/revoke` withdraws all tokens; `GET /control/auswertungen` shows what was sent.
 */

import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeText } from '../../charset.ts'
import { suchform } from '../../matching/suchform.ts'
import { openNameIndex } from '../../name-index.ts'
import type { Simulator, SimulatorArguments, SimulatorReply, SimulatorRequest } from '../../simulation.ts'
import { openStore, readFixtures, runSimulator } from '../../simulation.ts'
import type { Meldung } from './auswertung.ts'
import { auswerten } from './auswertung.ts'
import type { Gateway, Sendung } from './outbox.ts'
import { openOutbox } from './outbox.ts'
import type { Eingang } from './register.ts'
import type { LocalEinwohner } from './resident.ts'
import { RESIDENTS } from './resident.ts'

interface State {
  readonly einwohner: LocalEinwohner[]
  readonly strassen: readonly string[]
  /** Receipts by author and UUID. */
  readonly eingaenge: Record<string, Eingang>
  readonly sendungen: Sendung[]
  /** Queries for a clerk, newest last. */
  readonly vorgaenge: { readonly nachricht: string }[]
}

const CLIENT_ID = 'owl-gateway'
const TOKEN_SECONDS = 300
const VORGAENGE_MAX = 1_000

function open(given: SimulatorArguments): Simulator {
  const secretFile = join(given.dir, 'client-secret')
  if (!existsSync(secretFile)) writeFileSync(secretFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  const secret = decodeText(readFileSync(secretFile))
  const tokens = new Map<string, number>()

  const { state, save } = openStore<State>(join(given.dir, 'register.json'), () => ({
    ...readFixtures<Pick<State, 'einwohner' | 'strassen'>>(given, import.meta.dirname, 'einwohner.json'),
    eingaenge: {},
    sendungen: [],
    vorgaenge: [],
  }))
  const index = openNameIndex(state.einwohner, RESIDENTS)
  const streets = new Set(state.strassen.map(suchform))
  const outbox = openOutbox(state.sendungen, save)

  function melde(meldung: Meldung & { readonly schluessel: string; readonly pruefsumme: string }): Eingang {
    const known = state.eingaenge[meldung.schluessel]
    if (known !== undefined) return known
    const eingang = { uuid: crypto.randomUUID(), zeitpunkt: Date.now(), pruefsumme: meldung.pruefsumme }
    state.eingaenge[meldung.schluessel] = eingang
    const auswertung = auswerten(meldung, index, { uuid: crypto.randomUUID(), at: Date.now() })
    state.sendungen.push({ auswertung, zustand: 'offen', versuche: 0 })
    // Receipt, change of residence and answer are one write: a kill leaves all of them or none.
    save()
    outbox.deliver()
    return eingang
  }

  const api: Readonly<Record<string, (content: never) => unknown>> = {
    'POST /api/einwohner/suche': (auswahl: Parameters<typeof index.find>[0]) => ({ einwohner: index.find(auswahl) }),
    'POST /api/strassen/suche': ({ name }: { name: string }) => ({ bekannt: streets.has(suchform(name)) }),
    'POST /api/rueckmeldungen': melde,
    'POST /api/vorgaenge': (vorgang: { nachricht: string }) => {
      state.vorgaenge.push(vorgang)
      if (state.vorgaenge.length > VORGAENGE_MAX) state.vorgaenge.shift()
      save()
      return {}
    },
  }

  function token({ headers, body }: SimulatorRequest): SimulatorReply {
    const expected = `Basic ${Buffer.from(`${CLIENT_ID}:${secret}`).toString('base64')}`
    if (!same(headers.authorization ?? '', expected)) return { status: 401, body: { error: 'invalid_client' } }
    if (new URLSearchParams(body).get('grant_type') !== 'client_credentials') {
      return { status: 400, body: { error: 'unsupported_grant_type' } }
    }
    const made = randomBytes(24).toString('base64url')
    for (const [old, until] of tokens) if (until < performance.now()) tokens.delete(old)
    tokens.set(made, performance.now() + TOKEN_SECONDS * 1000)
    return { status: 200, body: { access_token: made, token_type: 'Bearer', expires_in: TOKEN_SECONDS } }
  }

  function control({ route, body }: SimulatorRequest): SimulatorReply | undefined {
    if (route === 'POST /control/gateway') {
      outbox.connect(JSON.parse(body) as Gateway)
      return { status: 200, body: {} }
    }
    if (route === 'POST /control/tokens/revoke') {
      tokens.clear()
      return { status: 200, body: {} }
    }
    if (route !== 'GET /control/auswertungen') return undefined
    const told = state.sendungen.map(({ auswertung: { kopf, ergebnis }, zustand, versuche, antwort }) => {
      const { nachrichtenUUID, referenzUUID } = kopf
      return { nachrichtenUUID, referenzUUID, ergebnis, zustand, versuche, antwort }
    })
    return { status: 200, body: told }
  }

  return {
    ready: { clientId: CLIENT_ID, clientSecretFile: secretFile },
    answer(request) {
      if (request.route === 'POST /oauth/token') return token(request)
      const controlled = control(request)
      if (controlled !== undefined) return controlled
      const bearer = (request.headers.authorization ?? '').replace('Bearer ', '')
      if ((tokens.get(bearer) ?? 0) < performance.now()) return { status: 401, body: { error: 'invalid_token' } }
      const operation = api[request.route]
      return operation === undefined
        ? { status: 404, body: {} }
        : { status: 200, body: operation(JSON.parse(request.body) as never) }
    },
    close: () => outbox.close(),
  }
}

/** Hashes, so that the lengths agree. */
function same(given: string, expected: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', expected, 'buffer'))
}

await runSimulator(open)
