/**
 * What shows that signed statements about a log cannot all be true, as one ZIP: the containers of the messages, and what
 * partners have signed when the logs were compared. Source: design of the evidence, section 4.
 */

import { containerName, formatContainer } from '../../evidence/container.ts'
import type { Content } from '../../evidence/content.ts'
import { contentOf, joined } from '../../evidence/content.ts'
import { openZipWriter } from '../../evidence/zip-writer.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import { SUMMARY_NAME } from '../evidence/bulk.ts'
import type { Packages } from '../evidence/packages.ts'
import { NoEvidence } from '../evidence/packages.ts'
import type { PartnerView } from './partners.ts'

export interface Contradicting {
  readonly partner: string
  readonly kind: string
  readonly log: string
  readonly batch: number
  /** Records here whose evidence together shows it; none where only what the partner signed does. */
  readonly seqs: readonly number[]
  /** ISO 8601. */
  readonly foundAt: string
  /** File of questions and answers, one JWS a line. */
  readonly proof: string | null
}

export interface ContradictionsExport {
  readonly content: Content
  readonly files: readonly string[]
  /** Records that are erased by now. */
  readonly erased: readonly number[]
}

export interface ContradictionsOptions {
  readonly reader: Pick<LogReader, 'identity'>
  readonly packages: Packages
  /** What a partner signed, by the name of its file. */
  readonly statements: (proof: string) => Buffer | undefined
  readonly now: () => number
}

/** What partners say of their logs, and what comparing has shown. */
export function contradictionsOf(partners: readonly PartnerView[]): Contradicting[] {
  return partners.flatMap(({ partner, contradictions, reconciled }) => [
    ...contradictions.map(({ kind, log, batch, seqs, foundAt }) => ({
      ...{ partner, kind, log, batch, seqs, foundAt: new Date(foundAt).toISOString(), proof: null },
    })),
    ...(reconciled?.conflicts ?? []).map(({ kind, log, batch, seq, at, proof }) => ({
      ...{ partner, kind, log, batch, seqs: seq === 0 ? [] : [seq], foundAt: at, proof },
    })),
  ])
}

/** @throws {NoEvidence} any lack but `erased` */
export async function exportContradictions(
  { reader, packages, statements, now }: ContradictionsOptions,
  list: readonly Contradicting[],
): Promise<ContradictionsExport> {
  const zip = openZipWriter()
  const parts: Content[] = []
  const files: string[] = []
  const erased: number[] = []
  for (const seq of new Set(list.flatMap(({ seqs }) => seqs).sort((a, b) => a - b))) {
    const from = await packages.read(seq).catch(unlessErased)
    if (from === undefined) {
      erased.push(seq)
      continue
    }
    const file = containerName(from)
    parts.push(...zip.entry(file, formatContainer(from), from.at))
    files.push(file)
  }
  const { name: log, epoch } = reader.identity
  const contradictions = list.map(({ proof, ...each }) => ({
    ...each,
    statements: proof === null ? [] : (statements(proof)?.toString('latin1').trimEnd().split('\n') ?? []),
  }))
  const summary = JSON.stringify({ log, epoch, madeAt: new Date(now()).toISOString(), erased, contradictions }, null, 1)
  parts.push(...zip.entry(SUMMARY_NAME, contentOf(Buffer.from(`${summary}\n`)), now()), zip.end())
  return { content: joined(parts), files, erased }
}

function unlessErased(error: unknown): undefined {
  if (error instanceof NoEvidence && error.lack === 'erased') return undefined
  throw error
}
