/** The octets of a message: what is packed is opened, whatever the pieces it comes in. */

import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import t from 'tap'
import type { Body } from '../../../gateway/protocol/body.ts'
import { openFrame, packFrame } from '../../../gateway/transport/frame.ts'
import { bodyOf, openSpool } from '../../../gateway/transport/spool.ts'

t.test('whatever the pieces, head and body come out as they went in', async (t) => {
  const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 1000 })
  const octets = (max: number) => fc.uint8Array({ minLength: 1, maxLength: max }).map((array) => Buffer.from(array))
  await fc.assert(
    fc.asyncProperty(
      octets(300),
      octets(2000),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }),
      async (head, content, withBody, cuts) => {
        const packed = packFrame(head, withBody ? bodyOf(content) : undefined)
        const whole = packed.octets as Buffer
        const source = new PassThrough()
        for (let at = 0, i = 0; at < whole.length; i++) {
          const size = cuts[i % cuts.length] as number
          source.write(whole.subarray(at, at + size))
          at += size
        }
        source.end()

        const frame = await openFrame(source, packed.length, 1000)
        const body = await spool.receive(source, {
          bytesMax: 10_000,
          tooLarge: 'BadRequest',
          begun: frame.begun,
          expected: frame.bodyBytes,
        })

        t.ok(frame.head.equals(head))
        t.equal(body === undefined, !withBody)
        if (body !== undefined) t.ok((await buffer(body.stream())).equals(content))
        await body?.dispose()
      },
    ),
    { numRuns: 100 },
  )
})

t.test('a spooled body goes out as a stream of the announced length', async (t) => {
  const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 10 })
  const content = Buffer.alloc(300_000, 7)
  const body = (await spool.receive(Readable.from([content]), { bytesMax: 1e6, tooLarge: 'BadRequest' })) as Body
  const { length, octets } = packFrame(Buffer.from('head'), body)
  const whole = await buffer(octets as Readable)

  t.equal(whole.length, length)
  t.ok(whole.subarray(8).equals(content))
})

const bad: Record<string, [octets: Buffer, length: number, code: string]> = {
  'a head longer than allowed': [Buffer.from([0, 0, 4, 0, 1]), 2000, 'InvalidMessage'],
  'a head longer than the message': [Buffer.from([0, 0, 0, 9, 1]), 8, 'InvalidMessage'],
  'an empty head': [Buffer.from([0, 0, 0, 0]), 4, 'InvalidMessage'],
  'a message that ends in its length': [Buffer.from([0, 0]), 8, 'MissingBody'],
  'a message that ends in its head': [Buffer.from([0, 0, 0, 4, 1]), 8, 'MissingBody'],
  nothing: [Buffer.alloc(0), 8, 'MissingBody'],
}
for (const [name, [octets, length, code]] of Object.entries(bad)) {
  t.test(`refuses ${name}`, async (t) => {
    await t.rejects(openFrame(Readable.from(octets.length === 0 ? [] : [octets]), length, 1000), { code })
  })
}
