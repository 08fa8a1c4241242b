import { MessageChannel } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import type { Entry } from '../../../../gateway/message-log/record/entry.ts'
import { octetsIn, packEntries, unpackEntries } from '../../../../gateway/message-log/record/entry.ts'

const text = fc.option(fc.string({ unit: 'binary', maxLength: 40 }))
const octets = fc.option(fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)))
const number = fc.integer({ min: 0 })
const entry = fc.record({
  kind: fc.constantFrom('request', 'reply', 'refusal', 'failure', 'configuration'),
  at: number,
  side: fc.constantFrom('consumer', 'provider', null),
  direction: fc.constantFrom('in', 'out', null),
  requestId: text,
  xRoadId: text,
  client: text,
  service: text,
  method: text,
  purpose: text,
  code: text,
  stage: text,
  sender: text,
  extension: fc.string(),
  signature: fc.string(),
  etsiU: number,
  basis: number,
  ends: fc.option(number),
  bodyUntil: number,
  recordUntil: number,
  bodyBytes: number,
  filePath: text,
  head: octets,
  body: octets,
  bodySha256: octets,
  requestLeaf: octets,
  fileKey: octets,
  subjects: octets,
}) as fc.Arbitrary<Entry>

t.test('entries come out on the other side as they went in', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port1.close())
  const arrived = (): Promise<Parameters<typeof unpackEntries>[0]> =>
    new Promise((resolve) => port2.once('message', resolve))

  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 5 }), async (entries) => {
      const group = packEntries(entries)
      const coming = arrived()
      port1.postMessage(group, [group.octets])
      t.same(unpackEntries(await coming), entries)
    }),
    { numRuns: 50 },
  )
})

t.test('counts the octets that an entry holds', async (t) => {
  const [sample] = fc.sample(entry, 1)
  const bare = { ...(sample as Entry), body: null, bodySha256: null, requestLeaf: null, fileKey: null, subjects: null }

  t.equal(octetsIn({ ...bare, head: Buffer.alloc(7), body: Buffer.alloc(5) }), 12)
})
