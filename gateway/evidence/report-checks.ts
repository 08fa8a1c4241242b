/**
 * Is the report beside evidence the one that the evidence makes? The page is made anew from containers that hold, the
 * configurations whose hashes they name and the statement, and compared octet by octet.
 */

import { hash } from 'node:crypto'
import { basename, dirname, isAbsolute } from 'node:path'
import type { Configuration } from '../trust/configuration.ts'
import type { ByteSource } from './byte-source.ts'
import type { Checks } from './checks.ts'
import { openChecks, reasonOf } from './checks.ts'
import { containerName } from './container.ts'
import type { Related } from './exchange-checks.ts'
import { formatReport } from './report.ts'
import type { MessageFacts } from './report-facts.ts'
import { buildReport, configurationOf, readFacts } from './report-facts.ts'
import type { ReportStatement } from './report-statement.ts'
import { PRODUCT_VERSION, readStatement, STATEMENT_BYTES_MAX, STATEMENT_NAME } from './report-statement.ts'
import type { Verified } from './verify.ts'

export const REPORT_NAME = 'report.html'
const BULK_NAME = 'export.json'
const CONFIGURATION = /^configuration-\d+\.json$/
const VERSION = /^[\w.+-]{1,32}$/
const REPORT_BYTES_MAX = 16 * 1024 * 1024
const CONFIGURATION_BYTES_MAX = 64 * 1024 * 1024
/** Held of one archive, or of all directories: an exchange has two in each log, and a few more where it failed. */
export const MESSAGES_MAX = 256

/** In our archives beside containers, whatever the case of its letters: systems that do not tell it apart show it as ours. */
export function isCompanion(name: string): boolean {
  const known = name.toLowerCase()
  return [REPORT_NAME, STATEMENT_NAME, BULK_NAME].includes(known) || CONFIGURATION.test(known)
}

export interface ReportBook {
  /** An archive begins, inside of a directory or not: what comes until it ends is its own. */
  begin(): void
  /** @param label path of a piece of evidence @param isFile it is a container, so that it has a name of its own */
  take(label: string, verified: Verified, isFile: boolean): void
  /** @param label path of a file for which `isCompanion` holds */
  companion(label: string, content: ByteSource): void
  /** Of the archive that began last; of everything outside archives when none is open. */
  end(): Found
}

export interface Found {
  readonly related: readonly Related[]
  /** Made from what holds; nothing where something does not, or it is no one exchange. */
  page(): Buffer | undefined
}

interface Message {
  readonly label: string
  /** Nothing where it does not hold, or is of no exchange. */
  readonly facts: MessageFacts | undefined
}

interface Companion {
  readonly label: string
  readonly name: string
  readonly content: ByteSource
}

interface Frame {
  readonly messages: Message[]
  readonly companions: Companion[]
  /** No message was left out. */
  isWhole: boolean
}

export function openReportBook(): ReportBook {
  const frames: Frame[] = [openFrame()]
  const current = (): Frame => frames.at(-1) ?? openFrame()

  return {
    begin: () => void frames.push(openFrame()),
    take(label, verified, isFile) {
      const frame = current()
      if (frame.messages.length < MESSAGES_MAX) frame.messages.push({ label, facts: factsOf(label, verified, isFile) })
      else frame.isWhole = false
    },
    companion(label, content) {
      current().companions.push({ label, name: basename(label).toLowerCase(), content })
    },
    end() {
      const isArchive = frames.length > 1
      return examine(frames.pop() ?? openFrame(), isArchive)
    },
  }
}

function openFrame(): Frame {
  return { messages: [], companions: [], isWhole: true }
}

function factsOf(label: string, { outcome, statement, files }: Verified, isFile: boolean): MessageFacts | undefined {
  const { record } = statement
  if (outcome === 'invalid' || files === undefined || record === undefined) return undefined
  try {
    return readFacts(isFile ? basename(label) : containerName(record), files)
  } catch {
    return undefined
  }
}

type Given = Readonly<Frame>

function examine(given: Given, isArchive: boolean): Found {
  const reports = given.companions.filter(({ name }) => name === REPORT_NAME)
  if (reports.length === 0) {
    const isBulk = given.companions.some(({ name }) => name === BULK_NAME)
    const related = isArchive && !isBulk ? mixture(given.messages, 'warning') : []
    return { related, page: () => makePage(given, openChecks())?.octets }
  }
  const related: Related[] = []
  for (const report of reports) {
    const folder = dirname(report.label)
    const inFolder = {
      ...given,
      messages: given.messages.filter((each) => isUnder(folder, each.label)),
      companions: given.companions.filter((each) => dirname(each.label) === folder),
    }
    const checks = openChecks()
    checkReport(report, inFolder, checks)
    related.push({ subject: report.label, outcome: checks.outcome(), checks: checks.list })
    related.push(...mixture(inFolder.messages, 'failed'))
  }
  return { related, page: () => makePage(given, openChecks())?.octets }
}

/** A folder has what lies in it and below: people sort evidence into folders. */
function isUnder(folder: string, label: string): boolean {
  return folder === '.' ? !isAbsolute(label) : label.startsWith(`${folder}/`)
}

/** What there is of several exchanges is said for each. */
function mixture(messages: readonly Message[], verdict: 'warning' | 'failed'): Related[] {
  const ids = new Set(messages.flatMap(({ facts }) => facts?.record.id ?? []))
  if (ids.size < 2) return []
  const detail = `messages of ${ids.size} exchanges lie together, as if they were one`
  return [...ids].map((subject) => {
    const checks = openChecks()
    checks.add('archive.exchange', { verdict, detail })
    return { subject, outcome: checks.outcome(), checks: checks.list }
  })
}

function checkReport({ label, content }: Companion, given: Given, checks: Checks): void {
  if (given.companions.filter(({ name }) => name === REPORT_NAME).length > 1) {
    checks.fail('report.page', 'there are two of them')
    return
  }
  const page = makePage(given, checks)
  if (page === undefined) return
  const { octets, statement, isBound } = page
  if (statement === undefined) {
    checks.skip('report.page', `there is no ${STATEMENT_NAME} beside it: --report FILE writes it anew`)
  } else if (statement.version !== PRODUCT_VERSION) {
    const version = VERSION.test(statement.version) ? statement.version : 'of another version'
    checks.skip(
      'report.page',
      `made by owl-gateway ${version}, and this is ${PRODUCT_VERSION}: --report FILE writes it anew`,
    )
  } else if (content.size > REPORT_BYTES_MAX || !content.read(0, content.size).equals(octets)) {
    checks.fail('report.page', 'it is another page than the evidence makes: do not believe it')
  } else if (basename(label) !== REPORT_NAME) checks.warn('report.page', `it is called otherwise than ${REPORT_NAME}`)
  else if (isBound) checks.ok('report.page', 'as the evidence makes it; what it calls stated is stated only')
  else checks.warn('report.page', 'as the evidence makes it; its names are those of a record that nobody has sealed')
}

interface Page {
  readonly octets: Buffer
  readonly statement: ReportStatement | undefined
  /** A signature covers the hash of the configuration that its names are from. */
  readonly isBound: boolean
}

/** @returns nothing when that is said to the checks */
function makePage({ messages, companions, isWhole }: Given, checks: Checks): Page | undefined {
  const facts = messages.flatMap((each) => each.facts ?? [])
  const named = new Set(facts.flatMap(({ signed, judged }) => [signed, judged]))
  const configurations = readConfigurations(companions, named, checks)
  if (!isWhole) checks.skip('report.page', `there are more than ${MESSAGES_MAX} messages beside it`)
  else if (messages.length === 0) checks.fail('report.page', 'there is no evidence beside it')
  else if (facts.length < messages.length) checks.skip('report.page', 'evidence beside it does not hold')
  if (!isWhole || facts.length < Math.max(messages.length, 1)) return undefined
  try {
    const statement = statementOf(companions)
    const octets = formatReport(buildReport(facts, statement, configurations))
    const used = configurationOf(facts, configurations)
    const isBound = used === undefined || used.isSigned || facts.every(({ message }) => message.seal !== undefined)
    return { octets, statement, isBound }
  } catch (error) {
    checks.fail('report.page', error instanceof RangeError ? error.message : reasonOf(error))
    return undefined
  }
}

/** @throws {Error} when it is none */
function statementOf(companions: readonly Companion[]): ReportStatement | undefined {
  const found = companions.find(({ name }) => name === STATEMENT_NAME)
  if (found === undefined) return undefined
  if (found.content.size > STATEMENT_BYTES_MAX) throw new RangeError(`${STATEMENT_NAME} is too large`)
  return readStatement(found.content.read(0, found.content.size))
}

/** @param named hashes that records and signed heads name, hex */
function readConfigurations(
  companions: readonly Companion[],
  named: ReadonlySet<string | undefined>,
  checks: Checks,
): Map<string, Configuration> {
  const read = new Map<string, Configuration>()
  for (const { name, content } of companions) {
    if (!CONFIGURATION.test(name)) continue
    try {
      if (content.size > CONFIGURATION_BYTES_MAX) throw new RangeError('The configuration is too large')
      const octets = content.read(0, content.size)
      const sha256 = hash('sha256', octets, 'hex')
      const configuration = JSON.parse(octets.toString()) as Configuration
      if (!named.has(sha256)) checks.fail('archive.configuration', `${name} is not one that the messages name`)
      else if (name !== `configuration-${configuration.version}.json`) {
        checks.fail('archive.configuration', `${name} is of another version`)
      } else {
        read.set(sha256, configuration)
        checks.ok('archive.configuration', name)
      }
    } catch (error) {
      checks.fail('archive.configuration', `${name}: ${reasonOf(error)}`)
    }
  }
  return read
}
