/** One configuration as exchanges see it: every look-up, every certificate judged, nothing that changes. */

import 'reflect-metadata'
import { hash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Extension } from '@peculiar/x509'
import t from 'tap'
import { flawAt } from '../../../gateway/trust/certificate-profile.ts'
import type { Configuration } from '../../../gateway/trust/configuration.ts'
import { makeSnapshot } from '../../../gateway/trust/snapshot.ts'
import { makeRegion, removeRegion } from '../registry/region.ts'
import { EXTENSIONS, makeAuthority } from './pki.ts'

const region = await makeRegion()
t.teardown(() => removeRegion(region))
const configuration: Configuration = { ...region.content, version: 7, issued: new Date().toISOString() }
const SHA256 = hash('sha256', 'configuration', 'hex')
const snapshot = makeSnapshot(configuration, SHA256)
const certificate = (path: string) => new X509Certificate(readFileSync(`${region.pki}/${path}`))
const fingerprint = (path: string) => hash('sha256', certificate(path).raw, 'hex')

const PADERBORN = 'OWL/GOV/05774032'
const BIELEFELD = 'OWL/GOV/05711000'
const VAMS = `${BIELEFELD}/MELDEWESEN/vams`

t.test('names the configuration as messages do', (t) => {
  t.equal(snapshot.version, 7)
  t.same(snapshot.reference, { version: 7, sha256: Buffer.from(SHA256, 'hex').toString('base64url') })
  t.throws(() => Object.assign(snapshot, { version: 8 }), TypeError, 'for good')
  t.end()
})

t.test('finds members, subsystems, services and purposes, and nothing else', (t) => {
  t.equal(snapshot.member(PADERBORN)?.name, 'Stadt Paderborn')
  t.equal(snapshot.subsystem(`${BIELEFELD}/MELDEWESEN`)?.code, 'MELDEWESEN')
  t.equal(snapshot.service(VAMS)?.type, 'REST')
  t.same(
    snapshot.servicesOf(`${BIELEFELD}/MELDEWESEN`).map(({ id }) => id),
    [VAMS],
  )
  t.equal(snapshot.purpose('MELDE_VAMS')?.legalBasis, '§ 23 BMG')
  for (const id of ['', PADERBORN.slice(0, -1), `${PADERBORN}/`, '__proto__', 'constructor']) {
    t.equal(snapshot.member(id), undefined)
    t.equal(snapshot.subsystem(id), undefined)
    t.equal(snapshot.gateway(id), undefined)
    t.equal(snapshot.service(id), undefined)
    t.equal(snapshot.purpose(id), undefined)
    t.same(snapshot.servicesOf(id), [])
    t.same(snapshot.gatewaysOf(id), [])
    t.equal(snapshot.seal(id), undefined)
    t.equal(snapshot.certificate(id), undefined)
  }
  t.end()
})

t.test('knows a gateway by its certificate, in the use it is registered for', (t) => {
  const client = fingerprint('members/paderborn/gw1/peer-client.pem')
  const server = fingerprint('members/paderborn/gw1/peer-server.pem')

  t.equal(snapshot.gatewayByTls(client, 'client')?.id, `${PADERBORN}/gw1`)
  t.equal(snapshot.gatewayByTls(server, 'server')?.id, `${PADERBORN}/gw1`)
  t.equal(snapshot.gatewayByTls(client, 'server'), undefined)
  t.equal(snapshot.gatewayByTls(server, 'client'), undefined)
  t.equal(snapshot.gatewayByTls(fingerprint('members/paderborn/gw1/local.pem'), 'server'), undefined)
  const gateway = snapshot.gateway(`${PADERBORN}/gw1`)
  t.same([...(gateway?.speaksFor ?? [])], [PADERBORN, `${PADERBORN}/BUERGERBUERO`])
  t.same([...(gateway?.servers ?? [])], [server])
  t.same(
    snapshot.gatewaysOf(`${PADERBORN}/BUERGERBUERO`).map(({ id }) => id),
    [`${PADERBORN}/gw1`],
  )
  t.same(snapshot.gatewaysOf(`${PADERBORN}/MELDEWESEN`), [])
  t.end()
})

t.test('knows a seal by its thumbprint, judged', (t) => {
  const { raw } = certificate('members/bielefeld/seal.pem')
  const seal = snapshot.seal(hash('sha256', raw, 'base64url'))

  t.equal(seal?.member, BIELEFELD)
  t.same(seal?.der, raw)
  t.equal(seal?.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.equal(seal && flawAt(seal.verdict, Date.now()), undefined)
  t.equal(seal?.verdict.issuer?.sha256, fingerprint('issuing.pem'))
  t.equal(
    snapshot.seal(hash('sha256', certificate('members/bielefeld/gw1/peer-client.pem').raw, 'base64url')),
    undefined,
  )
  t.equal(snapshot.certificates.length, 6)
  t.equal(snapshot.certificate(seal?.sha256 ?? '')?.sha256, seal?.sha256)
  t.same(snapshot.problems, [])
  const [tsa] = snapshot.tsa
  t.equal(tsa && flawAt(tsa.certificate.verdict, Date.now()), undefined)
  t.end()
})

t.test('finds the agreements of a client and of its member', (t) => {
  const [first] = configuration.agreements
  if (first === undefined) throw new Error('the region has an agreement')
  const shared = { ...first, id: 'OWL-2026-002', client: PADERBORN }
  const both = makeSnapshot({ ...configuration, agreements: [first, shared] }, SHA256)
  const ids = (client: string, service = VAMS) =>
    both.agreementsOf({ client, clientMember: PADERBORN, service }).map(({ agreement }) => agreement.id)

  t.same(ids(`${PADERBORN}/BUERGERBUERO`), ['OWL-2026-001', 'OWL-2026-002'])
  t.same(ids(`${PADERBORN}/MELDEWESEN`), ['OWL-2026-002'])
  t.same(ids(PADERBORN), ['OWL-2026-002'], 'the member itself, once')
  t.same(ids(`${PADERBORN}/BUERGERBUERO`, `${BIELEFELD}/MELDEWESEN/other`), [])
  t.same(both.agreementsOf({ client: `${BIELEFELD}/MELDEWESEN`, clientMember: BIELEFELD, service: VAMS }), [])
  const [found] = both.agreementsOf({ client: `${PADERBORN}/BUERGERBUERO`, clientMember: PADERBORN, service: VAMS })
  // The digest is over the agreement's own octets in the configuration.
  const octets = JSON.stringify(configuration.agreements[0])
  t.ok(JSON.stringify(configuration).includes(octets))
  t.equal(found?.reference, `OWL-2026-001;${hash('sha256', octets, 'base64url')}`)
  t.equal(found?.validFromAt, Date.parse(first.validFrom))
  t.equal(found?.validUntilAt, Number.POSITIVE_INFINITY, 'nothing ends it')
  t.end()
})

t.test('a certificate of another party or use is registered and yet refused', (t) => {
  const [paderborn, bielefeld] = configuration.members
  const [gateway] = configuration.gateways
  if (!paderborn || !bielefeld || !gateway) throw new Error('the region has two members')
  const [server, client] = gateway.tls
  if (!server || !client) throw new Error('a gateway has two certificates')
  const swapped = makeSnapshot(
    {
      ...configuration,
      members: [
        { ...paderborn, seals: bielefeld.seals },
        { ...bielefeld, seals: paderborn.seals },
      ],
      gateways: [
        {
          ...gateway,
          address: 'https://10.0.0.1:7150',
          tls: [
            { ...client, use: 'server' },
            { ...server, use: 'client' },
          ],
        },
      ],
    },
    SHA256,
  )

  const flaws = swapped.certificates.map(({ verdict }) => verdict.flaw)
  t.same(flaws, ['name', 'name', 'extended-key-usage', 'extended-key-usage'])
  t.equal(swapped.problems.length, 4)
  const elsewhere = makeSnapshot(
    { ...configuration, gateways: [{ ...gateway, address: 'https://10.0.0.1:7150' }] },
    SHA256,
  )
  t.same(elsewhere.problems, [`TLS server of ${gateway.id}: name`])
  t.end()
})

t.test('one certificate that cannot be read does not take the others with it', (t) => {
  const [paderborn, ...others] = configuration.members
  if (!paderborn) throw new Error('the region has members')
  const garbage = Buffer.from('no certificate at all').toString('base64')
  const damaged = makeSnapshot(
    {
      ...configuration,
      members: [{ ...paderborn, seals: [{ sha256: 'f'.repeat(64), certificate: garbage }] }, ...others],
    },
    SHA256,
  )

  t.equal(damaged.certificates.length, 5)
  t.same(damaged.problems, [`seal of ${PADERBORN}: the certificate cannot be read`])
  t.equal(damaged.member(PADERBORN)?.name, 'Stadt Paderborn')
  t.end()
})

t.test('names the issuing CA that is none, and why', async (t) => {
  const [first] = configuration.authorities.issuing
  if (first === undefined) throw new Error('the region has an issuing CA')
  const constraints = new Extension('2.5.29.30', false, Uint8Array.of(0x30, 0))
  const unreadable = new Extension('2.5.29.15', false, Uint8Array.of(0x30))
  const authorities = await Promise.all(
    [constraints, unreadable].map((more) => makeAuthority({ extensions: [EXTENSIONS.authority[0], more] })),
  )
  const issuing = authorities.map(({ parsed }) => ({ ...first, certificate: parsed.der.toString('base64') }))
  const { problems } = makeSnapshot(
    { ...configuration, authorities: { ...configuration.authorities, issuing: [first, ...issuing] } },
    SHA256,
  )
  t.same(problems, ['authorities.issuing[1]: name-constraints', 'authorities.issuing[2]: malformed'])
})

t.test('takes unchanged certificates over from the snapshot before, and judges them anew', (t) => {
  const [issuing] = configuration.authorities.issuing
  const tsaCa = configuration.authorities.tsa[0]?.ca ?? ''
  if (!issuing) throw new Error('the region has an issuing CA')
  const foreign = {
    ...configuration,
    version: 8,
    authorities: { ...configuration.authorities, issuing: [{ ...issuing, certificate: tsaCa }] },
  }

  const next = makeSnapshot(foreign, SHA256, snapshot)

  t.equal(next.certificates[0]?.x509, snapshot.certificates[0]?.x509)
  t.same([...new Set(next.certificates.map(({ verdict }) => verdict.flaw))], ['unknown-issuer'])
  t.equal(snapshot.certificates[0]?.verdict.flaw, undefined)
  t.end()
})
