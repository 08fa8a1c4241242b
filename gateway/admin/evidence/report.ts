/** Gathers what the report on an exchange says: from its records, its heads, its time-stamps and the configuration then. */

import { X509Certificate } from 'node:crypto'
import type { ExchangeReport, Party, ReportedMessage, ReportedOutcome } from '../../evidence/report.ts'
import type { ReportedErasure } from '../../evidence/report-erasure.ts'
import type { RecordSummary } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import { HEAD_NAME } from '../../message-log/record/log-record.ts'
import { readCertificate } from '../../protocol/authority-certificates.ts'
import type { ReplyHead, RequestHead } from '../../protocol/head.ts'
import { parseReplyHead, parseRequestHead } from '../../protocol/head-parser.ts'
import { memberOf, subsystemOf } from '../../protocol/identifiers.ts'
import { readToken } from '../../protocol/time-stamp-token.ts'
import type { Configuration } from '../../trust/configuration.ts'
import { openRecordedConfigurations } from '../log/recorded-configurations.ts'
import type { RecordPackage } from './packages.ts'
import { containerName } from './packages.ts'

export interface Reporting {
  report(requestId: string, known: KnownOfExchange, madeAt: number): ExchangeReport
}

export interface KnownOfExchange {
  readonly summaries: readonly RecordSummary[]
  /** Of those that are not erased. */
  readonly found: readonly RecordPackage[]
  readonly erasures: ReadonlyMap<number, ReportedErasure>
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

interface Proof {
  readonly provenAt: number
  readonly authority?: string
}

const ENDS: ReadonlySet<string | null> = new Set(['reply', 'refusal', 'failure', 'in-doubt'])

export function openReporting(reader: LogReader): Reporting {
  const configurations = openRecordedConfigurations(reader)

  /** The first token counts: renewals say nothing of when a message was there. */
  function proofOf(seq: number): Proof | undefined {
    const token = reader.store.batches.of(seq)?.token
    return token ? proof(token) : undefined
  }

  return {
    report(requestId, { summaries, found, erasures }, madeAt) {
      const messages: ReportedMessage[] = []
      for (const summary of summaries) {
        const from = found.find(({ seq }) => seq === summary.seq)
        const erasure = erasures.get(summary.seq)
        const told = message(summary, from, from && proofOf(summary.seq))
        messages.push(erasure === undefined ? told : { ...told, erasure })
      }
      const [first] = summaries as readonly [RecordSummary, ...RecordSummary[]]
      const from = found[0]
      const basis = basisOf(from)
      const configuration = from && configurations.named(from.seq, basis.config?.sha256)
      const request = found.map(requestHeadOf).find((head) => head !== undefined)
      const { client, service } = first
      const purpose = found.map((each) => basisOf(each).purpose).find(isNamed) ?? named(first.purpose)
      return {
        requestId,
        log: reader.identity.name,
        keeper: party(memberOf(reader.identity.name), configuration),
        madeAt,
        client: party(client ?? '', configuration),
        provider: party(memberOf(service ?? ''), configuration),
        service: serviceParty(service ?? '', configuration),
        ...(request !== undefined && { call: `${request.call.method} ${request.call.path || '/'}` }),
        ...(purpose !== undefined && { purpose: purposeOf(purpose, configuration) }),
        ...(request?.call.issue !== undefined && { issue: request.call.issue }),
        ...(request?.call.userId !== undefined && { userId: request.call.userId }),
        outcome: outcomeOf(summaries, found),
        messages,
      }
    },
  }
}

function message(
  { seq, outcome, direction, at }: RecordSummary,
  from: RecordPackage | undefined,
  proof: Proof | undefined,
): ReportedMessage {
  const kind = outcome === 'in-doubt' ? outcome : `${outcome} ${direction ?? ''}`.trimEnd()
  const recordedAt = at === '' ? {} : { recordedAt: Date.parse(at) }
  if (from === undefined) return { seq, kind, ...recordedAt, stages: [], objects: [] }
  const { config, agreement, seal, tls, revocation = [], stages = [] } = basisOf(from)
  const issuedAt = headOf(from)?.block.issuedAt
  const [status] = revocation
  const connection = [tls?.version, tls?.group].filter(isNamed).join(', ')
  return {
    seq,
    kind,
    file: containerName(from),
    ...recordedAt,
    ...(issuedAt !== undefined && { claimedAt: Date.parse(issuedAt) }),
    ...proof,
    stages,
    ...(seal !== undefined && { seal }),
    ...(status?.source && {
      revocation: {
        status: status.status ?? 'unknown',
        source: status.source,
        ...(status.thisUpdate !== null && { thisUpdate: Date.parse(status.thisUpdate) }),
      },
    }),
    ...(agreement && { agreement: agreement.id }),
    ...(config !== undefined && { configuration: config }),
    ...(connection !== '' && { connection }),
    objects: from.record.objects.map((object) => ({ ...object, isKept: !from.absent.includes(object.name) })),
  }
}

/** What the side that asked knows counts before what the side that answered does. */
function outcomeOf(summaries: readonly RecordSummary[], found: readonly RecordPackage[]): ReportedOutcome {
  const ends = summaries.filter(({ outcome }) => ENDS.has(outcome))
  const end = ends.find(({ side }) => side === 'consumer') ?? ends.at(-1)
  if (end === undefined) return { kind: 'open' }
  const { code, stage } = end
  const from = found.find(({ seq }) => seq === end.seq)
  const said = from === undefined || code === undefined ? undefined : faultMessage(from)
  return {
    kind: end.outcome as ReportedOutcome['kind'],
    ...(code !== undefined && { code }),
    ...(stage !== undefined && { stage }),
    ...(said !== undefined && { message: said }),
  }
}

/** Of the fault that a refusal carries as JSON. */
function faultMessage({ atHand }: RecordPackage): string | undefined {
  const body = [...atHand].find(([name]) => name === 'message-body.json')?.[1]
  try {
    const { message } = JSON.parse(body?.toString() ?? '{}') as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}

function basisOf(from: RecordPackage | undefined): Basis {
  return (from?.record.basis as Basis | null | undefined) ?? {}
}

function requestHeadOf(from: RecordPackage): RequestHead | undefined {
  const head = headOf(from)
  return head !== undefined && 'call' in head ? head : undefined
}

/** Nothing where there is none, or it has a form that this version does not know. */
function headOf({ kind, atHand }: RecordPackage): RequestHead | ReplyHead | undefined {
  const octets = atHand.get(HEAD_NAME)
  if (octets === undefined) return undefined
  try {
    return kind === 'request' ? parseRequestHead(octets) : parseReplyHead(octets)
  } catch {
    return undefined
  }
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
  const title = [service?.title, name].filter(isNamed).join(' – ')
  return title === '' ? { id } : { id, name: title }
}

function purposeOf(code: string, configuration: Configuration | undefined): NonNullable<ExchangeReport['purpose']> {
  const purpose = configuration?.purposes.find((each) => each.code === code)
  return purpose === undefined ? { code } : { code, title: purpose.title, legalBasis: purpose.legalBasis }
}

function proof(token: Buffer): Proof {
  const { stamp, signer, certificates } = readToken(token)
  const der = certificates.find((each) => readCertificate(each).serial.equals(signer.serial))
  const name = der === undefined ? undefined : /^CN=(.+)$/m.exec(new X509Certificate(der).subject)?.[1]
  return { provenAt: stamp.genTime, ...(name !== undefined && { authority: name }) }
}

function named(text: string | null): string | undefined {
  return text === null || text === 'refusal' ? undefined : text
}

function isNamed(text: string | null | undefined): text is string {
  return text !== undefined && text !== null && text !== 'none' && text !== 'refusal'
}
