/**
 * What was exchanged about a person, as Art. 15 (1) DSGVO asks: purposes, categories of data, who gave and who got, when,
 * how long it is kept. Contents are not in it: whoever answers looks at them by number, and that is written down too.
 */

import type { Pseudonyms } from '../../message-log/keys/pseudonyms.ts'
import type { Outcome, RecordSummary } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import { memberOf, subsystemOf } from '../../protocol/identifiers.ts'
import type { Configuration } from '../../trust/configuration.ts'
import { openRecordedConfigurations } from '../log/recorded-configurations.ts'

export interface SubjectReport {
  /** `gateway/node` */
  readonly log: string
  /** ISO 8601. */
  readonly madeAt: string
  /** Newest first. */
  readonly exchanges: readonly SubjectExchange[]
  /** False: there are more than were listed. */
  readonly isComplete: boolean
}

export interface SubjectExchange {
  readonly requestId: string
  /** ISO 8601. */
  readonly at: string
  /** What this gateway did: asked for a system of its own, or answered with one. */
  readonly direction: 'asked' | 'answered'
  readonly client: Named
  readonly provider: Named
  readonly service: Named
  readonly purpose: SubjectPurpose | null
  /** Which messages name the person. */
  readonly namedIn: readonly ('request' | 'reply')[]
  readonly outcome: Outcome | 'open'
  /** Fault code of a refusal or failure. */
  readonly code?: string
  /** Numbers of the records that name the person. */
  readonly records: readonly number[]
  /** `JJJJ-MM-TT`, the first day after; absent once erased. */
  readonly contentsUntil?: string
  readonly recordsUntil?: string
  readonly contentsErased?: true
}

export interface Named {
  readonly id: Identifier
  readonly name?: string
}

export interface SubjectPurpose {
  readonly code: string
  readonly title?: string
  readonly legalBasis?: string
  readonly dataCategories?: readonly string[]
}

const EXCHANGES_MAX = 10_000
const DAY_MS = 86_400_000

/** @param references in search form; each another way to name the same person @param now milliseconds */
export async function reportSubject(
  reader: LogReader,
  pseudonyms: Pseudonyms,
  references: readonly string[],
  now: number,
): Promise<SubjectReport> {
  const { store, identity } = reader
  const configurations = openRecordedConfigurations(reader)
  const hits = new Map<string, Hit[]>()
  for (const seq of (await store.subjects.find(pseudonyms.of(references))).toReversed()) {
    const { requestId = null, bodyUntil = null, recordUntil = null } = store.decisions.dates(seq) ?? {}
    if (requestId === null) continue
    hits.set(requestId, [...(hits.get(requestId) ?? []), { seq, bodyUntil, recordUntil }])
  }
  const exchanges: SubjectExchange[] = []
  for (const [requestId, found] of [...hits].slice(0, EXCHANGES_MAX)) {
    const records = await reader.exchange(requestId)
    const seqs = new Set(found.map(({ seq }) => seq))
    const sides = new Set(records.filter(({ seq }) => seqs.has(seq)).map(({ side }) => side))
    for (const side of sides) {
      const own = records.filter((record) => record.side === side)
      const named = found.filter(({ seq }) => own.some((record) => record.seq === seq)).toReversed()
      const configuration = await configurations.of(named[0]?.seq ?? 0)
      exchanges.push(exchangeOf(requestId, own, named, configuration))
    }
  }
  return {
    log: identity.name,
    madeAt: new Date(now).toISOString(),
    exchanges,
    isComplete: hits.size <= EXCHANGES_MAX,
  }
}

interface Hit {
  readonly seq: number
  /** Days since the Unix epoch. */
  readonly bodyUntil: number | null
  readonly recordUntil: number | null
}

/** @param records of one side of it, oldest first @param found those of them that name the person, oldest first */
function exchangeOf(
  requestId: string,
  records: readonly RecordSummary[],
  found: readonly Hit[],
  configuration: Configuration | undefined,
): SubjectExchange {
  const [first] = records as readonly [RecordSummary, ...RecordSummary[]]
  const end = records.find(({ outcome }) => outcome !== 'request' && outcome !== null)
  const { client, service, side, at } = first
  const code = end?.code
  const kept = found.flatMap(({ seq }) => records.find((record) => record.seq === seq) ?? [])
  const until = (days: readonly (number | null)[]): string | undefined => {
    const all = days.filter((day) => day !== null)
    return all.length === 0 ? undefined : new Date(Math.max(...all) * DAY_MS).toISOString().slice(0, 10)
  }
  const contentsUntil = until(found.map(({ bodyUntil }) => bodyUntil))
  const recordsUntil = until(found.map(({ recordUntil }) => recordUntil))
  return {
    requestId,
    at,
    direction: side === 'consumer' ? 'asked' : 'answered',
    client: partyOf(client ?? '', configuration),
    provider: partyOf(memberOf(service ?? ''), configuration),
    service: serviceOf(service ?? '', configuration),
    purpose: purposeOf(first.purpose, configuration),
    namedIn: kept.map(({ outcome }) => (outcome === 'request' ? 'request' : 'reply')),
    outcome: end?.outcome ?? 'open',
    ...(code !== undefined && { code }),
    records: found.map(({ seq }) => seq),
    ...(contentsUntil !== undefined && { contentsUntil }),
    ...(recordsUntil !== undefined && { recordsUntil }),
    ...(kept.length > 0 && kept.every(({ erased }) => erased !== undefined) && { contentsErased: true }),
  }
}

function partyOf(id: Identifier, configuration: Configuration | undefined): Named {
  const member = configuration?.members.find((each) => each.id === memberOf(id))
  if (member === undefined) return { id }
  const subsystem = member.subsystems.find(({ code }) => `${member.id}/${code}` === id)
  return { id, name: subsystem === undefined ? member.name : `${member.name}, ${subsystem.name}` }
}

function serviceOf(id: Identifier, configuration: Configuration | undefined): Named {
  const service = configuration?.services.find((each) => each.id === id)
  return { id, name: service?.title ?? id.slice(subsystemOf(id).length + 1) }
}

function purposeOf(code: string | null, configuration: Configuration | undefined): SubjectPurpose | null {
  if (code === null || code === 'none') return null
  const purpose = configuration?.purposes.find((each) => each.code === code)
  if (purpose === undefined) return { code }
  const { title, legalBasis, dataCategories } = purpose
  return { code, title, legalBasis, dataCategories }
}
