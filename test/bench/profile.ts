/** Reads a CPU profile: where the time goes, charged to our own functions where one of them is on the stack. */

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { rounded } from './results.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Costs {
  /** Function → microseconds spent in it and in what it called outside of our sources. */
  readonly charged: ReadonlyMap<string, number>
  /** Function → microseconds in itself, whosever it is. */
  readonly self: ReadonlyMap<string, number>
  readonly busyUs: number
}

export function readProfile(file: string): Costs {
  return costsOf(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile)
}

export function costsOf({ nodes, samples, timeDeltas }: CpuProfile): Costs {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const charged = new Map<string, number>()
  const self = new Map<string, number>()
  const owners = new Map<number, string>()
  let busyUs = 0
  for (const [i, id] of samples.entries()) {
    const node = byId.get(id)
    const us = timeDeltas[i] ?? 0
    if (node === undefined || node.callFrame.functionName === '(idle)') continue
    let owner = owners.get(id)
    if (owner === undefined) owners.set(id, (owner = ownerOf(node, byId, parents)))
    // The profiler's own start and end.
    if (owner.includes('test/bench/profiling.ts')) continue
    busyUs += us
    add(charged, owner, us)
    add(self, nameOf(node), us)
  }
  return { charged, self, busyUs }
}

/** The nearest of our functions on the stack; without one, the part of the machinery that runs by itself. */
function ownerOf(
  node: ProfileNode,
  byId: ReadonlyMap<number, ProfileNode>,
  parents: ReadonlyMap<number, number>,
): string {
  let outermost = node
  for (let at: ProfileNode | undefined = node; at !== undefined; ) {
    if (isOurs(at.callFrame.url)) return nameOf(at)
    const parent: ProfileNode | undefined = byId.get(parents.get(at.id) ?? Number.NaN)
    if (parent !== undefined && parent.callFrame.functionName !== '(root)') outermost = parent
    at = parent
  }
  const { functionName, url } = node.callFrame
  return url === '' && functionName.startsWith('(') ? functionName : `${partOf(node)} under ${nameOf(outermost)}`
}

function isOurs(url: string): boolean {
  return url.startsWith('file:') && !url.includes('/node_modules/')
}

function partOf({ callFrame: { url } }: ProfileNode): string {
  return /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? 'node'
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const place = url.replace(/^file:\/\/.*?\/(?=(?:gateway|adapters|node_modules|test)\/)/, '')
  return `${functionName || '(anonymous)'}${place === '' ? '' : ` ${place}:${lineNumber + 1}`}`
}

function add(to: Map<string, number>, key: string, us: number): void {
  to.set(key, (to.get(key) ?? 0) + us)
}

/** @returns the dearest first, microseconds per exchange */
export function ranking(costs: ReadonlyMap<string, number>, exchanges: number, count: number): [string, number][] {
  return [...costs]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, us]) => [name, rounded(us / exchanges, 2)])
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { exchanges: { type: 'string', default: '1' }, top: { type: 'string', default: '60' } },
  })
  const [exchanges, top] = [Number(values.exchanges), Number(values.top)]
  for (const file of positionals) {
    const { busyUs, charged, self } = readProfile(file)
    process.stdout.write(`${basename(file)}: busy ${(busyUs / exchanges).toFixed(1)} µs an exchange\n`)
    for (const [title, costs] of [
      ['charged to our functions', charged],
      ['in the function itself', self],
    ] as const) {
      process.stdout.write(`\n  ${title}\n`)
      for (const [name, us] of ranking(costs, exchanges, top)) {
        process.stdout.write(`  ${us.toFixed(2).padStart(12)}  ${name}\n`)
      }
    }
  }
}
