/** Where services may be: CIDR blocks, and the addresses of a name that lie in them. */

import type { LookupAddress, LookupAllOptions } from 'node:dns'
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { BlockList, isIP } from 'node:net'

/** @throws {Error} for what is no CIDR block */
export function openNetworks(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks) {
    const [network = '', prefix = ''] = block.split('/')
    const family = isIP(network)
    if (family === 0 || !/^\d{1,3}$/.test(prefix)) throw new Error('networksAllowed: not a CIDR block')
    list.addSubnet(network, Number(prefix), family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

/** @param address an IP address; a name is in no network */
export function isIn(networks: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && networks.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/**
 * The addresses of a name that are allowed, for `net.connect`, which connects to one of just these: what the name
 * leads to a moment later changes nothing.
 *
 * @param outside what to fail with when there is none
 * @param resolve knows all addresses of a name
 */
export function lookupIn(networks: BlockList, outside: () => Error, resolve: Resolve = lookup): LookupFunction {
  return (name, hints, done) =>
    resolve(name, { ...hints, all: true }, (error, addresses) => {
      if (error !== null) return done(error, [])
      const [first, ...others] = addresses.filter(({ address }) => isIn(networks, address))
      if (first === undefined) return done(outside(), [])
      return hints.all ? done(null, [first, ...others]) : done(null, first.address, first.family)
    })
}

/** As `dns.lookup`. */
export type Resolve = (
  name: string,
  hints: LookupAllOptions,
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void
