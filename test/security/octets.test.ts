/**
 * Security rows 16 and 18: what is signed is what is forwarded, what comes back and what stands in both logs, octet for
 * octet, whatever a parser on the way might have made of it.
 */

import { createHash } from 'node:crypto'
import t from 'tap'
import { NAME_ENTRIES } from '../schemas/din91379.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const rig = await openRig(t, { start: ['paderborn', 'bielefeld'] })
const { paderborn, bielefeld } = rig.gateways
const { delivered } = rig.service

const CHUNK = 64 * 1024
const MIB = 1024 * 1024

const BODIES: Readonly<Record<string, Buffer>> = {
  'every letter of DIN 91379': Buffer.from(JSON.stringify(NAME_ENTRIES)),
  'the same in NFD': Buffer.from(JSON.stringify(NAME_ENTRIES).normalize('NFD')),
  'numbers that no double has': Buffer.from('[1e400,-0,12345678901234567890,0.1e-7,1E+2,1.0,100000000000000000000000]'),
  'a member twice, and __proto__': Buffer.from('{"a":1,"a":2,"__proto__":{"b":1}}'),
  'half a pair of surrogates': Buffer.from('"\\ud800\\udc00\\ud800"'),
  'a byte order mark': Buffer.from('\ufeff{}'),
  'what is not UTF-8': Buffer.from([0x22, 0xc0, 0xaf, 0xff, 0xed, 0xa0, 0x80, 0x22]),
  'every octet there is': Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)),
  'line ends of all kinds': Buffer.from('a\r\nb\nc\rd\u2028e\r\n\r\n'),
  'ten thousand brackets': Buffer.from('['.repeat(10_000)),
  'what looks like another message': Buffer.from('owl-v:1\r\nowl-kind:request\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'),
  'one octet': Buffer.from('x'),
  'a chunk': noise(CHUNK),
  'a chunk and one': noise(CHUNK + 1),
  'all that stays in memory': noise(MIB),
  'one more than stays in memory': noise(MIB + 1),
  'whole chunks on disk': noise(2 * MIB),
}
for (const [name, body] of Object.entries(BODIES)) {
  t.test(name, async (t) => {
    const answer = await paderborn.call({ body })

    t.equal(answer.status, 200)
    t.ok(answer.octets.equals(body), 'back')
    t.ok(delivered.at(-1)?.body.equals(body), 'at the service')
    for (const gateway of [paderborn, bielefeld]) {
      for (const { seq } of gateway.records().filter(({ requestId }) => requestId === answer.requestId)) {
        t.ok((await gateway.admin(`/log/${seq}/body`)).octets.equals(body), `${gateway.slug}, record ${seq}`)
      }
    }
  })
}

t.test('headers in latin1, with tabs and without values', async (t) => {
  const headers = { 'x-name': 'J\u00f6rg\t\u00dfen', 'x-leer': '', 'content-type': 'text/plain;charset=x' }

  await paderborn.call({ headers })

  const seen = delivered.at(-1)?.headers
  t.match(seen, headers)
})

/** Octets without a pattern, the same each time. */
function noise(length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update('octets').digest()
}
