import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import { checkFree, defaultPorts, freePorts } from '../../../gateway/region/ports.ts'

t.test('the written ports are those of the README', async (t) => {
  const { registry, trust, gateways, systems } = defaultPorts(5, 4)

  t.same([registry, trust], [7010, 7020])
  t.same(gateways[0], { admin: 7140, consumer: 7143, provider: 7150, consumerHttp: 7180 })
  t.same(gateways[4], { admin: 7540, consumer: 7543, provider: 7550, consumerHttp: 7580 })
  t.same(systems, [7030, 7031, 7032, 7033])
})

t.test('free ports are all different, and free', async (t) => {
  const ports = await freePorts(5, 4)

  const all = [ports.registry, ports.trust, ...ports.systems, ...ports.gateways.flatMap((own) => Object.values(own))]
  t.equal(all.length, 26)
  t.equal(new Set(all).size, 26)
  t.ok(all.every((port) => port >= 12_000 && port < 32_000))
  await t.resolves(checkFree(ports))
})

t.test('names the port that somebody else has', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo

  await t.rejects(checkFree({ registry: port, trust: 0, systems: [], gateways: [] }), {
    message: new RegExp(`Port ${port} on 127.0.0.1 is in use.*--ports 0`),
  })
})

t.test('gives up when nothing is free', async (t) => {
  await t.rejects(
    freePorts(5, 4, () => 0),
    { message: /no free/ },
  )
})
