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

t.test('two regions that start at the same moment take different ports', async (t) => {
  const both = await Promise.all([freePorts(5, 4, () => 0.5), freePorts(5, 4, alternating())])

  const all = both.map((ports) => Object.values(ports).flatMap((each) => JSON.stringify(each).match(/\d+/g) ?? []))
  t.equal(all[0]?.length, 26)
  t.same(
    all[0]?.filter((port) => all[1]?.includes(port)),
    [],
  )
})

/** The block that the other region has, then another one. */
function alternating(): () => number {
  let calls = 0
  return () => (calls++ === 0 ? 0.5 : 0.75)
}

t.test('gives up when nothing is free', async (t) => {
  const random = (): number => 0.25
  await freePorts(5, 4, random)

  await t.rejects(freePorts(5, 4, random), { message: /no free/ })
})
