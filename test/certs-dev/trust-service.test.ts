/** The trust service as a process and as an HTTP server: what it refuses, and how it starts and ends. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ask, freshDir, PADERBORN, trustRig } from './rig.ts'

const JSON_TYPE = 'application/json'
const OCSP_TYPE = 'application/ocsp-request'

interface Misuse {
  readonly path: string
  readonly type?: string
  readonly body?: string
  readonly status: number
}

const misused: Record<string, Misuse> = {
  'an unknown path': { path: '/', status: 404 },
  'an RSA unit in a P-256 PKI': { path: '/tsa-rsa', type: 'application/timestamp-query', body: 'x', status: 404 },
  'an unknown list': { path: '/crl/other.crl', status: 404 },
  'GET of a time-stamp': { path: '/tsa', status: 405 },
  'GET of an order': { path: '/revoke', status: 405 },
  'a request of another type': { path: '/ocsp', type: 'text/plain', body: 'x', status: 415 },
  'a request too long': { path: '/ocsp', type: OCSP_TYPE, body: 'x'.repeat(65_537), status: 413 },
  'an order that a web page could give': {
    path: '/revoke',
    type: 'text/plain',
    body: '{"cert":"ocsp.pem"}',
    status: 415,
  },
  'an order that is not JSON': { path: '/revoke', type: JSON_TYPE, body: '{', status: 400 },
  'an order that is a list': { path: '/revoke', type: JSON_TYPE, body: '[]', status: 400 },
  'revoking nothing': { path: '/revoke', type: JSON_TYPE, body: '{}', status: 400 },
  'revoking what is no certificate': { path: '/revoke', type: JSON_TYPE, body: '{"cert":"README.txt"}', status: 404 },
  'revoking a missing file': { path: '/revoke', type: JSON_TYPE, body: '{"cert":"no.pem"}', status: 404 },
  'revoking an unknown fingerprint': { path: '/revoke', type: JSON_TYPE, body: '{"sha256":"00"}', status: 404 },
  'a reason of no standard': {
    path: '/revoke',
    type: JSON_TYPE,
    body: '{"cert":"ocsp.pem","reason":"spite"}',
    status: 400,
  },
}

for (const [name, { path, type, body, status }] of Object.entries(misused)) {
  t.test(`refuses ${name}`, async (t) => {
    const rig = await trustRig(t)

    const init = body === undefined ? {} : { method: 'POST', body, headers: { 'content-type': type ?? '' } }
    const response = await fetch(`${rig.url}${path}`, init)

    t.equal(response.status, status)
    t.match(await response.json(), { error: String })
    t.match((await ask(rig, '-cert', 'ocsp.pem')).text, 'ocsp.pem: good', 'nothing was revoked, and it still answers')
  })
}

t.test('the commands make a PKI and serve it, say where, and end when asked', async (t) => {
  const dir = await freshDir(t)
  const region = join(dir, 'region.json')
  const pki = join(dir, 'pki')
  await writeFile(region, JSON.stringify({ members: [PADERBORN] }))
  const run = (...args: string[]) => spawn(process.execPath, args)
  t.same(await once(run('certs-dev/make.ts', '--dir', pki, '--region', region), 'exit'), [0, null])

  const service = run('certs-dev/trust-service.ts', '--dir', pki, '--port', '0')
  const [line] = await once(service.stdout, 'data')
  const ready = JSON.parse(String(line))
  t.match(ready, { ready: true, pid: service.pid, ocsp: `http://127.0.0.1:${ready.port}/ocsp` })
  t.equal((await fetch(ready.crl)).status, 200)
  service.kill('SIGTERM')
  t.same(await once(service, 'exit'), [0, null])

  const misuses = [
    ['certs-dev/trust-service.ts'],
    ['certs-dev/trust-service.ts', '--dir', join(dir, 'nowhere')],
    ['certs-dev/trust-service.ts', '--dir', pki, '--port', 'x'],
    ['certs-dev/make.ts'],
    ['certs-dev/make.ts', '--dir', pki, '--algorithm', 'dsa'],
    ['certs-dev/make.ts', '--dir', pki, '--algorithm', 'rsa3072'],
  ]
  for (const args of misuses) t.same(await once(run(...args), 'exit'), [2, null], args.slice(0, 1).join(' '))
})
