import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readCertificates } from '../../../../gateway/commands/doctor/certificates.ts'
import type { Finding } from '../../../../gateway/commands/doctor/files.ts'
import { examineConfig, examineFiles, onlyAdvice } from '../../../../gateway/commands/doctor/files.ts'
import { examineNetwork } from '../../../../gateway/commands/doctor/network.ts'
import { DELBRUECK } from '../../../certs-dev/rig.ts'
import type { Changes } from '../../admin/config-rig.ts'
import { makeConfigRig } from '../../admin/config-rig.ts'

const DAY_MS = 86_400_000
const { pki, configOf } = await makeConfigRig(t)
const HOME = 'members/delbrueck'

async function all(findings: AsyncIterable<Finding>): Promise<Finding[]> {
  return Array.fromAsync(findings)
}

function notOk(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ state }) => state !== 'ok')
}

t.test('finds nothing where there is nothing', async (t) => {
  const findings = await all(examineFiles(await configOf(), Date.now()))

  t.same(notOk(findings), [])
  t.ok(findings.length > 10)
  t.ok(findings.some(({ what, detail }) => what === 'certificate seal' && /days left/.test(detail)))
})

t.test('says which key others can read, and how to mend it', async (t) => {
  const config = await configOf()
  await chmod(config.log.masterKey, 0o640)

  t.same(notOk(await all(examineFiles(config, Date.now()))), [
    {
      state: 'warn',
      what: 'key of the message log',
      detail: 'others than its owner can read it',
      next: `chmod 600 ${config.log.masterKey}`,
    },
  ])
})

t.test('tells keys that do not fit, files that are missing or something else', async (t) => {
  const other = join(pki, HOME, 'operator.key')
  const [certificate, key] = [join(pki, HOME, 'seal.pem'), join(pki, HOME, 'seal.key')]
  const cases: [Changes, RegExp, RegExp][] = [
    [{ seal: { key: other, certificate } }, /^key seal$/, /another certificate/],
    [{ seal: { key: '/nowhere/seal.key', certificate } }, /^key seal$/, /not there/],
    [{ seal: { key: certificate, certificate } }, /^key seal$/, /holds no private key/],
    [{ seal: { key, certificate: '/nowhere/seal.pem' } }, /^certificate seal$/, /not there/],
    [{ seal: { key, certificate: key } }, /^certificate seal$/, /holds no certificate/],
    [{ masterKey: '/nowhere/master.key' }, /message log/, /not there/],
    [{ masterKey: certificate }, /message log/, /octets, not 32/],
  ]

  for (const [changes, what, detail] of cases) {
    const found = notOk(await all(examineFiles(await configOf(changes), Date.now())))
    t.equal(found.length, 1, JSON.stringify(found))
    t.match(found[0], { state: 'fail', what, detail, next: /\S/ })
    t.notMatch(JSON.stringify(found), /BEGIN|MIG|MHc/, 'nothing of a key is told')
  }
})

t.test('counts the days of certificates', async (t) => {
  const config = await configOf()
  const [certificate] = await readCertificates(config.seal.certificate)
  const end = certificate?.validToDate.getTime() ?? 0
  const sealAt = async (now: number): Promise<Finding | undefined> =>
    (await all(examineFiles(config, now))).find(({ what }) => what === 'certificate seal')

  t.match(await sealAt(end - 31 * DAY_MS), { state: 'ok', detail: /^31 days left/ })
  t.match(await sealAt(end - 10 * DAY_MS), { state: 'warn', detail: /^10 days left/, next: /renew/ })
  t.match(await sealAt(end), { state: 'fail', detail: /expired/ })
  t.match(await sealAt(0), { state: 'fail', detail: /not valid yet/ })
})

t.test('says what is missing of operators and clients', async (t) => {
  const clients = [
    { id: `${DELBRUECK.id}/PORTAL`, auth: 'http' },
    { id: `${DELBRUECK.id}/GEWERBE`, auth: 'mtls' },
  ]

  t.match(notOk(await all(examineFiles(await configOf({ operators: [], clients }), Date.now()))), [
    { state: 'warn', what: 'operators', next: /owl cert show/ },
    { state: 'warn', what: `client ${DELBRUECK.id}/GEWERBE` },
  ])
})

t.test('says what a gateway could not start with, and which services hold', async (t) => {
  const id = (code: string): string => `${DELBRUECK.id}/GEWERBE/${code}`
  const services = [
    { id: id('a'), adapter: 'detmold/arbeitsschutz/gewerbe-eingang', options: { database: ':memory:' } },
    { id: id('b'), adapter: 'detmold/arbeitsschutz/gewerbe-eingang' },
    { id: id('c'), adapter: 'nobody/has/this' },
    { id: id('d'), adapter: 'constructor' },
    { id: id('e'), url: 'http://127.0.0.1:8080/base' },
  ]

  const findings = await all(examineConfig({ ...(await configOf({ services })), networksAllowed: ['127.0.0.0/8'] }))

  t.match(findings, [
    { state: 'fail', what: `service ${id('b')}`, detail: /Option database is missing/ },
    { state: 'fail', what: `service ${id('c')}`, detail: /there is no adapter nobody\/has\/this/ },
    { state: 'fail', what: `service ${id('d')}`, detail: /there is no adapter/ },
    { state: 'ok', what: `service ${id('a')}` },
    { state: 'ok', detail: 'at http://127.0.0.1:8080' },
  ])
})

t.test('what a start does not refuse fails nobody', async (t) => {
  const findings = examineFiles({ ...(await configOf()), directory: '/nowhere/at/all' }, Date.now())

  t.same(
    (await all(onlyAdvice(findings))).filter(({ state }) => state === 'fail'),
    [],
  )
})

t.test('says who cannot be reached, and what to type', async (t) => {
  const config = await configOf({ port: 1 })
  await mkdir(config.directory, { recursive: true })

  const findings = await all(examineNetwork(config, 'gateway.json', Date.now))

  t.match(findings, [
    { state: 'fail', what: 'registry', next: /curl --cacert/ },
    { state: 'warn', what: 'clock' },
    { state: 'fail', what: 'port consumer', next: 'npx owl gateway start --config gateway.json' },
    { state: 'fail', what: 'port provider' },
    { state: 'fail', what: 'port admin' },
    { state: 'warn', what: 'running gateway' },
  ])
})
