/** `owl evidence export`: evidence out of the message log where it lies, beside a running gateway or without one. */

import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { exportQuery } from '../../admin/evidence/bulk.ts'
import { exportExchange } from '../../admin/evidence/exchange.ts'
import { NoEvidence, openPackages } from '../../admin/evidence/packages.ts'
import type { SealingDeps } from '../../admin/evidence/sealing.ts'
import { openSealing } from '../../admin/evidence/sealing.ts'
import { formatContainer, formatSealedContainer } from '../../evidence/container.ts'
import { gathered } from '../../evidence/content.ts'
import type { LogQuery } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Looked } from '../../message-log/record/access-event.ts'
import type { Terminal } from '../terminal.ts'

export interface EvidenceCommandDeps {
  readonly reader: LogReader
  /** Notes who looks, before anything is written. @throws {GatewayError} `LoggingFailed` */
  readonly looking: (looked: Looked) => void
  readonly terminal: Terminal
  readonly json: boolean
  readonly now: () => number
  /** How long a batch stays open at the most. */
  readonly stampIntervalMs: number
  /** Only where a seal is asked for. */
  readonly sealing?: SealingDeps
}

export interface Destination {
  /** `-`: standard output. */
  readonly out?: string
}

/** @throws {NoEvidence} any lack */
export async function exportOne(deps: EvidenceCommandDeps, seq: number, { out }: Destination): Promise<void> {
  const { reader, terminal, sealing } = deps
  const from = await withTime(deps, openPackages(reader).read(seq))
  const seal = sealing && openSealing(sealing)
  const container = seal === undefined ? formatContainer(from) : await formatSealedContainer(from, seal)
  deps.looking({ part: 'evidence', seq })
  const file = out ?? `record-${seq}${suffix(seal?.life)}.asice`
  await writeOut(terminal, file, gathered(container.read()))
  sayProblems(terminal, seal?.problems ?? [])
  if (tellJson(deps, file, { seq, file, bytes: container.size, absent: from.absent, seal: seal?.life ?? null })) return
  const without = from.absent.length === 0 ? '' : `, without ${from.absent.join(', ')}, known by digest only`
  terminal.say(`Record ${seq}, ${from.kind}: ${file}, ${container.size} octets${without}`)
}

/** @throws {NoEvidence} any lack but `erased` */
export async function exportRequest(deps: EvidenceCommandDeps, requestId: string, { out }: Destination): Promise<void> {
  const { reader, terminal, sealing, now } = deps
  const options = { reader, packages: openPackages(reader), now, ...(sealing && { sealing }) }
  const { content, files, life, problems } = await withTime(deps, exportExchange(options, requestId))
  deps.looking({ part: 'evidence', exchange: requestId })
  const file = out ?? `exchange-${requestId}${suffix(life)}.zip`
  await writeOut(terminal, file, gathered(content.read()))
  sayProblems(terminal, problems)
  if (tellJson(deps, file, { requestId, file, bytes: content.size, containers: files, seal: life ?? null })) return
  terminal.say(`Exchange ${requestId}: ${file}, ${content.size} octets, report and ${files.length} containers`)
}

/** @returns whether nothing was left out that should have been there */
export async function exportMany(deps: EvidenceCommandDeps, query: LogQuery, { out }: Destination): Promise<boolean> {
  const { reader, terminal, now } = deps
  if (out === undefined && terminal.isInteractive) throw new Error('Say where to: --out FILE, or into a pipe')
  const file = out ?? '-'
  deps.looking({ part: 'evidence', query })
  const { octets, count } = exportQuery(reader, openPackages(reader), query, now())
  await writeOut(terminal, file, octets)
  const { exported, left, damaged } = count
  const isWhole = left.damaged === 0
  if (tellJson(deps, file, { file, ...count })) return isWhole
  const { unstamped, erased } = left
  terminal.say(`${exported} containers: ${file === '-' ? 'standard output' : file}`)
  if (unstamped > 0) terminal.say(`${unstamped} left out that are not time-stamped yet`)
  if (erased > 0) terminal.say(`${erased} left out that are erased`)
  if (!isWhole) terminal.say(`${left.damaged} left out that are damaged, the first: ${damaged.slice(0, 10).join(', ')}`)
  return isWhole
}

/** Adds to the refusal when there will be a time-stamp. */
async function withTime<T>({ stampIntervalMs }: EvidenceCommandDeps, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof NoEvidence) || error.lack !== 'unstamped') throw error
    const seconds = Math.ceil(stampIntervalMs / 1000)
    throw new NoEvidence(
      'unstamped',
      `${error.message}: try again in ${seconds} s; if it stays so, owl doctor says why`,
    )
  }
}

function suffix(life: string | undefined): string {
  return life === 'short-lived' ? '.short-lived' : ''
}

function sayProblems(terminal: Terminal, problems: readonly string[]): void {
  for (const problem of new Set(problems)) terminal.say(`The seal is short-lived: ${problem}`)
}

/** @returns whether JSON was asked for; beside octets on standard output there is no place for it */
function tellJson({ json, terminal }: EvidenceCommandDeps, file: string, value: object): boolean {
  if (json && file !== '-') terminal.json(value)
  return json
}

/** A file is there whole or not at all. */
export async function writeOut(terminal: Terminal, file: string, octets: AsyncIterable<Uint8Array>): Promise<void> {
  if (file === '-') return terminal.octets(Readable.from(octets, { objectMode: false }))
  const part = `${file}.part`
  const handle = await open(part, 'w', 0o600)
  try {
    await pipeline(octets, handle.createWriteStream())
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
