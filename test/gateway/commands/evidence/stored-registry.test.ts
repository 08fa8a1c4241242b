import { generateKeyPairSync, hash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CryptoKey } from 'jose'
import { importJWK } from 'jose'
import type { Test } from 'tap'
import t from 'tap'
import { openPackages } from '../../../../gateway/admin/evidence/packages.ts'
import { readStoredRegistry } from '../../../../gateway/commands/evidence/stored-registry.ts'
import { openChecks } from '../../../../gateway/evidence/checks.ts'
import { formatContainer } from '../../../../gateway/evidence/container.ts'
import type { RegistryState } from '../../../../gateway/evidence/registry-checks.ts'
import { openRegistry } from '../../../../gateway/evidence/registry-checks.ts'
import type { Statement } from '../../../../gateway/evidence/verify.ts'
import type { Configuration } from '../../../../gateway/trust/configuration.ts'
import { CONFIGURATION, FRESHNESS, signDocument } from '../../../../gateway/trust/signed-document.ts'
import { octetsOf } from '../../evidence/outside-tools.ts'
import { openVerifyRig, withVerdict } from '../../evidence/verify-rig.ts'

interface Key {
  readonly sign: CryptoKey
  /** Public JWK, JSON text. */
  readonly jwk: string
}

async function makeKey(): Promise<Key> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const sign = (await importJWK(privateKey.export({ format: 'jwk' }), 'ES256')) as CryptoKey
  return { sign, jwk: JSON.stringify(publicKey.export({ format: 'jwk' })) }
}

/** A request of a real log, and a registry that allows it. */
async function rigOf(t: Test) {
  const opened = await openVerifyRig(t)
  const { rig, request, verify } = opened
  const { configuration } = rig.snapshot
  const allowing: Configuration = {
    ...configuration,
    gateways: configuration.gateways.map((gateway) => ({
      ...gateway,
      id: gateway.id.replace('gw1', 'SS1'),
      logs: gateway.logs.map((log) => log.replace('gw1', 'SS1')),
    })),
    purposes: configuration.purposes.map((purpose) => ({ ...purpose, requires: [] })),
    agreements: configuration.agreements.map((agreement) => ({
      ...agreement,
      endpoints: [{ method: 'POST', path: '/v1/**', purposes: ['MELDE_VAMS'] }],
    })),
  }
  const directory = await mkdtemp(join(tmpdir(), 'owl-registry-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const key = await makeKey()
  const write = async (
    name: string,
    content: Configuration,
    by = key,
    typ: typeof CONFIGURATION | typeof FRESHNESS = CONFIGURATION,
  ) => {
    const octets = Buffer.from(JSON.stringify(content))
    const path = join(directory, name)
    await writeFile(path, await signDocument(typ, octets, by.sign))
    return { path, sha256: hash('sha256', octets, 'hex') }
  }
  return { ...opened, allowing, key, write, directory, statement: verify(request).statement }
}

/** The same message under this configuration and agreement. */
function under(statement: Statement, sha256: string, agreement?: { id: string; sha256: string }): Statement {
  const { head, record } = statement
  if (head === undefined || record?.basis === undefined) throw new Error('It is no message')
  const config = { version: 7, sha256 }
  return {
    ...statement,
    head: { ...head, config: { version: 7, sha256: Buffer.from(sha256, 'hex').toString('base64url') } },
    record: { ...record, basis: { ...record.basis, config, agreement } },
  }
}

function check(states: readonly RegistryState[], { head, record, signature }: Statement) {
  const checks = openChecks()
  if (head === undefined || signature === undefined) throw new Error('It is no message')
  openRegistry(states).check(head, signature, record, checks)
  return checks
}

t.test('what the registry allowed then', async (t) => {
  const { allowing, key, write, statement } = await rigOf(t)
  const { path, sha256 } = await write('7.jws', allowing)
  const { states, issuing, stamping } = await readStoredRegistry([path], [key.jwk])
  t.equal(issuing.length, 1)
  t.equal(stamping.length, 1)
  t.notSame(issuing, stamping, 'issuing CA and that of the time-stamps are not one list')
  const text = JSON.stringify(allowing.agreements[0])
  const agreement = { id: 'OWL-2026-001', sha256: hash('sha256', text, 'hex') }

  const allowed = check(states, under(statement, sha256, agreement))
  t.same(
    allowed.list.map(({ id, verdict }) => `${id} ${verdict}`),
    ['registry.document ok', 'registry.member ok', 'registry.gateway ok', 'registry.permission ok'],
  )

  const judged = (given: Statement) => withVerdict({ checks: check(states, given).list }, 'failed')
  t.same(judged(under(statement, sha256, { ...agreement, sha256: 'a'.repeat(64) })), ['registry.permission'])
  t.same(judged(under(statement, sha256)), ['registry.permission'], 'no agreement named')
  t.same(judged(under(statement, 'b'.repeat(64), agreement)), ['registry.document'], 'another of the same version')
  const unknown = check([], under(statement, sha256, agreement))
  t.same(withVerdict({ checks: unknown.list }, 'not-checked'), ['registry.document'])
})

t.test('what it did not allow', async (t) => {
  const { allowing, key, write, statement } = await rigOf(t)
  const [provider] = allowing.agreements
  if (provider === undefined) throw new Error('There is an agreement')
  const agreement = { id: provider.id, sha256: hash('sha256', JSON.stringify(provider), 'hex') }
  const [paderborn, bielefeld] = allowing.members
  for (const [what, failed, content] of [
    ['no agreement', ['registry.permission'], { ...allowing, agreements: [] }],
    [
      'one that has ended',
      ['registry.permission'],
      { ...allowing, agreements: [{ ...provider, validUntil: '2026-02-01T00:00:00.000Z' }] },
    ],
    [
      'a seal that is not registered',
      ['registry.member'],
      { ...allowing, members: [{ ...paderborn, seals: [] }, bielefeld] },
    ],
    ['a gateway that is not registered', ['registry.gateway'], { ...allowing, gateways: [] }],
  ] as const) {
    const { path, sha256 } = await write('7.jws', content as Configuration)
    const { states } = await readStoredRegistry([path], [key.jwk])
    const { list } = check(states, under(statement, sha256, agreement))
    t.same(withVerdict({ checks: list }, 'failed'), failed, what)
  }
})

t.test('documents are believed when the registry signed them', async (t) => {
  const { allowing, key, write, directory, statement } = await rigOf(t)
  const { path, sha256 } = await write('7.jws', allowing)
  await write('8.jws', { ...allowing, version: 8 })
  await write('freshness.jws', allowing, key, FRESHNESS)

  const { states } = await readStoredRegistry([directory], [key.jwk])
  t.same(
    states.map(({ version, isSigned }) => [version, isSigned]),
    [
      [7, true],
      [8, true],
    ],
    'a directory as a gateway keeps it',
  )
  const unsigned = await readStoredRegistry([path], [])
  t.match(check(unsigned.states, under(statement, sha256)).list[0], { id: 'registry.document', verdict: 'warning' })

  const stranger = await makeKey()
  await t.rejects(readStoredRegistry([path], [stranger.jwk]), { code: 'BadRequest' })
  t.equal((await readStoredRegistry([path], [stranger.jwk, key.jwk])).states.length, 1)
  await mkdir(join(directory, 'empty'))
  const garbage = join(directory, 'garbage.jws')
  await writeFile(garbage, 'not.a.document')
  for (const [paths, keys] of [
    [[garbage], []],
    [[garbage], [key.jwk]],
    [[join(directory, 'freshness.jws')], [key.jwk]],
    [[join(directory, 'empty')], [key.jwk]],
    [[join(directory, 'missing')], [key.jwk]],
    [[path], ['{}']],
  ] as const) {
    await t.rejects(readStoredRegistry(paths, keys), { code: 'BadRequest' }, paths.join())
  }
})

t.test('two configurations under one version are not read one for the other', async (t) => {
  const { allowing, key, write } = await rigOf(t)
  const one = await write('7.jws', allowing)
  const other = await write('other.jws', { ...allowing, agreements: [] })

  await t.rejects(readStoredRegistry([one.path, other.path], [key.jwk]), {
    ...{ code: 'BadRequest', message: /two different configurations/ },
  })
  t.equal((await readStoredRegistry([one.path, one.path], [key.jwk])).states.length, 1, 'the same twice is one')
})

t.test('the log’s own record of a configuration says what the registry said, and not that it signed it', async (t) => {
  const { rig, key, directory, statement } = await rigOf(t)
  await rig.log.stampNow()
  const container = formatContainer(await openPackages(rig.reader).read(rig.configurationSeq))
  const path = join(directory, '0000000001-configuration.asice')
  await writeFile(path, await octetsOf(container))

  const believed = await readStoredRegistry([directory], [])
  t.match(believed.states, [{ version: 7, sha256: rig.snapshot.sha256, isSigned: false }])
  t.equal(believed.issuing.length + believed.stamping.length, 2)
  t.match(check(believed.states, under(statement, rig.snapshot.sha256)).list[0], {
    id: 'registry.document',
    verdict: 'warning',
  })

  const keyed = await readStoredRegistry([path], [key.jwk])
  t.match(keyed.states, [{ version: 7, sha256: rig.snapshot.sha256, isSigned: false }])
  t.same([keyed.issuing, keyed.stamping], [[], []], 'nobody is believed for what nobody signed')

  const octets = JSON.stringify(rig.snapshot.configuration)
  const signed = join(directory, '7.jws')
  await writeFile(signed, await signDocument(CONFIGURATION, Buffer.from(octets), key.sign))
  t.match((await readStoredRegistry([path, signed], [key.jwk])).states, [{ version: 7, isSigned: true }])

  const other = formatContainer(await openPackages(rig.reader).read(rig.configurationSeq + 1))
  await writeFile(path, await octetsOf(other))
  await t.rejects(readStoredRegistry([path], []), { code: 'BadRequest' })
})
