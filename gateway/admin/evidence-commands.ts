/** `owl evidence export`: evidence out of the message log where it lies, beside a running gateway or without one. */

import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatContainer } from '../evidence/container.ts'
import type { Content } from '../evidence/content.ts'
import type { LogReader } from '../message-log/reader.ts'
import { openPackages } from './evidence-packages.ts'
import type { Terminal } from './terminal.ts'

export interface EvidenceCommandDeps {
  readonly reader: LogReader
  readonly terminal: Terminal
  readonly json: boolean
}

export interface Destination {
  /** `-`: standard output. */
  readonly out?: string
}

/** @throws {NoEvidence} any lack */
export async function exportRecord(deps: EvidenceCommandDeps, seq: number, { out }: Destination): Promise<void> {
  const { reader, terminal } = deps
  const from = await openPackages(reader).read(seq)
  const file = out ?? `record-${seq}.asice`
  const container = formatContainer(from)
  await writeOut(terminal, file, container)
  const without = from.absent.length === 0 ? '' : `, without ${from.absent.join(', ')}, known by digest only`
  if (deps.json) terminal.json({ seq, file, bytes: container.size, absent: from.absent })
  else terminal.say(`Record ${seq}, ${from.kind}: ${file}, ${container.size} octets${without}`)
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
