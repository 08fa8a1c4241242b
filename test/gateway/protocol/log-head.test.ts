/** Heads and receipts in one form each. */

import { randomBytes } from 'node:crypto'
import { assert, constantFrom, integer, property, string, uint8Array } from 'fast-check'
import t from 'tap'
import {
  formatLogHead,
  gatewayOfLog,
  isHeadOf,
  parseLogHead,
  parseReceipt,
} from '../../../gateway/protocol/log-head.ts'

const GATEWAY = 'OWL/GOV/05711000/gw1'
const LOG = `${GATEWAY}/n1/1`
const SHA256 = randomBytes(32).toString('base64url')

t.test('what is written is read again', async (t) => {
  assert(
    property(uint8Array({ minLength: 32, maxLength: 32 }), integer({ min: 1, max: 1e14 }), (octets, batch) => {
      const head = { log: LOG, batch, sha256: Buffer.from(octets).toString('base64url') }
      t.strictSame(parseLogHead(formatLogHead(head)), head)
    }),
    { numRuns: 50 },
  )
  t.strictSame(parseReceipt(`${LOG};${SHA256}`), { log: LOG, leaf: SHA256 })
  t.equal(gatewayOfLog(LOG), GATEWAY)
})

t.test('nothing else is a head', async (t) => {
  const whole = formatLogHead({ log: LOG, batch: 7, sha256: SHA256 })
  for (const [what, text] of Object.entries({
    none: 'none',
    empty: '',
    'batch 0': `${LOG};0;${SHA256}`,
    'a leading zero': `${LOG};07;${SHA256}`,
    'no batch': `${LOG};${SHA256}`,
    'a digest with bits to spare': `${LOG};7;${SHA256.slice(0, 42)}B`,
    'a short digest': `${LOG};7;${SHA256.slice(1)}`,
    'something behind it': `${whole};`,
    'a space': ` ${whole}`,
    'a number beyond what is exact': `${LOG};9999999999999999;${SHA256}`,
  })) {
    t.equal(parseLogHead(text), undefined, what)
  }
  assert(
    property(string({ maxLength: 120 }), constantFrom('', whole), (noise, base) => {
      const at = noise.length % (base.length + 1)
      const text = base.slice(0, at) + noise + base.slice(at)
      const parsed = parseLogHead(text)
      t.ok(parsed === undefined || formatLogHead(parsed) === text, 'one text, one head')
    }),
    { numRuns: 200 },
  )
})

t.test('nobody speaks for the log of another', async (t) => {
  const head = formatLogHead({ log: LOG, batch: 7, sha256: SHA256 })
  t.ok(isHeadOf(head, GATEWAY))
  t.ok(isHeadOf('none', GATEWAY))
  t.notOk(isHeadOf(head, 'OWL/GOV/05711000/gw2'))
  t.notOk(isHeadOf(head, 'OWL/GOV/05711000'))
  t.notOk(isHeadOf(head, ''))
  t.notOk(isHeadOf('NONE', GATEWAY))
})
