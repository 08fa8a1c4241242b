/**
 * What the report on an exchange says, worked out of what the containers hold, the global configuration of that moment and
 * the statement beside them, and of nothing else: who exports and who verifies make the same page.
 */

import { readArchiveForm } from '../protocol/archive-form.ts'
import { readEvidenceRecord } from '../protocol/evidence-record-reader.ts'
import type { ReplyHead, RequestHead } from '../protocol/head.ts'
import { memberOf, subsystemOf } from '../protocol/identifiers.ts'
import { readToken } from '../protocol/time-stamp-token.ts'
import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import { parseCertificate, subjectOf } from '../trust/certificate-profile.ts'
import type { Configuration } from '../trust/configuration.ts'
import type { EvidenceFile } from './files.ts'
import { HEAD_NAME, LOG_RECORD_NAME, SIGNATURE_NAME } from './log-record-checks.ts'
import type { ReadRecord } from './log-record-reader.ts'
import { LOG_RECORD_BYTES_MAX, readLogRecord } from './log-record-reader.ts'
import { EVIDENCE_RECORD_NAME, SEAL_NAME } from './manifest.ts'
import { HEAD_BYTES_MAX, readHead } from './message-head.ts'
import { sealCertificate, stampCertificate } from './qualification.ts'
import { RECORD_BYTES_MAX } from './record-checks.ts'
import type { ExchangeReport, Party, ReportedMessage, ReportedOutcome } from './report.ts'
import type { ReportStatement, StatedErasure } from './report-statement.ts'
import { readSeal } from './seal-reader.ts'

/** A container's files, as far as the report reads them. */
export type ReportedFiles = ReadonlyMap<string, Pick<EvidenceFile, 'size' | 'octets'>>

/** What one container says. */
export interface MessageFacts {
  readonly message: ReportedMessage
  readonly record: ReadRecord
  readonly head: RequestHead | ReplyHead | undefined
  /** Purpose that the message was judged under. */
  readonly purpose: string | undefined
  /** Of a fault, as it was sent. */
  readonly fault: string | undefined
  /** SHA-256 of the configurations that the signed head and the record name, hex. */
  readonly signed: string | undefined
  readonly judged: string | undefined
}

/** What the gateway writes, as far as the report reads it. */
interface Basis {
  readonly config?: { readonly version: number; readonly sha256: string }
  readonly agreement?: { readonly id: string } | null
  readonly purpose?: string
  readonly seal?: string
  readonly tls?: { readonly version: string | null; readonly group: string | null }
  readonly revocation?: readonly Status[]
  readonly stages?: readonly string[]
}

interface Status {
  readonly status?: string
  readonly source: string | null
  readonly thisUpdate: string | null
}

/** A larger body is no fault of a gateway. */
export const FAULT_BYTES_MAX = 64 * 1024
export const FAULT_NAME = 'message-body.json'
const SIGNATURE_BYTES_MAX = 1024 * 1024
const ENDS: ReadonlySet<string> = new Set(['reply', 'refusal', 'failure', 'in-doubt'])

/** @param file what the container is called @throws {Error} when the files are not those of a message's evidence */
export function readFacts(file: string, files: ReportedFiles): MessageFacts {
  const octets = demanded(files, LOG_RECORD_NAME, LOG_RECORD_BYTES_MAX)
  const record = readLogRecord(octets, false)
  const basis = ((JSON.parse(octets.toString()) as { basis: Basis | null }).basis ?? {}) as Basis
  const { kind, direction, seq, at } = record
  const head = files.has(HEAD_NAME) ? readHead(demanded(files, HEAD_NAME, HEAD_BYTES_MAX)) : undefined
  const [status] = basis.revocation ?? []
  const connection = [basis.tls?.version, basis.tls?.group].filter(isNamed).join(', ')
  const message: ReportedMessage = {
    ...{ seq, file, recordedAt: at, stages: basis.stages ?? [] },
    kind: kind === 'in-doubt' ? kind : `${kind} ${direction ?? ''}`.trimEnd(),
    ...(head !== undefined && { claimedAt: Date.parse(head.issuedAt) }),
    ...proofOf(demanded(files, EVIDENCE_RECORD_NAME, RECORD_BYTES_MAX)),
    ...signerOf(files, basis),
    ...sealOf(files),
    ...(status?.source && {
      revocation: {
        status: status.status ?? 'unknown',
        source: status.source,
        ...(status.thisUpdate !== null && { thisUpdate: Date.parse(status.thisUpdate) }),
      },
    }),
    ...(basis.agreement && { agreement: basis.agreement.id }),
    ...(basis.config !== undefined && { configuration: basis.config }),
    ...(connection !== '' && { connection }),
    objects: record.objects.map(({ name, sha256 }) => ({
      ...{ name, sha256: sha256.toString('hex'), isKept: files.has(name) },
    })),
  }
  return {
    ...{ message, record, head: head?.parsed, purpose: basis.purpose, fault: faultIn(files, record) },
    signed: head && Buffer.from(head.config.sha256, 'base64url').toString('hex'),
    judged: basis.config?.sha256,
  }
}

/** The first token says when a message was there, the latest until when that can be shown. */
function proofOf(evidenceRecord: Buffer): Pick<ReportedMessage, 'stamps'> {
  const tokens = readEvidenceRecord(evidenceRecord).chains.flatMap(({ timeStamps }) => timeStamps)
  return {
    stamps: tokens.map(({ token }) => {
      const read = readToken(token)
      const by = stampCertificate(read)
      return { at: read.stamp.genTime, ...(by !== undefined && { by }) }
    }),
  }
}

/** Whose seal is on the message. */
function signerOf(files: ReportedFiles, { seal }: Basis): Pick<ReportedMessage, 'signer'> {
  if (!files.has(SIGNATURE_NAME)) return {}
  const certificate = signingCertificate(files)
  if (certificate === undefined) return seal === undefined ? {} : { signer: { sha256: seal } }
  return { signer: { sha256: certificate.sha256, ...partyIn(certificate), by: sealCertificate(certificate) } }
}

/** Nothing where the signature is of another form: the page says what it can, and verification says what is wrong. */
function signingCertificate(files: ReportedFiles): ParsedCertificate | undefined {
  try {
    const [der] = readArchiveForm(demanded(files, SIGNATURE_NAME, SIGNATURE_BYTES_MAX)).certificates
    return der && parseCertificate(der)
  } catch {
    return undefined
  }
}

/** Whose seal is on the container, and the time-stamp in it. */
function sealOf(files: ReportedFiles): Pick<ReportedMessage, 'seal'> {
  if (!files.has(SEAL_NAME)) return {}
  const { signer, certificates, timeStamp } = readSeal(demanded(files, SEAL_NAME, RECORD_BYTES_MAX))
  const certificate = certificates.map(parseCertificate).find(({ fields }) => fields.serial.equals(signer.serial))
  const stamp = timeStamp && readToken(timeStamp)
  const stampedBy = stamp && stampCertificate(stamp)
  return {
    seal: {
      ...(certificate !== undefined && { by: sealCertificate(certificate), ...partyIn(certificate) }),
      ...(stamp !== undefined && { at: stamp.stamp.genTime }),
      ...(stampedBy !== undefined && { stampedBy }),
    },
  }
}

function partyIn(certificate: Parameters<typeof subjectOf>[0]): { readonly party?: Party } {
  const { organizationIdentifier: id, organization: name } = subjectOf(certificate)
  return id === undefined ? {} : { party: { id, ...(name !== undefined && { name }) } }
}

/** Of the fault that a refusal carries as JSON. */
function faultIn(files: ReportedFiles, { outcome }: ReadRecord): string | undefined {
  const file = files.get(FAULT_NAME)
  if (outcome === null || file === undefined || file.size > FAULT_BYTES_MAX) return undefined
  try {
    const { message } = JSON.parse(file.octets(FAULT_BYTES_MAX).toString()) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}

function demanded(files: ReportedFiles, name: string, bytesMax: number): Buffer {
  const file = files.get(name)
  if (file === undefined) throw new TypeError(`There is no ${name}`)
  return file.octets(bytesMax)
}

/** By SHA-256 of their octets, hex. */
export type Configurations = ReadonlyMap<string, Configuration>

/** @param statement nothing where nothing is stated @throws {RangeError} when the messages are not of one exchange in one log */
export function buildReport(
  messages: readonly MessageFacts[],
  statement: ReportStatement | undefined,
  configurations: Configurations,
): ExchangeReport {
  const all = [...messages].sort((a, b) => a.record.seq - b.record.seq)
  const log = all[0]?.record.log ?? statement?.log ?? ''
  const requestId = all[0]?.record.id ?? statement?.requestId ?? ''
  if (all.some(({ record }) => record.log !== log)) throw new RangeError('The messages are of several logs')
  if (all.some(({ record }) => record.id !== requestId)) throw new RangeError('The messages are of several exchanges')
  const configuration = configurations.get(configurationOf(all, configurations)?.sha256 ?? '')
  const request = all.map(({ head }) => head).find((head) => head !== undefined && 'call' in head)
  const answer = all.map(({ head }) => head).find((head) => head !== undefined && 'ids' in head)
  const [client, service] = request
    ? [request.call.client, request.call.service]
    : [answer?.ids.client, answer?.ids.service]
  const purpose = [request?.block.purpose, ...all.map((each) => each.purpose)].find(isNamed)
  return {
    ...{ requestId, log, keeper: party(memberOf(log), configuration) },
    ...(statement !== undefined && { madeAt: statement.madeAt, version: statement.version }),
    ...(client !== undefined && { client: party(client, configuration) }),
    ...(service !== undefined && {
      provider: party(memberOf(service), configuration),
      service: serviceParty(service, configuration),
    }),
    ...(request !== undefined && { call: `${request.call.method} ${request.call.path || '/'}` }),
    ...(purpose !== undefined && { purpose: purposeOf(purpose, configuration) }),
    isWithoutPurpose: request?.block.purpose === 'none',
    ...(request?.call.issue !== undefined && { issue: request.call.issue }),
    ...(request?.call.userId !== undefined && { userId: request.call.userId }),
    outcome: outcomeOf(all, statement?.erasures ?? []),
    messages: withErasures(all, statement?.erasures ?? []),
  }
}

/**
 * By which configuration names are told: the one that a signed message of the log's own gateway names, or else one that
 * its record names.
 */
export function configurationOf(
  messages: readonly MessageFacts[],
  configurations: Configurations,
): { readonly sha256: string; readonly isSigned: boolean } | undefined {
  const own = messages.filter(({ record }) => record.direction === 'out').map(({ signed }) => signed)
  const judged = messages.map((each) => each.judged)
  const signed = new Set(messages.map((each) => each.signed))
  const found = [...own, ...judged, ...signed].find((sha256) => sha256 !== undefined && configurations.has(sha256))
  return found === undefined ? undefined : { sha256: found, isSigned: signed.has(found) }
}

/** What the side that asked knows counts before what the side that answered does. */
function outcomeOf(messages: readonly MessageFacts[], erasures: readonly StatedErasure[]): ReportedOutcome {
  const ends = messages.filter(({ record }) => ENDS.has(record.kind))
  const end = ends.find(({ record }) => record.side === 'consumer') ?? ends.at(-1)
  if (end === undefined) return { kind: erasures.some(({ what }) => what === 'record') ? 'erased' : 'open' }
  const { record, head, fault } = end
  const stage = head !== undefined && 'ids' in head ? head.block.stage : undefined
  return {
    kind: record.kind as ReportedOutcome['kind'],
    ...(record.outcome !== null && { code: record.outcome }),
    ...(stage !== undefined && { stage }),
    ...(fault !== undefined && { message: fault }),
  }
}

/** A statement counts for what is not there: it changes nothing about what is. */
function withErasures(messages: readonly MessageFacts[], erasures: readonly StatedErasure[]): ReportedMessage[] {
  const told = messages.map(({ message }) => {
    const isGone = message.objects.some(({ isKept }) => !isKept)
    const erasure = erasures.find(({ seq, what }) => seq === message.seq && what === 'body')
    return erasure === undefined || !isGone ? message : { ...message, erasure }
  })
  const gone = erasures
    .filter(({ seq, what }) => what === 'record' && !messages.some(({ message }) => message.seq === seq))
    .map((erasure) => ({ seq: erasure.seq, kind: 'erased', stamps: [], stages: [], objects: [], erasure }))
  return [...told, ...gone].sort((a, b) => a.seq - b.seq)
}

function party(id: string, configuration: Configuration | undefined): Party {
  const member = configuration?.members.find((each) => each.id === memberOf(id))
  if (member === undefined) return { id }
  const subsystem = member.subsystems.find(({ code }) => `${member.id}/${code}` === id)
  return { id, name: subsystem === undefined ? member.name : `${member.name}, ${subsystem.name}` }
}

function serviceParty(id: string, configuration: Configuration | undefined): Party {
  const service = configuration?.services.find((each) => each.id === id)
  const { name } = party(subsystemOf(id), configuration)
  const title = [service?.title, name].filter((text) => text !== undefined).join(' – ')
  return title === '' ? { id } : { id, name: title }
}

function purposeOf(code: string, configuration: Configuration | undefined): NonNullable<ExchangeReport['purpose']> {
  const purpose = configuration?.purposes.find((each) => each.code === code)
  if (purpose === undefined) return { code }
  const { title, legalBasis, dataCategories, bodyRetentionDays, recordRetentionDays, retentionBasis } = purpose
  return {
    ...{ code, title, legalBasis, dataCategories },
    retention: {
      bodyDays: bodyRetentionDays,
      recordDays: recordRetentionDays,
      ...(retentionBasis && { retentionBasis }),
    },
  }
}

function isNamed(text: string | null | undefined): text is string {
  return text !== undefined && text !== null && text !== 'none' && text !== 'refusal'
}
