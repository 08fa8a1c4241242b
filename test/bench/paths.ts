/** The paths a request can take in the benchmark, and the processes that serve it on each. */

import { join } from 'node:path'
import { makePki } from '../../certs-dev/make.ts'
import type { Child } from './child.ts'
import { startScript } from './child.ts'
import { MEMBERS } from './members.ts'
import { hasNginx, startNginx } from './nginx.ts'

export const PATHS = ['direct', 'nginx', 'bare', 'floor', 'gateway'] as const
export type PathName = (typeof PATHS)[number]

export interface Path {
  readonly name: PathName
  /** Plain HTTP on loopback. */
  readonly port: number
  /** Every process between the load generator and the answer, the service too. */
  servingPids(): readonly number[]
  /** Those of them whose memory counts: the hops. */
  hopPids(): readonly number[]
}

export interface Baselines {
  readonly paths: readonly Path[]
  readonly service: Child
  /** Of the development PKI that all of them use. */
  readonly pki: string
  stop(): Promise<void>
}

/** Starts the service, and of the other baselines those that are asked for and can run here. */
export async function startBaselines(directory: string, wanted: ReadonlySet<PathName>): Promise<Baselines> {
  const started: Child[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((child) => child.stop()))
  }
  const run = async (...args: Parameters<typeof startScript>): Promise<Child> => {
    const child = await startScript(...args)
    started.push(child)
    return child
  }
  try {
    const pki = join(directory, 'certs')
    await makePki({ dir: pki, members: MEMBERS })
    const service = await run('service', 'service.ts')
    const paths: Path[] = []
    const add = (name: PathName, port: number, hops: () => readonly number[]): void => {
      paths.push({ name, port, hopPids: hops, servingPids: () => [...new Set([...hops(), service.pid])] })
    }

    if (wanted.has('direct')) add('direct', service.port, () => [service.pid])
    if (wanted.has('nginx') && hasNginx()) {
      const [{ slug: consumer }, { slug: provider }] = MEMBERS
      const chain = await startNginx({ directory, pki, consumer, provider, servicePort: service.port })
      started.push(...chain.children)
      add('nginx', chain.port, chain.pids)
    }
    for (const name of ['bare', 'floor'] as const) {
      if (!wanted.has(name)) continue
      const hops = await startHops(run, pki, service.port, name === 'floor')
      add(name, hops.port, () => hops.pids)
    }
    return { paths, service, pki, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startHops(
  run: (name: string, file: string, args: readonly string[]) => Promise<Child>,
  pki: string,
  servicePort: number,
  signs: boolean,
): Promise<{ port: number; pids: readonly number[] }> {
  const [{ slug: near }, { slug: far }] = MEMBERS
  const argsOf = (side: string, to: string, own: string, partner: string): string[] => [
    ...['--side', side, '--to', to, '--pki', pki, '--own', own, '--partner', partner],
    ...(signs ? ['--sign'] : []),
  ]
  const provider = await run('provider hop', 'hop.ts', argsOf('provider', `http://127.0.0.1:${servicePort}`, far, near))
  const consumer = await run(
    'consumer hop',
    'hop.ts',
    argsOf('consumer', `https://127.0.0.1:${provider.port}`, near, far),
  )
  return { port: consumer.port, pids: [consumer.pid, provider.pid] }
}
