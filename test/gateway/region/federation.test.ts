import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, utimes } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Federation, FederationGateway } from '../../../gateway/region/federation.ts'
import {
  announceGateway,
  federationFile,
  readFederation,
  refuseRunning,
  removeFederation,
  writeFederation,
} from '../../../gateway/region/federation.ts'

function federation(overrides: Partial<Federation>, registry = 'https://127.0.0.1:9'): Federation {
  return {
    instance: 'OWL',
    ready: true,
    pid: process.pid,
    registry: { url: registry, pid: null, directory: '' },
    trust: { ca: '', ocsp: '', crl: '', tsa: '', pid: null, control: '', directory: '' },
    gateways: [],
    systems: [],
    ...overrides,
  }
}

t.test('is written as a whole and read back', async (t) => {
  const dir = t.testdir()
  const file = federationFile(dir)

  await writeFederation(file, federation({ ready: false }))
  await writeFederation(file, federation({}))

  t.same(await readFederation(file), federation({}))
  t.same(await readdir(dir), ['federation.json'], 'nothing is left beside it')
  await removeFederation(file)
  await t.resolves(removeFederation(file))
})

t.test('nothing there, or a region that is dead, is no obstacle', async (t) => {
  const file = federationFile(t.testdir())
  await t.resolves(refuseRunning(file))

  const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(dead, 'exit')
  await writeFederation(file, federation({ pid: dead.pid as number }))
  await t.resolves(refuseRunning(file))

  // The number of a dead launcher may belong to anybody by now.
  await writeFederation(file, federation({ pid: process.pid }))
  await t.resolves(refuseRunning(file))
})

t.test('a region that runs is refused with its number and the way out', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const file = federationFile(t.testdir())
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  await writeFederation(file, federation({}, url))

  await t.rejects(refuseRunning(file), { message: new RegExp(`already running.*pid ${process.pid}.*--var DIR`) })
})

t.test('a region that has just begun to start is refused, one that hangs since long is not', async (t) => {
  const file = federationFile(t.testdir())
  await writeFederation(file, federation({ ready: false }))
  await t.rejects(refuseRunning(file), { message: /already running/ })

  const longAgo = new Date(Date.now() - 120_000)
  await utimes(file, longAgo, longAgo)
  await t.resolves(refuseRunning(file))
})

t.test('a gateway that was started alone is known by its new number', async (t) => {
  const dir = t.testdir()
  const gateway = { member: 'OWL/GOV/057', name: 'x', pid: 1, config: join(dir, 'x.json') } as FederationGateway
  const other = { ...gateway, config: join(dir, 'y.json') }
  await writeFederation(federationFile(dir), federation({ gateways: [gateway, other] }))

  await announceGateway(join(dir, 'x.json'), 4711)

  const { gateways } = await readFederation(federationFile(dir))
  t.same(
    gateways.map(({ pid }) => pid),
    [4711, 1],
  )
  await t.resolves(announceGateway(join(t.testdir(), 'x.json'), 1), 'where no region is described, nothing happens')
})
