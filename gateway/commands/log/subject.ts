/** `owl log subject`: read from the log where it lies, beside a running gateway or without one; noted before it is read. */

import { text } from 'node:stream/consumers'
import type { SubjectReport } from '../../admin/subject/report.ts'
import { reportSubject } from '../../admin/subject/report.ts'
import { REFERENCES_MAX } from '../../admin/subject/routes.ts'
import { GatewayError } from '../../errors.ts'
import { openPseudonyms } from '../../message-log/keys/pseudonyms.ts'
import type { LogReaderOptions } from '../../message-log/reading/reader.ts'
import { openLogReader } from '../../message-log/reading/reader.ts'
import type { LogCommandDeps } from './read.ts'
import { showSubject } from './subject-text.ts'

export interface SubjectCommandDeps extends Pick<LogCommandDeps, 'looking' | 'terminal' | 'json'> {
  readonly place: LogReaderOptions
  readonly now: () => number
  readonly stdin: NodeJS.ReadableStream
  readonly parseReference: (text: string) => string | undefined
  readonly referenceForms: string
}

/** @param given references; `-` stands for those on standard input, one a line, which no list of processes shows */
export async function lookUpSubject(deps: SubjectCommandDeps, given: readonly string[]): Promise<void> {
  const { terminal, json } = deps
  const references = (await textsOf(deps, given)).map((text) => referenceOf(deps, text))
  if (references.length === 0 || references.length > REFERENCES_MAX)
    throw bad(`1 to ${REFERENCES_MAX} references are looked for at once`)
  const report = await find(deps, references)
  if (json) terminal.json(report)
  else showSubject(terminal, report)
}

async function find(
  { place, looking, now }: SubjectCommandDeps,
  references: readonly string[],
): Promise<SubjectReport> {
  const reader = openLogReader(place)
  try {
    looking({ references: references.length })
    return await reportSubject(reader, openPseudonyms(place.masterKey, reader.identity.name), references, now())
  } finally {
    reader.close()
  }
}

async function textsOf({ stdin }: SubjectCommandDeps, given: readonly string[]): Promise<string[]> {
  if (!given.includes('-')) return [...given]
  const lines = (await text(stdin)).split(/\r?\n/).filter((line) => line.trim() !== '')
  return given.flatMap((each) => (each === '-' ? lines : [each]))
}

function referenceOf({ parseReference, referenceForms }: SubjectCommandDeps, text: string): string {
  const reference = parseReference(text)
  if (reference === undefined) throw bad(`a reference is ${referenceForms}`)
  return reference
}

function bad(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}
