import { existsSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makePki } from '../../../certs-dev/make.ts'
import { REGION } from '../../../certs-dev/members.ts'
import { loadConfig } from '../../../gateway/config/config.ts'
import { writeGatewayFiles } from '../../../gateway/region/gateway-files.ts'
import { agencyOf, OWL_REGION } from '../../../gateway/region/owl-region.ts'
import { defaultPorts } from '../../../gateway/region/ports.ts'
import { mergeContent, registryContent } from '../../../gateway/region/registry-content.ts'
import { checkConfiguration } from '../../../gateway/trust/configuration-check.ts'

const ROOT = join(import.meta.dirname, '../../..')
const pki = t.testdir()
const { anchor } = await makePki({ dir: pki, members: REGION })
const ports = defaultPorts(5, 4)
const content = await registryContent(OWL_REGION, pki, ports)

t.test('the region is the one certificates are made for', async (t) => {
  const members = OWL_REGION.agencies.map(({ id, code, name, slug, subsystems }) => {
    return { code, name, id, slug, subsystems: subsystems.map((own) => own.code) }
  })

  t.same(members, REGION)
})

t.test('the registry’s content holds together', async (t) => {
  t.doesNotThrow(() => checkConfiguration({ ...content, version: 1, issued: '2026-01-01T00:00:00.000Z' }, 'closed'))
  t.equal(content.members.length, 5)
  t.equal(content.gateways[3]?.address, 'https://127.0.0.1:7450')
})

t.test('Detmold has no agreement on registration data', async (t) => {
  const theirs = content.agreements.filter(({ client }) => client.startsWith('OWL/GOV/057/'))

  t.same(theirs, [])
})

t.test('every agreement names a purpose, every service has one', async (t) => {
  for (const { id, endpoints } of content.agreements) {
    for (const { purposes } of endpoints) t.not(purposes.length, 0, `${id} says why`)
  }
  for (const { id } of content.services) {
    t.ok(
      content.agreements.some(({ service }) => service === id),
      `${id} is agreed on`,
    )
  }
})

t.test('an identification number may be where the law names it, and nowhere else', async (t) => {
  const lawful = content.agreements.flatMap(({ service, idnr }) => (idnr === undefined ? [] : [[service, ...idnr]]))

  // § 4 (1) and § 6 (1) 1. BMeldDÜV; nobody is looked for by it.
  t.same(lawful, [
    ['OWL/GOV/05711000/MELDEWESEN/vams', 'reply'],
    ['OWL/GOV/05711000/MELDEWESEN/rueckmeldung', 'request'],
    ['OWL/GOV/05711000/MELDEWESEN/rueckmeldung', 'request'],
  ])
  for (const each of lawful) t.notMatch(each[0], /KFZ|personensuche|ARBEITSSCHUTZ/)
})

t.test('what commands added stays when the region starts again', async (t) => {
  const service = { id: 'OWL/GOV/05711000/TEST/echo', title: 'Echo', type: 'REST', endpoints: [] } as const
  const before = {
    ...content,
    members: content.members.map((member) => ({
      ...member,
      name: 'an old name',
      subsystems: [...member.subsystems, { code: 'TEST', name: 'TEST' }],
    })),
    gateways: content.gateways.map((gateway) => ({ ...gateway, address: 'https://127.0.0.1:1', subsystems: ['X'] })),
    services: [service],
  }

  const merged = mergeContent(content, before)

  t.same(merged.services, [...content.services, service])
  t.same(merged.members[0]?.subsystems.at(-1), { code: 'TEST', name: 'TEST' })
  t.equal(merged.members[0]?.name, 'Stadt Paderborn')
  t.equal(merged.gateways[0]?.address, content.gateways[0]?.address)
  t.equal(merged.gateways[0]?.subsystems.at(-1), 'X')
  t.same(mergeContent(content, content), content, 'the same again is the same')
})

t.test('every gateway gets a configuration that loads', async (t) => {
  for (const [index, agency] of OWL_REGION.agencies.entries()) {
    const directory = t.testdir()
    const own = ports.gateways[index]
    if (own === undefined) throw new TypeError('no ports')
    const systems = new Map(agency.systems.map((name) => [name, { url: 'http://127.0.0.1:1' }]))
    const options = { agency, directory, pki, anchor, ports, own, systems, stampIntervalMs: 10_000 }

    const { config } = await writeGatewayFiles(options)
    const loaded = await loadConfig(config)

    t.equal(loaded.gateway, `${agency.id}/gw1`)
    t.equal(loaded.services.length, agency.services.length)
    t.same(
      loaded.clients.map(({ auth }) => auth),
      agency.subsystems.map(({ auth }) => auth),
    )
    const { seal, consumer, provider, admin, registry } = loaded
    for (const { key, certificate } of [seal, consumer, provider, provider.client, admin]) {
      t.ok(existsSync(key), key)
      t.ok(existsSync(certificate), certificate)
    }
    t.ok(existsSync(registry.anchor))
    t.equal((await stat(loaded.log.masterKey)).mode & 0o777, 0o600)
  }
})

t.test('a second start keeps the master key and the services that were added', async (t) => {
  const agency = agencyOf(OWL_REGION, 'detmold')
  const own = ports.gateways[4]
  if (own === undefined) throw new TypeError('no ports')
  const directory = t.testdir()
  const options = { agency, directory, pki, anchor, ports, own, systems: new Map(), stampIntervalMs: 10_000 }
  const { config } = await writeGatewayFiles(options)
  const { log, ...first } = await loadConfig(config)
  const key = await readFile(log.masterKey)
  const raw = JSON.parse(await readFile(config, 'utf8'))
  const service = { id: 'OWL/GOV/057/TEST/echo', url: 'http://127.0.0.1:9' }
  await writeFile(config, JSON.stringify({ ...raw, services: [...raw.services, service] }))

  await writeGatewayFiles(options)

  t.strictSame(await readFile(log.masterKey), key)
  const { services } = await loadConfig(config)
  t.match(services.at(-1), service)
  t.equal(services.length, first.services.length + 1)
})

t.test('a second start keeps what an operator wrote, but for what it knows itself', async (t) => {
  const agency = agencyOf(OWL_REGION, 'bielefeld')
  const own = ports.gateways[3]
  if (own === undefined) throw new TypeError('no ports')
  const options = {
    agency,
    directory: t.testdir(),
    pki,
    anchor,
    ports,
    own,
    systems: new Map(),
    stampIntervalMs: 10_000,
  }
  const { config } = await writeGatewayFiles(options)
  const { services, ...raw } = JSON.parse(await readFile(config, 'utf8'))
  const written = {
    ...raw,
    consumer: { ...raw.consumer, port: 1 },
    networksAllowed: [],
    limits: { bodyBytesMax: 1 },
    log: { ...raw.log, stampIntervalMs: 500, eraseAt: null },
    services: services.map((service: object) => ({ ...service, timeoutMs: 7 })),
  }
  await writeFile(config, JSON.stringify(written))

  await writeGatewayFiles(options)

  const { consumer, networksAllowed, limits, log, ...rest } = await loadConfig(config)
  t.equal(consumer.port, own.consumer)
  t.same(networksAllowed, [])
  t.equal(limits.bodyBytesMax, 1)
  t.match(log, { stampIntervalMs: 500, eraseAt: null })
  t.ok(rest.services.every(({ timeoutMs }) => timeoutMs === 7))

  for (const saved of [
    `\ufeff${JSON.stringify(written)}`,
    Buffer.from(`\ufeff${JSON.stringify(written)}`, 'utf16le'),
  ]) {
    await writeFile(config, saved)
    t.equal((await loadConfig(config)).limits.bodyBytesMax, 1, 'as an editor of Windows saves it')
    await writeGatewayFiles(options)
    t.equal((await loadConfig(config)).limits.bodyBytesMax, 1)
  }

  await writeFile(config, '{"limits":')
  await t.rejects(writeGatewayFiles(options), /bielefeld\.json is no JSON/)
  t.equal(await readFile(config, 'utf8'), '{"limits":', 'nothing is overwritten')
})

t.test('every local system and adapter it names is there', async (t) => {
  for (const { systems, services } of OWL_REGION.agencies) {
    for (const system of systems) t.ok(existsSync(join(ROOT, 'adapters', system, 'simulator.ts')), system)
    for (const { system } of services) t.ok(systems.includes(system), system)
  }
})
