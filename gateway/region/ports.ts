/** Which loopback ports a region uses: the ones written down, or free ones. */

import { createServer } from 'node:net'

export interface GatewayPorts {
  readonly admin: number
  readonly consumer: number
  readonly consumerHttp: number
  readonly provider: number
}

export interface RegionPorts {
  readonly registry: number
  readonly trust: number
  /** In the order of the region's agencies. */
  readonly gateways: readonly GatewayPorts[]
  /** In the order of the region's local systems. */
  readonly systems: readonly number[]
}

const HOST = '127.0.0.1'
const REGISTRY = 7010
const TRUST = 7020
const SYSTEMS = 7030
const GATEWAYS = 7100
/** Below what the kernel gives to outgoing connections, so that no connection takes a port between choice and use. */
const FREE = { from: 12_000, to: 32_000 } as const
/** Ports of which one region at a time takes some. */
const BLOCK = 50
const TRIES_MAX = 1000

/** 7010 registry, 7020 trust services, 7030 … local systems, 7140 … the first agency's gateway, each next one 100 higher. */
export function defaultPorts(agencies: number, systems: number): RegionPorts {
  return {
    registry: REGISTRY,
    trust: TRUST,
    systems: Array.from({ length: systems }, (_, index) => SYSTEMS + index),
    gateways: Array.from({ length: agencies }, (_, index) => {
      const base = GATEWAYS + 100 * index
      return { admin: base + 40, consumer: base + 43, provider: base + 50, consumerHttp: base + 80 }
    }),
  }
}

/**
 * Ports nobody listens on. They have to be known before anything starts, since the global configuration names them. Regions
 * that start at the same moment choose from different blocks: the first port of a block is held as long as this process lives.
 *
 * @param random 0 ≤ x < 1
 */
export async function freePorts(
  agencies: number,
  systems: number,
  random: () => number = Math.random,
): Promise<RegionPorts> {
  const needed = 2 + systems + 4 * agencies
  const ports: number[] = []
  for (let tries = 0; ports.length < needed; tries++) {
    if (tries > TRIES_MAX) throw new Error('no free loopback ports were found')
    const first = FREE.from + BLOCK * Math.floor((random() * (FREE.to - FREE.from)) / BLOCK)
    if (!(await hold(first))) continue
    for (let port = first + 1; port < first + BLOCK && ports.length < needed; port++) {
      if (await isFree(port)) ports.push(port)
    }
  }
  const next = (): number => ports.pop() as number
  return {
    registry: next(),
    trust: next(),
    systems: Array.from({ length: systems }, next),
    gateways: Array.from({ length: agencies }, () => ({
      admin: next(),
      consumer: next(),
      consumerHttp: next(),
      provider: next(),
    })),
  }
}

function hold(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(false))
    server.listen(port, HOST, () => resolve(true))
    // It must not keep the process alive.
    server.unref()
  })
}

/** @throws {Error} naming every port that is taken */
export async function checkFree(ports: RegionPorts): Promise<void> {
  const all = [ports.registry, ports.trust, ...ports.systems, ...ports.gateways.flatMap((own) => Object.values(own))]
  const taken: number[] = []
  for (const port of all) if (!(await isFree(port))) taken.push(port)
  if (taken.length === 0) return
  throw new Error(
    `Port ${taken.join(', ')} on ${HOST} is in use. Stop what listens there, or start with \`npm start -- --ports 0\`.`,
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })
}
