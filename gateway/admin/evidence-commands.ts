/** `owl evidence export`: evidence out of the message log where it lies, beside a running gateway or without one. */

import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatContainer, formatSealedContainer } from '../evidence/container.ts'
import type { Content } from '../evidence/content.ts'
import type { LogReader } from '../message-log/reader.ts'
import { openPackages } from './evidence-packages.ts'
import type { SealingDeps } from './evidence-seal.ts'
import { openSealing } from './evidence-seal.ts'
import type { Terminal } from './terminal.ts'

export interface EvidenceCommandDeps {
  readonly reader: LogReader
  readonly terminal: Terminal
  readonly json: boolean
  /** Only where a seal is asked for. */
  readonly sealing?: SealingDeps
}

export interface Destination {
  /** `-`: standard output. */
  readonly out?: string
}

/** @throws {NoEvidence} any lack */
export async function exportRecord(deps: EvidenceCommandDeps, seq: number, { out }: Destination): Promise<void> {
  const { reader, terminal, sealing } = deps
  const from = await openPackages(reader).read(seq)
  const seal = sealing && openSealing(sealing)
  const container = seal === undefined ? formatContainer(from) : await formatSealedContainer(from, seal)
  const short = seal?.life === 'short-lived'
  const file = out ?? `record-${seq}${short ? '.short-lived' : ''}.asice`
  await writeOut(terminal, file, container)
  const without = from.absent.length === 0 ? '' : `, without ${from.absent.join(', ')}, known by digest only`
  if (seal !== undefined) {
    for (const problem of seal.problems) terminal.say(`The seal is short-lived: ${problem}`)
  }
  if (deps.json) {
    terminal.json({ seq, file, bytes: container.size, absent: from.absent, seal: seal?.life ?? null })
    return
  }
  terminal.say(`Record ${seq}, ${from.kind}: ${file}, ${container.size} octets${without}`)
}

/** A file is there whole or not at all. */
async function writeOut(terminal: Terminal, file: string, content: Content): Promise<void> {
  if (file === '-') return terminal.octets(Readable.from(content.read()))
  const part = `${file}.part`
  const handle = await open(part, 'w', 0o600)
  try {
    await pipeline(content.read(), handle.createWriteStream())
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
