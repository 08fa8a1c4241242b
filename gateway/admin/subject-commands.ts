/**
 * `owl log subject`: who looks somebody up is put on record first. Beside a running gateway that is the gateway's to do, so
 * it is asked at its admin port, as an operator; without one the command writes it itself.
 */

import { text } from 'node:stream/consumers'
import type { Config } from '../config.ts'
import { GatewayError } from '../errors.ts'
import { recordAccessAtRest } from '../message-log/access-at-rest.ts'
import { LogOpenError } from '../message-log/open-error.ts'
import { openPseudonyms } from '../message-log/pseudonyms.ts'
import type { LogReaderOptions } from '../message-log/reader.ts'
import { openLogReader } from '../message-log/reader.ts'
import { placeOf } from '../message-log/sqlite-log.ts'
import type { OperatorFiles } from './operator-port.ts'
import { postToAdmin } from './operator-port.ts'
import type { SubjectReport } from './subject-report.ts'
import { reportSubject } from './subject-report.ts'
import { REFERENCES_MAX } from './subject-routes.ts'
import { showSubject } from './subject-text.ts'
import type { Terminal } from './terminal.ts'

export interface SubjectCommandDeps {
  readonly config: Config
  readonly place: LogReaderOptions
  readonly terminal: Terminal
  readonly json: boolean
  readonly now: () => number
  /** Who runs the command. */
  readonly user: string
  readonly stdin: NodeJS.ReadableStream
  readonly parseReference: (text: string) => string | undefined
  readonly referenceForms: string
  readonly operator?: OperatorFiles
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

async function find(deps: SubjectCommandDeps, references: readonly string[]): Promise<SubjectReport> {
  const { config, place, now, user, operator } = deps
  const written = placeOf({ ...place, gateway: config.gateway })
  try {
    recordAccessAtRest(written, { by: `console:${user}`, looked: { references: references.length } }, now())
  } catch (error) {
    if (!(error instanceof LogOpenError) || error.flaw !== 'locked') throw error
    if (operator === undefined)
      throw new Error('The gateway is running: name an operator certificate, --cert FILE --key FILE')
    return (await postToAdmin(config, operator, '/log/subject', { references })) as SubjectReport
  }
  const reader = openLogReader(place)
  try {
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
