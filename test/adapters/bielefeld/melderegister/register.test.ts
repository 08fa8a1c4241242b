import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import type { AdapterError, AdapterInstance, AdapterOptions } from '../../../../adapters/adapter.ts'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { vams } from '../../../../adapters/scenario-messages.ts'
import { caller, clock, freshDir, open, postJson, serve, startSimulator } from '../../rig.ts'

const BUERGERBUERO = 'OWL/GOV/05774032/BUERGERBUERO'
const adapter = ADAPTERS['bielefeld/melderegister/vams']
const TOKEN = JSON.stringify({ access_token: 'geheim', token_type: 'Bearer', expires_in: 300 })

async function openAt(t: Test, url: string, more: AdapterOptions = {}): Promise<AdapterInstance> {
  const clientSecretFile = join(await freshDir(t), 'secret')
  await writeFile(clientSecretFile, 'geheim\n')
  return open(t, adapter, { url, clientId: 'owl-gateway', clientSecretFile, answerAfterMs: 0, ...more }, clock)
}

async function failure(instance: AdapterInstance, more: { signal?: AbortSignal } = {}): Promise<AdapterError> {
  const error = await instance.answer(vams(clock).body, caller(BUERGERBUERO, more)).catch((thrown) => thrown)
  if (error?.name !== 'AdapterError') throw new Error('there was an answer')
  return error
}

t.test('options that are missing or wrong are named at once', async (t) => {
  const good = { url: 'http://127.0.0.1:1', clientId: 'a', clientSecretFile: '/nowhere' }
  for (const [name, value] of [
    ['url', undefined],
    ['url', 'file:///etc/passwd'],
    ['url', 'nowhere'],
    ['clientId', ''],
    ['clientSecretFile', 7],
    ['timeoutMs', '5'],
    ['answerBytesMax', 0],
  ] as const) {
    t.throws(() => adapter?.open({ ...good, [name]: value }), {
      name: 'TypeError',
      message: new RegExp(`Option ${name} `),
    })
  }
})

t.test('a token withdrawn before its time is replaced', async (t) => {
  const system = await startSimulator(t, 'bielefeld/melderegister')
  const instance = open(t, adapter, { ...system.ready, url: system.url }, clock)
  const ask = async (): Promise<number> => (await instance.answer(vams(clock).body, caller(BUERGERBUERO))).status
  t.equal(await ask(), 200)
  await postJson(`${system.url}/control/tokens/revoke`, {})
  t.equal(await ask(), 200)
})

t.test('a wrong secret gets no token', async (t) => {
  const system = await startSimulator(t, 'bielefeld/melderegister')
  t.match(await failure(await openAt(t, system.url)), { kind: 'unavailable', reason: 'oauth2-status-401' })
  const lost = await openAt(t, system.url, { clientSecretFile: join(system.dir, 'nothing') })
  t.match(await failure(lost), { kind: 'unavailable', reason: 'ENOENT' })
})

t.test('a secret is what was written, however the file was saved', async (t) => {
  const authorizations: unknown[] = []
  const url = await serve(t, ({ headers }) => {
    authorizations.push(headers['authorization'])
    return { status: 503, body: '' }
  })
  const clientSecretFile = join(await freshDir(t), 'secret')
  for (const saved of ['geheim\n', '\ufeffgeheim\r\n', Buffer.from('\ufeffgeheim\r\n', 'utf16le')]) {
    await writeFile(clientSecretFile, saved)
    await failure(await openAt(t, url, { clientSecretFile }))
    t.equal(authorizations.pop(), `Basic ${Buffer.from('owl-gateway:geheim').toString('base64')}`)
  }
  await writeFile(clientSecretFile, 'Schlüssel', 'latin1')
  const error = await failure(await openAt(t, url, { clientSecretFile }))
  t.match(error, { kind: 'unavailable', reason: 'client-secret-charset' })
  t.same(authorizations, [])
})

t.test('without a token the register says nothing', async (t) => {
  const { url } = await startSimulator(t, 'bielefeld/melderegister')
  t.equal(await postJson(`${url}/api/einwohner/suche`, { suchname: 'KOCH' }), 401)
})

t.test('a register that stops is unavailable, and back when it is back', async (t) => {
  const first = await startSimulator(t, 'bielefeld/melderegister')
  const instance = open(t, adapter, { ...first.ready, url: first.url, answerAfterMs: 0 }, clock)
  await instance.answer(vams(clock).body, caller(BUERGERBUERO))
  await first.stop()
  const error = await failure(instance)
  t.equal(error.kind, 'unavailable')
  t.match(error.reason, /^(ECONNREFUSED|UND_ERR_SOCKET)$/)
})

t.test('what a register out of order answers is unusable, and goes nowhere', async (t) => {
  const einwohner = { id: '1', name: { nachname: 'Müller-Lüdenscheidt', vornamen: 'geheim' } }
  const cases = [
    { body: 'geheim', kind: 'response', reason: 'malformed' },
    { body: '"geheim"', kind: 'response', reason: 'malformed' },
    { body: '{"einwohner":"geheim"}', kind: 'response', reason: 'malformed' },
    { body: '{"einwohner":["geheim"]}', kind: 'response', reason: 'malformed' },
    { body: JSON.stringify({ einwohner: [einwohner] }), kind: 'response', reason: 'schema' },
    {
      body: JSON.stringify({ einwohner: [{ ...einwohner, wohnungen: 'geheim' }] }),
      kind: 'response',
      reason: 'TypeError',
    },
    { status: 500, body: 'geheim', kind: 'unavailable', reason: 'status-500' },
    { status: 302, body: 'geheim', kind: 'unavailable', reason: 'status-302' },
    { body: ' '.repeat(3_000_000), kind: 'unavailable', reason: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' },
  ]
  for (const { status = 200, body, kind, reason } of cases) {
    const url = await serve(t, (call) =>
      call.url === '/oauth/token' ? { status: 200, body: TOKEN } : { status, body },
    )
    const error = await failure(await openAt(t, url, { answerBytesMax: 2_000_000 }))
    t.match(error, { kind, reason })
    t.notMatch(JSON.stringify(error) + error.message + error.stack, /geheim/)
  }
})

t.test('locks that cannot be read are no locks that do not hold', async (t) => {
  const { wohnungen, ...einwohner } = {
    id: '1',
    name: { nachname: 'Müller-Lüdenscheidt', vornamen: 'Jörg' },
    geburt: { datum: '1979-05-19' },
    wohnungen: [
      {
        ags: '05711000',
        plz: '33604',
        ort: 'Bielefeld',
        strasse: 'Detmolder Str.',
        hausnr: '12',
        hausnrZusatz: 'a',
        art: 'H',
      },
    ],
  }
  const partner = { nachname: 'Sieben', vornamen: 'Lea', sperrvermerke: [{ art: 'drei' }] }
  const body = JSON.stringify({ einwohner: [{ ...einwohner, wohnungen, partner }] })
  const url = await serve(t, (call) => ({ status: 200, body: call.url === '/oauth/token' ? TOKEN : body }))
  t.match(await failure(await openAt(t, url)), { kind: 'response', problems: [{ pointer: '/sperren/0/art' }] })
})

t.test('a register that is silent is given up', async (t) => {
  const url = await serve(t, (call) => (call.url === '/oauth/token' ? { status: 200, body: TOKEN } : 'hang'))
  const instance = await openAt(t, url, { timeoutMs: 100 })
  t.match(await failure(instance), { kind: 'unavailable', reason: 'timeout' })
  t.match(await failure(await openAt(t, url), { signal: AbortSignal.timeout(50) }), { reason: 'aborted' })
  const dropping = await serve(t, () => 'drop')
  t.match(await failure(await openAt(t, dropping)), { kind: 'unavailable' })
})
