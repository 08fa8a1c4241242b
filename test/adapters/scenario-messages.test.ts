import t from 'tap'
import * as messages from '../../adapters/scenario-messages.ts'
import { schema } from '../../schemas/schema.ts'
import { clock } from './rig.ts'

t.test('every message is valid', async (t) => {
  const valid = (urn: string, { body }: messages.ScenarioCall<unknown>): unknown =>
    t.same(schema(urn).check(body), [], urn)
  valid('urn:owl:meldewesen:vams-anfrage:1', messages.vams(clock))
  const form = { ...messages.vams(clock).body, anschriften: [] }
  const person = {
    familienname: form.familienname,
    vornamen: form.vornamen,
    geburtsdatum: form.geburtsdatum,
    anschriften: [],
  }
  valid('urn:owl:meldewesen:rueckmeldung-anfrage:1', messages.rueckmeldung(clock, person, crypto.randomUUID()))
  valid('urn:owl:kfz:umzugsmitteilung-anfrage:1', messages.umzugsmitteilung(clock))
  valid('urn:owl:kfz:umzugsstatus-anfrage:1', messages.umzugsstatus(clock, crypto.randomUUID()))
  for (const applicant of Object.keys(messages.APPLICANTS) as (keyof typeof messages.APPLICANTS)[]) {
    valid('urn:owl:meldewesen:personensuche-anfrage:1', messages.personensuche(clock, applicant))
  }
  for (const art of ['anmeldung', 'ummeldung', 'abmeldung'] as const) {
    valid('urn:owl:gewerbe:gewerbe-eingang-anfrage:1', messages.gewerbeEingang(clock, art))
  }
})

t.test('Detmold is no registration authority: its request breaks the schema too', async (t) => {
  const { body } = messages.vamsByDetmold(clock)
  t.match(schema('urn:owl:meldewesen:vams-anfrage:1').check(body), [
    { pointer: '/kopf/autor/kennung', keyword: 'pattern' },
  ])
})

t.test('each message has a UUID of its own', async (t) => {
  const uuids = [1, 2].map(() => messages.vams(clock).body.kopf.nachrichtenUUID)
  t.not(uuids[0], uuids[1])
})
