import { readFile } from 'node:fs/promises'
import t from 'tap'
import { applyMask, fieldNumber } from '../../../adapters/gewerbe/mask.ts'
import { notices } from '../../../adapters/scenario-messages.ts'
import { schema } from '../../../schemas/schema.ts'

interface Mask {
  readonly art: 'ausschluss' | 'einschluss'
  readonly GewA1: readonly number[] | null
  readonly GewA2: readonly number[] | null
  readonly GewA3: readonly number[] | null
}

const { empfaenger } = JSON.parse(
  await readFile(new URL('../../../schemas/codelists/gewanzv_masken.json', import.meta.url), 'utf8'),
) as { empfaenger: Record<string, Mask> }
const FORMS = { anmeldung: 'GewA1', ummeldung: 'GewA2', abmeldung: 'GewA3' } as const

t.test('every recipient gets exactly the fields of the table', async (t) => {
  t.equal(Object.keys(empfaenger).length, 15)
  for (const [recipient, mask] of Object.entries(empfaenger)) {
    for (const anzeige of notices()) {
      const fields = mask[FORMS[anzeige.art]]
      const masked = applyMask(anzeige, recipient)
      if (fields === null) {
        t.equal(masked, undefined, `${recipient} gets no ${anzeige.art}`)
        continue
      }
      for (const member of Object.keys(anzeige.formular)) {
        const number = fieldNumber(anzeige.art, member) ?? 0
        const passes = fields.includes(number) === (mask.art === 'einschluss')
        t.equal(member in (masked?.formular ?? {}), passes, `${recipient}, ${anzeige.art}: ${member} (${number})`)
      }
    }
  }
})

t.test('what passes is unchanged, and the notice too', async (t) => {
  const [anzeige] = notices()
  if (anzeige === undefined) throw new Error('there is no notice')
  const before = structuredClone(anzeige)
  const masked = applyMask(anzeige, 'Arbeitsschutz')
  t.same(anzeige, before)
  for (const [member, value] of Object.entries(masked?.formular ?? {})) {
    t.equal(value, (anzeige.formular as unknown as Record<string, unknown>)[member])
  }
})

t.test('the recipient schemas are the forms less the mask', async (t) => {
  type Form = { properties: Record<string, { 'x-gewa': number }>; required: string[] }
  for (const [art, form] of Object.entries(FORMS)) {
    const name = form.toLowerCase()
    const whole = schema(`urn:owl:gewerbe:${name}:1`).json as unknown as Form
    const masked = schema(`urn:owl:gewerbe:${name}-arbeitsschutz:1`).json as unknown as Form
    const taken = empfaenger['Arbeitsschutz']?.[form] ?? []
    const left = Object.entries(whole.properties).filter(([, property]) => !taken.includes(property['x-gewa']))
    t.same(masked.properties, Object.fromEntries(left), art)
    t.same(
      masked.required,
      whole.required.filter((member) => member in masked.properties),
      art,
    )
  }
})

t.test('a recipient that is not in the table is a mistake', async (t) => {
  const [anzeige] = notices()
  if (anzeige === undefined) throw new Error('there is no notice')
  for (const nobody of ['Nachbar', 'constructor']) t.throws(() => applyMask(anzeige, nobody), TypeError)
})

t.test('a member that is no field has no number', async (t) => {
  t.equal(fieldNumber('anmeldung', 'toString'), undefined)
  t.equal(fieldNumber('anmeldung', 'staatsangehoerigkeiten'), 10)
})

t.test('the forms keep their own rules', async (t) => {
  const [anmeldung] = notices()
  const { check } = schema('urn:owl:gewerbe:anzeige:1')
  for (const anzeige of notices()) t.same(check(anzeige), [], anzeige.art)
  const formular = { ...anmeldung?.formular, registereintrag: { art: 'HRB' } }
  t.match(
    check({ ...anmeldung, formular }),
    [{ pointer: '/formular/registereintrag' }],
    'a register has a number and a place',
  )
  t.not(check({ ...anmeldung, art: 'ummeldung' }).length, 0)
})
