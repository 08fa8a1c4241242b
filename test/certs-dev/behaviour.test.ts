/** The trust service misbehaving on demand: late, silent, wrong in each way; and well again afterwards. */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { TrustRig } from './rig.ts'
import { ask, get, openssl, postJson, readCrl, SEAL, stamp, stampQuery, trustRig } from './rig.ts'

t.test('a wrong status is wrong in the way that was ordered', async (t) => {
  const now = Date.now()
  const rig = await trustRig(t, { now: () => now })
  const wrong = async (kind?: string) => {
    await rig.order('/behaviour', { service: 'ocsp', mode: 'wrong', kind })
    return (await ask(rig, '-cert', SEAL, '-resp_text')).text
  }

  t.match(await wrong('garbage'), /Error|error/)
  t.match(await wrong('try-later'), 'Responder Error: trylater')
  t.match(await wrong('unknown'), /Response verify OK[\s\S]*: unknown|: unknown[\s\S]*Response verify OK/)
  t.match(await wrong('other-serial'), 'ERROR: No Status found')
  t.match(await wrong('expired'), 'Status times invalid')
  const impostor = await wrong('other-signer')
  t.match(impostor, 'Response Verify Failure')
  t.match(impostor, 'missing ocspsigning usage', 'a certificate of the right CA, for another use')
  t.match(await wrong(), 'Response Verify Failure', 'the default')

  await rig.order('/behaviour', { service: 'ocsp', mode: 'ok' })
  t.match((await ask(rig, '-cert', SEAL)).text, `${SEAL}: good`)
})

t.test('a wrong revocation list is wrong in the way that was ordered', async (t) => {
  const now = Date.UTC(2026, 10, 22, 12)
  const rig = await trustRig(t, { now: () => now })
  const wrong = async (kind?: string) => {
    await rig.order('/behaviour', { service: 'crl', mode: 'wrong', kind })
    return readCrl(rig, 'issuing')
  }

  t.match(await wrong('garbage'), /unable to load CRL/i)
  t.match(await wrong('expired'), /Next Update: Nov 22 11:00:00 2026[\s\S]*verify OK/)
  t.match(await wrong('other-signer'), 'verify failure')
  t.match(await wrong(), 'verify failure', 'the default')
  t.match(await wrong('users'), /Issuing Distribution Point: critical\s+Only User Certificates[\s\S]*verify OK/)
  t.match(await wrong('authorities'), /Issuing Distribution Point: critical\s+Only CA Certificates[\s\S]*verify OK/)
  t.match(await wrong('other-signer'), 'Issuer: C = DE, O = OWL Entwicklung, CN = OWL Entwicklung Issuing CA 1')

  await rig.order('/behaviour', { service: 'crl', mode: 'ok' })
  t.match(await readCrl(rig, 'issuing'), 'verify OK')
})

t.test('a wrong time-stamp is wrong in the way that was ordered, and only at its unit', async (t) => {
  const now = Date.UTC(2026, 10, 22, 12)
  const rig = await trustRig(t, { now: () => now })
  const { dir } = rig
  const query = await stampQuery(dir, '-sha256', '-cert')
  const verified = async (unit: string) => {
    await writeFile(join(dir, 'a.tsr'), await stamp(rig, unit, query))
    const args = ['-queryfile', 'q.tsq', '-in', 'a.tsr', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem']
    return (await openssl(dir, 'ts', '-verify', ...args)).text
  }
  const wrong = async (kind?: string) => {
    await rig.order('/behaviour', { service: 'tsa', mode: 'wrong', kind })
    return verified('tsa')
  }

  t.match(await wrong('imprint'), 'message imprint mismatch')
  t.match(await wrong('nonce'), 'nonce mismatch')
  t.match(
    await wrong('other-signer'),
    /Verification: FAILED[\s\S]*(certificate verify error|unsupported certificate purpose)/,
  )
  t.match(await wrong('reject'), /status code:? ?rejection|rejection/i)
  t.match(await wrong('garbage'), 'Verification: FAILED')
  t.match(await wrong(), 'message imprint mismatch', 'the default')
  t.match(await wrong('time'), 'Verification: OK', 'openssl takes any time')
  const { text } = await openssl(dir, 'ts', '-reply', '-in', 'a.tsr', '-text')
  t.match(text, 'Time stamp: Nov 21 12:00:00 2026 GMT', 'a day too early')
  t.match(await wrong('qualified'), 'Verification: OK')
  t.match((await openssl(dir, 'ts', '-reply', '-in', 'a.tsr', '-text')).text, /Extensions:\s+qcStatements: *\n/)
  t.match(await wrong('critical-extension'), 'Verification: OK', 'openssl takes any extension')
  t.match((await openssl(dir, 'ts', '-reply', '-in', 'a.tsr', '-text')).text, /1\.3\.6\.1\.4\.1\.32473\.1\.2: critical/)
  t.match(await verified('tsa2'), 'Verification: OK')

  await rig.order('/behaviour', { service: 'tsa2', mode: 'wrong', kind: 'nonce' })
  await rig.order('/behaviour', { service: 'tsa', mode: 'ok' })
  t.match(await verified('tsa2'), 'nonce mismatch')
  t.match(await verified('tsa'), 'Verification: OK')
})

/** One request to each service, as `fetch` wants it. */
async function requests({ dir, url }: TrustRig): Promise<Record<string, () => Promise<Response>>> {
  await openssl(dir, 'ocsp', '-issuer', 'issuing.pem', '-cert', SEAL, '-reqout', 'q.der')
  const status = await readFile(join(dir, 'q.der'))
  const query = await stampQuery(dir, '-sha256')
  const send = (path: string, kind: string, body: Uint8Array) => () =>
    fetch(`${url}${path}`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'content-type': `application/${kind}` },
    })
  return {
    ocsp: send('/ocsp', 'ocsp-request', status),
    crl: () => fetch(`${url}/crl/issuing.crl`),
    tsa: send('/tsa', 'timestamp-query', query),
    tsa2: send('/tsa2', 'timestamp-query', query),
  }
}

t.test('late: the right answer, no earlier than ordered', async (t) => {
  const rig = await trustRig(t)

  for (const [service, send] of Object.entries(await requests(rig))) {
    await rig.order('/behaviour', { service, mode: 'late', delayMs: 300 })
    const started = performance.now()
    const response = await send()
    // Timers may fire a millisecond early.
    t.ok(performance.now() - started >= 298, service)
    t.equal(response.status, 200)
  }
  t.match((await ask(rig, '-cert', SEAL)).text, `${SEAL}: good`)
})

t.test('silent: the connection stays open, and nothing comes', async (t) => {
  const rig = await trustRig(t)

  for (const [service, send] of Object.entries(await requests(rig))) {
    await rig.order('/behaviour', { service, mode: 'silent' })
    const first = await Promise.race([
      send().catch(() => 'ended'),
      new Promise((done) => setTimeout(done, 300, 'nothing')),
    ])
    t.equal(first, 'nothing', service)
  }
})

t.test('huge: as much as is read, and no announced length', async (t) => {
  const rig = await trustRig(t, { hugeBytes: 3_000_000 })

  for (const [service, send] of Object.entries(await requests(rig))) {
    await rig.order('/behaviour', { service, mode: 'wrong', kind: 'huge' })
    const response = await send()
    t.equal(response.headers.get('content-length'), null)
    t.equal((await response.bytes()).length, 3_000_006, service)
    const hungUp = await send()
    await hungUp.body?.cancel()
  }
  await rig.order('/behaviour', { service: 'ocsp', mode: 'ok' })
  t.match((await ask(rig, '-cert', SEAL)).text, `${SEAL}: good`, 'who hangs up does no harm')
})

t.test('closing does not wait for the late and the silent', async (t) => {
  const rig = await trustRig(t)
  const { crl = () => get(rig.url), tsa = crl } = await requests(rig)
  await rig.order('/behaviour', { service: 'crl', mode: 'late' })
  await rig.order('/behaviour', { service: 'tsa', mode: 'silent' })
  const waiting = [crl(), tsa()].map((answer) => answer.then(() => 'answered').catch(() => 'ended'))
  await new Promise((done) => setTimeout(done, 100))

  const started = performance.now()
  await rig.service.close()

  t.ok(performance.now() - started < 2000)
  t.same(await Promise.all(waiting), ['ended', 'ended'])
})

const refused: Record<string, object> = {
  'an unknown service': { service: 'registry', mode: 'ok' },
  'a service of the prototype': { service: 'constructor', mode: 'ok' },
  'an unknown mode': { service: 'ocsp', mode: 'evil' },
  'no mode': { service: 'ocsp' },
  'a kind of another service': { service: 'ocsp', mode: 'wrong', kind: 'imprint' },
  'a delay that is none': { service: 'ocsp', mode: 'late', delayMs: 'long' },
  'a delay below zero': { service: 'ocsp', mode: 'late', delayMs: -1 },
}

for (const [name, order] of Object.entries(refused)) {
  t.test(`refuses ${name}, and stays as it was`, async (t) => {
    const rig = await trustRig(t)

    const response = await postJson(`${rig.url}/behaviour`, order)

    t.equal(response.status, 400)
    t.match(await response.json(), { error: String })
    t.match((await ask(rig, '-cert', SEAL)).text, `${SEAL}: good`)
  })
}

t.test('an order answers with the whole behaviour', async (t) => {
  const rig = await trustRig(t)

  t.same(await rig.order('/behaviour', { service: 'ocsp', mode: 'late' }), {
    ocsp: { mode: 'late', delayMs: 10_000 },
    crl: { mode: 'ok' },
    tsa: { mode: 'ok' },
    tsa2: { mode: 'ok' },
  })
})
