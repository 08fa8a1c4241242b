/** Requests damaged at random, thousands of them: the server must live, and say nothing but proper answers. */

import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Answer, Rig } from './server-rig.ts'
import { faultOf, makeRig } from './server-rig.ts'

export interface Bombardment {
  readonly count: number
  readonly seed: number
  readonly parallel: number
}

const SOUND = [
  'GET /r1/OWL/GOV/05774/KFZ/x?y=1 HTTP/1.1\r\nHost: gw.example\r\nX-Road-Client: OWL/GOV/1/A\r\n\r\n',
  'POST /r1/OWL/a%2Fb HTTP/1.1\r\nHost: gw.example\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nabcde',
  'PUT /r1/x HTTP/1.1\r\nHost: gw.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n',
  'DELETE http://gw.example/r1/x HTTP/1.1\r\nHost: gw.example\r\nOWL-Purpose: p\r\nConnection: close\r\n\r\n',
]
const SPARE = [
  ...[
    '\0',
    '\x01',
    '\n',
    '\r',
    '\r\n',
    '\r\n\r\n',
    '\t',
    ' ',
    '\x7f',
    '\xff',
    '\xc3\xa4',
    ':',
    ';',
    ',',
    '_',
    '#',
    '?',
    '%',
  ],
  ...['%2e', '%2e%2e', '%00', '%', '/', '//', '/../', '\\', '0', '9', 'f', '-1', '+', '99999999999999999999'],
  ...[
    'Host: evil\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Upgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
  ],
  ...[
    'GET /r1/smuggled HTTP/1.1\r\nHost: gw.example\r\n\r\n',
    'HTTP/1.0',
    'HTTP/2.0',
    'chunked',
    'x'.repeat(3000),
    ';a=b',
  ],
]

interface Damage {
  /** Ten-thousandths of the request. */
  readonly at: number
  readonly cut: number
  readonly put: string
}

/** One of these requests with one to three damages. */
export function damaged(sound: readonly string[]): fc.Arbitrary<string> {
  const damage = fc.record({
    at: fc.noBias(fc.nat(9_999)),
    cut: fc.nat(6),
    put: fc.oneof(fc.constantFrom(...SPARE), fc.string({ maxLength: 3 })),
  })
  return fc
    .tuple(fc.constantFrom(...sound), fc.array(damage, { minLength: 1, maxLength: 3 }))
    .map(([request, damages]) => damages.reduce(applyDamage, request))
}

export const noise = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 300,
})
const malformed = fc.oneof({ weight: 9, arbitrary: damaged(SOUND) }, { weight: 1, arbitrary: noise })

/** Asserts once per kind of thing, so that ten thousand requests are not ten thousand lines of TAP. */
export async function bombard(t: Test, { count, seed, parallel }: Bombardment): Promise<void> {
  t.comment(`seed ${seed}`)
  const limits = { headTimeoutMs: 2000, lingerMs: 200, checkIntervalMs: 100 }
  const rig = await makeRig(t, { limits })
  const requests = fc.sample(malformed, { numRuns: count, seed })
  const improper: string[] = []
  let [faults, taken, unanswered, done] = [0, 0, 0, 0]
  const worker = async (): Promise<void> => {
    for (let request = requests.pop(); request !== undefined; request = requests.pop()) {
      const answers = await hurl(rig, request)
      if (answers.length === 0) unanswered++
      for (const answer of answers) {
        if (answer.status === 200) taken++
        else if (faultOf(answer) !== undefined) faults++
        else improper.push(JSON.stringify([request, answer]))
      }
      if (rig.handled.some(({ target }) => !target.startsWith('/r1/'))) improper.push(JSON.stringify(request))
      rig.handled.length = 0
      done++
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))

  t.strictSame(improper.slice(0, 3), [], 'every answer is a reply of the route or a proper fault')
  t.equal(done, count)
  t.ok(unanswered < count / 20, `${unanswered} said too little to be answered`)
  t.ok(faults > count / 4, `${faults} faults`)
  t.ok(taken > count / 20, `${taken} requests were sound in spite of it`)
  const healthy = await hurl(rig, SOUND[0] ?? '')
  t.equal(healthy[0]?.status, 200, 'the server lives')
}

/** Sends it and waits for an answer; for some time only, as it may be a beginning. Then says that nothing more comes. */
async function hurl({ open }: Rig, request: string): Promise<readonly Answer[]> {
  const wire = await open()
  wire.send(request)
  await Promise.race([wire.answers(1), sleep(30)])
  wire.socket.end()
  const answers = await wire.end()
  wire.socket.destroy()
  return answers
}

function applyDamage(request: string, { at, cut, put }: Damage): string {
  const where = Math.floor((at / 10_000) * request.length)
  return request.slice(0, where) + put + request.slice(where + cut)
}
