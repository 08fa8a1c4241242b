/** The documents of all adapters, as somebody outside reads them: with nothing but the document. */

import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { ADAPTERS } from '../../../adapters/index.ts'
import {
  gewerbeEingang,
  personensuche,
  umzugsmitteilung,
  umzugsstatus,
  vams,
} from '../../../adapters/scenario-messages.ts'
import { openApiOf } from '../../../gateway/transport/open-api.ts'

interface Document extends Readonly<Record<string, unknown>> {
  readonly info: { readonly title: string }
  readonly paths: Readonly<Record<string, { readonly post: { readonly requestBody: { readonly content: unknown } } }>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

const documents = Object.entries(ADAPTERS).map(
  ([name, adapter]) => [name, openApiOf(adapter, 'Auskunft für Bürgerbüros') as Document] as const,
)
const stamp = { now: () => Date.parse('2026-08-15T10:00:00Z'), uuid: () => '01990000-0000-7000-8000-000000000000' }

t.test('an outside validator takes every document', async (t) => {
  for (const [name, document] of documents) {
    t.match(await new Validator().validate(structuredClone(document)), { valid: true }, name)
    t.equal(document.info.title, 'Auskunft für Bürgerbüros')
  }
})

t.test('every reference leads to a component, and every component is referred to', async (t) => {
  for (const [name, document] of documents) {
    const text = JSON.stringify(document)
    t.notMatch(text, /"\$(?:id|schema|defs)"|"discriminator"|"urn:owl:[^"]*#|"\$ref":"(?!#\/components\/)/, name)
    const referred = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, to]) => to))
    t.same([...referred].sort(), Object.keys(document.components.schemas).sort(), name)
    for (const component of Object.keys(document.components.schemas)) t.match(component, /^[A-Za-z0-9._-]+$/)
  }
})

t.test('what the document takes is what the gateway takes', async (t) => {
  const calls = [
    vams(stamp),
    umzugsmitteilung(stamp),
    umzugsstatus(stamp, stamp.uuid()),
    personensuche(stamp, 'known'),
    gewerbeEingang(stamp),
  ]
  for (const { service, body } of calls) {
    const code = service.split('/').at(-1)
    const found = Object.values(ADAPTERS).find((adapter) => adapter.service === code)
    if (found === undefined) throw new TypeError(`no adapter for ${service}`)
    const { name, schemas } = found.requestSchema.bundled()
    // Formats and marks of ours are annotations to others.
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'document', components: { schemas } })
    const validate = ajv.getSchema(`document#/components/schemas/${name}`)

    t.equal(validate?.(body), true, service)
    const { examples = [] } = schemas[name] as { readonly examples?: readonly unknown[] }
    t.equal(examples.length, 1, `${service} has an example`)
    for (const example of examples) t.same(found.requestSchema.check(example), [], `${service}: it is a good one`)
    for (const member of Object.keys(body)) {
      const lacking = Object.fromEntries(Object.entries(body).filter(([key]) => key !== member))
      t.equal(validate?.(lacking), found.requestSchema.accepts(lacking), `${service} without ${member}`)
    }
    t.equal(validate?.({ ...body, erfunden: 1 }), false, `${service} with more`)
  }
})
