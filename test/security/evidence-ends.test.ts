/** Every end that two real gateways put on record is evidence that the strictest verifier accepts: answered, refused, failed. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { owl } from '../gateway/owl.ts'
import { makeMessage, sealOf, sendMessage, tlsOf } from './attacker.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const STAMP_MS = 400
const rig = await openRig(t, {
  start: ['paderborn', 'bielefeld'],
  log: { stampIntervalMs: STAMP_MS },
  answer(request, response, body) {
    if (request.headers['x-antwort'] === 'none') request.socket.destroy()
    else response.writeHead(200, { 'content-type': 'application/json' }).end(body)
  },
})
const { paderborn, bielefeld } = rig.gateways
const type = { 'content-type': 'application/json' }

// Answered; failed at the service; refused before it leaves; refused by the provider; never delivered.
await paderborn.call()
await paderborn.call({ method: 'GET' })
await paderborn.call({ headers: { ...type, 'x-antwort': 'none' } })
await paderborn.call({ body: '{"id":"86095742719"}' })
await paderborn.call({ service: 'OWL/GOV/05711000/TEST/none' })
await paderborn.call({ path: '/v2/andere' })
await sendMessage(rig, makeMessage(rig, sealOf(rig, 'paderborn'), { block: { purpose: 'NONE_SUCH' } }), {
  tls: tlsOf(rig, 'paderborn'),
})
await bielefeld.kill()
await paderborn.call()
await bielefeld.start()
await paderborn.call()
await sleep(4 * STAMP_MS)

for (const gateway of [paderborn, bielefeld]) {
  t.test(`what ${gateway.slug} has on record`, async (t) => {
    const kinds = new Set(gateway.records().map(({ kind }) => kind))
    for (const kind of ['request', 'reply', 'refusal', 'failure'] as const) t.ok(kinds.has(kind), kind)
    const zip = join(rig.directory, `${gateway.slug}.zip`)

    const exported = await owl('evidence', 'export', '--query', '--out', zip, '--config', gateway.config)
    const verified = await owl('evidence', 'verify', zip, '--anchors', join(rig.pki, 'ca.pem'), '--json')

    t.equal(exported.code, 0, exported.err)
    const lines = verified.out.split('\n').filter((line) => line !== '')
    const pieces = lines.map((line) => JSON.parse(line) as Verified)
    t.ok(pieces.filter(({ evidence }) => evidence !== undefined).length > 10)
    const flaws = pieces.flatMap(({ kind, checks }) =>
      checks.filter(({ verdict }) => verdict === 'failed').map(({ id, detail }) => `${kind}: ${id}: ${detail}`),
    )
    t.strictSame(flaws, [])
    t.equal(verified.code, 0, verified.err)
  })
}

interface Verified {
  readonly evidence?: string
  readonly kind?: string
  readonly checks: readonly { readonly id: string; readonly verdict: string; readonly detail?: string }[]
}
