/** The six steps of a move of residence, with real calls through real gateways. Source: domain 1.2, 1.3, 1.5. */

import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import type { ScenarioCall, Stamp } from '../../adapters/scenario-messages.ts'
import {
  gewerbeEingang,
  personensuche,
  registeredPerson,
  rueckmeldung,
  umzugsmitteilung,
  umzugsstatus,
  vams,
  vamsByDetmold,
} from '../../adapters/scenario-messages.ts'
import type { Quittung } from '../../schemas/gemeinsam/payloads.ts'
import type { UmzugsstatusAntwort } from '../../schemas/kfz/payloads.ts'
import type { AuswertungAnfrage, PersonensucheAntwort, VamsAntwort } from '../../schemas/meldewesen/payloads.ts'
import type { Caller, RegionReply } from './calls.ts'
import { gatewayOf } from './calls.ts'
import type { Federation } from './federation.ts'
import type { Operator } from './operator.ts'

export interface StepContext {
  readonly federation: Federation
  readonly caller: Caller
  readonly stamp: Stamp
  /** Of the agency that a subsystem or service belongs to. */
  readonly operator: (id: string) => Promise<Operator>
  /** Collects what is to be looked up in the message logs afterwards. */
  readonly exchanges: Exchange[]
}

/** One exchange that took place, and who has records of it. */
export interface Exchange {
  readonly step: number
  readonly requestId: string
  readonly client: string
  readonly service: string
  /** Of the provider's record that ends it. */
  readonly outcome: 'reply' | 'refusal'
}

export interface Step {
  readonly title: string
  /** @returns what happened, in plain words @throws {Error} saying what was expected */
  run(context: StepContext): Promise<{ readonly tookMs: number; readonly detail: string }>
}

const STATE_MS_MAX = 15_000
const STATE_POLL_MS = 50

/** @returns the steps, of which a later one uses what an earlier one got */
export function moveOfResidence(): readonly Step[] {
  let form: Extract<VamsAntwort, { ergebnis: 'eindeutig' }> | undefined

  return [
    {
      title: '1  Vorausgefüllter Meldeschein: Paderborn fragt Bielefeld (pre-filled form)',
      async run(context) {
        const reply = await send(context, 1, vams(context.stamp), 200)
        const answer = reply.json as VamsAntwort
        expect(answer.ergebnis === 'eindeutig', 'the person is identified')
        form = answer as typeof form
        const others = form?.angehoerige ?? []
        expect(others.length === 1 && form?.person.partner === undefined, 'locked relatives are left out')
        return {
          tookMs: reply.tookMs,
          detail:
            'eindeutig; ein Kind zieht mit, gesperrte Angehörige fehlen spurlos (one child, locked relatives left out)',
        }
      },
    },
    {
      title: '2  Rückmeldung an Bielefeld, Auswertung zurück an Paderborn (report and evaluation)',
      async run(context) {
        if (form === undefined) throw new Error('step 1 has to work first')
        await register(context, registeredPerson(context.stamp, form.person))
        const call = rueckmeldung(context.stamp, form.person, form.kopf.nachrichtenUUID)
        const reply = await send(context, 2, call, 202)
        const receipt = reply.json as Quittung
        const again = await send(context, 2, call, 202)
        expect(again.text === reply.text, 'the same message again gets the same receipt')
        const started = performance.now()
        const auswertung = await awaitAuswertung(context, call.body.kopf.nachrichtenUUID)
        expect(auswertung.ergebnis === 'plausibel', `the register finds it plausible, not ${auswertung.ergebnis}`)
        return {
          tookMs: reply.tookMs + performance.now() - started,
          detail: `${receipt.ergebnis}, wiederholt: dieselbe Quittung; Auswertung: ${auswertung.ergebnis}, über die referenzUUID zugeordnet (same receipt twice, answered, tied)`,
        }
      },
    },
    {
      title: '3  Neue Anschrift an die Zulassungsstelle des Kreises (vehicle register)',
      async run(context) {
        const call = umzugsmitteilung(context.stamp)
        const reply = await send(context, 3, call, 202)
        const zustand = await awaitKfz(context, call.body.kopf.nachrichtenUUID)
        expect(zustand === 'haltereintragGeaendert', `the holder is changed, not ${zustand}`)
        return { tookMs: reply.tookMs, detail: 'angenommen, mit Einwilligung; Haltereintrag geändert (holder changed)' }
      },
    },
    {
      title: '4  Gewerbeamt Delbrück prüft Personen in Paderborn (person search)',
      async run(context) {
        const known = await send(context, 4, personensuche(context.stamp, 'known'), 200)
        expect((known.json as PersonensucheAntwort).ergebnis === 'treffer', 'the known person is found')
        const others: RegionReply[] = []
        for (const who of ['unknown', 'locked', 'lockedBySecurity'] as const) {
          others.push(await send(context, 4, personensuche(context.stamp, who), 200))
        }
        expect(new Set(others.map(({ text }) => text)).size === 1, 'unknown and locked get the same octets')
        const times = others.map(({ tookMs }) => tookMs.toFixed(0)).join('/')
        return {
          tookMs: known.tookMs,
          detail: `bekannt: Treffer; unbekannt, Sperre 3, Sperre 11: dieselben Oktette nach ${times} ms (same answer, same time)`,
        }
      },
    },
    {
      title: '5  Gewerbeanzeige von Delbrück an den Arbeitsschutz in Detmold (trade notice)',
      async run(context) {
        const reply = await send(context, 5, gewerbeEingang(context.stamp), 202)
        const fields = await receivedFields(context)
        expect(fields.length > 0 && MASKED.every((field) => !fields.includes(field)), 'masked fields are not there')
        return { tookMs: reply.tookMs, detail: `angenommen; ohne die Felder ${MASKED.join(', ')} (statutory mask)` }
      },
    },
    {
      title: '6  Detmold fragt Bielefeld nach Meldedaten (no agreement)',
      async run(context) {
        const reply = await send(context, 6, vamsByDetmold(context.stamp), 500, 'refusal')
        expect(reply.error === 'Server.ServerProxy.AccessDenied', `it is refused, not ${reply.error}`)
        return {
          tookMs: reply.tookMs,
          detail: 'abgelehnt: keine Vereinbarung; beide Protokolle belegen es (refused, on record)',
        }
      },
    },
  ]
}

/** GewAnzV §3: what the occupational safety authority does not get of a registration, by the form's field numbers. */
const MASKED = ['10', '12', '13', '27', '28', '29', '30', '31', '33']

async function send(
  context: StepContext,
  step: number,
  call: ScenarioCall<unknown>,
  status: number,
  outcome: Exchange['outcome'] = 'reply',
): Promise<RegionReply> {
  const reply = await context.caller.call(call)
  const { requestId } = reply
  if (requestId !== '') {
    context.exchanges.push({ step, requestId, client: call.client, service: call.service, outcome })
  }
  const refusal = reply.error === undefined ? '' : ` ${reply.error}`
  expect(reply.status === status, `${call.service} answers ${status}, not ${reply.status}${refusal}`)
  return reply
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected: ${what}`)
}

/** What the clerk in Paderborn does between the form and the report. */
async function register(context: StepContext, person: unknown): Promise<void> {
  const { statusCode, body } = await request(systemUrl(context, 'paderborn/melderegister', '/control/anmeldungen'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(person),
  })
  await body.dump()
  expect(statusCode === 200, 'Paderborn’s register takes the registration')
}

/** Bielefeld's register answers by a call of its own; here it is as Paderborn's message log has it. */
async function awaitAuswertung(context: StepContext, referenz: string): Promise<AuswertungAnfrage> {
  const service = 'OWL/GOV/05774032/MELDEWESEN/auswertung'
  const client = gatewayOf(context.federation, 'OWL/GOV/05711000')
  const operator = await context.operator(service)
  return until('Bielefeld answers the report', async () => {
    for (const record of await operator.list({ service, outcome: 'request', limit: '10' })) {
      const message = (await operator.body(record.seq)) as AuswertungAnfrage
      if (message.kopf.referenzUUID !== referenz || record.requestId === null) continue
      const { requestId } = record
      const sender = record.client ?? client.member
      context.exchanges.push({ step: 2, requestId, client: sender, service, outcome: 'reply' })
      return message
    }
    return undefined
  })
}

function awaitKfz(context: StepContext, mitteilung: string): Promise<string> {
  return until('the Kreis works the notice off', async () => {
    const reply = await context.caller.call(umzugsstatus(context.stamp, mitteilung))
    const status = reply.json as UmzugsstatusAntwort
    return status.zustand === 'beantwortet' ? status.ergebnis : undefined
  })
}

async function receivedFields(context: StepContext): Promise<readonly string[]> {
  const { body } = await request(systemUrl(context, 'detmold/arbeitsschutz', '/control/anzeigen'))
  const notices = (await body.json()) as readonly { readonly felder: readonly (string | number)[] }[]
  return notices.at(-1)?.felder.map(String) ?? []
}

function systemUrl({ federation }: StepContext, name: string, path: string): URL {
  const system = federation.systems.find((candidate) => candidate.name === name)
  if (system === undefined) throw new TypeError(`the region has no system ${name}`)
  return new URL(path, system.url)
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + STATE_MS_MAX
  while (performance.now() < end) {
    const found = await look()
    if (found !== undefined) return found
    await sleep(STATE_POLL_MS)
  }
  throw new Error(`expected within ${STATE_MS_MAX / 1000} s: ${what}`)
}
