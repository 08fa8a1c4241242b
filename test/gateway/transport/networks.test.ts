/** Which addresses are allowed, and which of a name's addresses are left. */

import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { isIn, lookupIn, openNetworks } from '../../../gateway/transport/networks.ts'

t.test('an address is in a block or it is not', async (t) => {
  const networks = openNetworks(['10.1.0.0/16', 'fd00:1::/32', '192.0.2.7/32'])
  for (const address of ['10.1.0.0', '10.1.255.255', '192.0.2.7', 'fd00:1::5', '::ffff:10.1.2.3'])
    t.ok(isIn(networks, address), address)
  for (const address of ['10.2.0.0', '192.0.2.8', 'fd00:2::5', '::ffff:10.2.2.3', '::1', 'fe80::1%eth0', '', 'name'])
    t.notOk(isIn(networks, address), address)
  for (const block of ['', '10.0.0.0', '10.0.0.0/', 'name/8', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/8x'])
    t.throws(() => openNetworks([block]), Error, block)
})

/** Ask as `net.connect` does. */
function lookUp(addresses: readonly string[], all: boolean): Promise<LookupAddress[]> {
  const networks = openNetworks(['0.0.0.0/1', '8000::/1'])
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  const lookup = lookupIn(
    networks,
    () => new Error('outside'),
    (_name, _hints, done) => done(null, found),
  )
  return new Promise((resolve, reject) => {
    lookup('name', { all }, (error, address, family = 0) => {
      if (error !== null) reject(error)
      else resolve(Array.isArray(address) ? address : [{ address, family }])
    })
  })
}

t.test('of a name’s addresses those are left that are allowed, in their order; none is a failure', async (t) => {
  const addresses = fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(addresses, fc.boolean(), async (found, all) => {
      const isAllowed = (address: string): boolean =>
        isIP(address) === 4 ? Number(address.split('.')[0]) < 128 : /^[89a-f][0-9a-f]{3}:/i.test(address)
      // Of IPv4 in IPv6, IPv4 decides: another test's matter.
      fc.pre(found.every((address) => !/^[0:]*:ffff:/i.test(address)))
      const expected = found.filter(isAllowed)
      if (expected.length === 0) {
        await t.rejects(lookUp(found, all), /outside/)
        return
      }
      const left = (await lookUp(found, all)).map(({ address }) => address)
      t.same(left, all ? expected : expected.slice(0, 1))
    }),
  )
})
