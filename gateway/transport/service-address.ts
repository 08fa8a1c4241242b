/** Where a service may be: its URL is a base and nothing more, inside the networks that the configuration allows. */

import { BlockList, isIP } from 'node:net'

/** RFC 6761 §6.3: these names are loopback, whoever is asked. */
const LOCALHOST = /^(?:.+\.)?localhost\.?$/i
const LOOPBACK = ['127.0.0.1', '::1']

/** Is it a CIDR block, such as `10.1.0.0/16`? */
export function isBlock(text: string): boolean {
  try {
    addBlock(new BlockList(), text)
    return true
  } catch {
    return false
  }
}

/**
 * @param blocks CIDR blocks; those that are none allow nothing
 * @returns why a service cannot be at this address; undefined when it can, as far as can be said without asking anybody:
 * a name is judged by its addresses each time it is connected to
 */
export function addressFlaw(address: string, blocks: readonly string[]): string | undefined {
  if (!URL.canParse(address)) return 'its url is not a URL'
  const { protocol, username, password, search, hash, hostname, port } = new URL(address)
  if (protocol !== 'http:' && protocol !== 'https:') return 'its url is neither http nor https'
  if (username !== '' || password !== '') return 'its url has a user name or a password'
  if (search !== '') return 'its url has a query'
  if (hash !== '') return 'its url has a fragment'
  if (port === '0') return 'its url has port 0'
  const host = hostname.replace(/^\[|\]$/g, '')
  const addresses = isIP(host) !== 0 ? [host] : LOCALHOST.test(host) ? LOOPBACK : undefined
  const networks = networksOf(blocks)
  const isOutside = addresses === undefined ? blocks.length === 0 : !addresses.some((it) => isInside(networks, it))
  return isOutside ? 'its url is outside networksAllowed' : undefined
}

function networksOf(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks.filter(isBlock)) addBlock(list, block)
  return list
}

function isInside(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/** @throws {Error} when it is not a block */
function addBlock(list: BlockList, block: string): void {
  const [, network = '', prefix] = /^([^/]+)\/(\d{1,3})$/.exec(block) ?? []
  if (isIP(network) === 0) throw new TypeError('no IP address')
  list.addSubnet(network, Number(prefix), isIP(network) === 6 ? 'ipv6' : 'ipv4')
}
