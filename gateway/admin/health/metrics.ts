/**
 * What Prometheus is told. Names after its conventions: base units, `_total`; labels only from closed sets, never an id.
 *
 * An exchange costs some additions; everything else is done when somebody asks. prom-client's own counters and
 * histograms check and hash their labels at every step: 2.3 µs for ten stages, here 0.2 µs.
 */

import type { Metric } from 'prom-client'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { FaultCode } from '../../errors.ts'
import { FAULTS } from '../../errors.ts'
import type { Side } from '../../message-log/message-log.ts'
import type { Trace } from '../../trace.ts'
import type { Health } from './health.ts'
import { endingCounts, statusCounts } from './local-certificates.ts'

export interface ObservedExchange {
  readonly side: Side
  readonly outcome: 'reply' | 'refusal' | 'failure'
  /** Type of the fault, with or without its side, or `none`. */
  readonly code: string
  readonly trace: Trace
}

export interface Metrics {
  observe(exchange: ObservedExchange): void
  readonly contentType: string
  /** What a scrape gets. */
  text(health: Health, now: number): Promise<string>
}

export interface MetricsOptions {
  /** Memory, processor time, event loop and collector of this process; one registry of a process should have them. */
  readonly processMetrics?: boolean
}

/** Upper bounds in seconds: a hash takes 10 µs, a slow local system a minute. */
const STAGE_BOUNDS_S = [25e-6, 5e-5, 1e-4, 25e-5, 5e-4, 1e-3, 25e-4, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60]
const EXCHANGE_BOUNDS_S = [5e-4, 1e-3, 25e-4, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]
const OUTCOMES = ['reply', 'refusal', 'failure'] as const
const SIDES = ['consumer', 'provider'] as const

export function makeMetrics({ processMetrics = true }: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const exchanges = bySide(() => byOutcome(() => new Map<string, number>()))
  const durations = bySide(() => histogram(EXCHANGE_BOUNDS_S))
  const stages = bySide(() => new Map<string, Histogram>())
  let latest: { readonly health: Health; readonly now: number } | undefined

  register(registry, 'counter', 'owl_exchanges_total', 'Exchanges by how they ended', () =>
    SIDES.flatMap((side) =>
      OUTCOMES.flatMap((outcome) =>
        [...exchanges[side][outcome]].map(([code, value]) => ({ labels: { side, outcome, code }, value })),
      ),
    ),
  )
  register(registry, 'histogram', 'owl_exchange_seconds', 'Time of exchanges, all stages', () =>
    SIDES.flatMap((side) => samplesOf('owl_exchange_seconds', durations[side], { side })),
  )
  register(registry, 'histogram', 'owl_stage_seconds', 'Time of the stages of exchanges', () =>
    SIDES.flatMap((side) =>
      [...stages[side]].flatMap(([stage, counted]) => samplesOf('owl_stage_seconds', counted, { side, stage })),
    ),
  )
  register(registry, 'summary', 'owl_log_append_seconds', 'Time that records waited for the disk', () => {
    const { appendMs = 0, appended = 0 } = latest?.health.log ?? {}
    return [
      { metricName: 'owl_log_append_seconds_sum', labels: {}, value: appendMs / 1000 },
      { metricName: 'owl_log_append_seconds_count', labels: {}, value: appended },
    ]
  })
  for (const figure of FIGURES) {
    const samples = (): Sample[] => (latest === undefined ? [] : figureSamples(figure, latest.health, latest.now))
    register(registry, 'gauge', figure.name, figure.help, samples)
  }
  if (processMetrics) collectDefaultMetrics({ register: registry })

  return {
    contentType: registry.contentType,
    observe({ side, outcome, code, trace }) {
      const counts = exchanges[side][outcome]
      const label = labelOf(code)
      counts.set(label, (counts.get(label) ?? 0) + 1)
      const own = stages[side]
      let totalMs = 0
      for (const stage in trace.stages) {
        const ms = trace.stages[stage] as number
        totalMs += ms
        let counted = own.get(stage)
        if (counted === undefined) own.set(stage, (counted = histogram(STAGE_BOUNDS_S)))
        add(counted, ms / 1000)
      }
      add(durations[side], totalMs / 1000)
    },
    text(health, now) {
      latest = { health, now }
      return registry.metrics()
    },
  }
}

const CODES = new Map(Object.keys(FAULTS).map((code) => [code, code as FaultCode]))

/** The table's code without the side that was put before it; what others say in words of their own is one label. */
function labelOf(type: string): string {
  if (type === 'none') return type
  return CODES.get(type) ?? CODES.get(type.replace(/^(?:Client|Server\.(?:Client|Server)Proxy)\./, '')) ?? 'other'
}

type Value = number | undefined
/** One value, or one for each value of the label. */
type Read = (health: Health, now: number) => Value | readonly (readonly [string, Value])[]

interface Figure {
  readonly name: string
  readonly help: string
  readonly read: Read
  readonly label?: string
}

/** Times are told as such, so that a panel can subtract them from its own now; what is not known has no sample. */
const FIGURES: readonly Figure[] = [
  { name: 'owl_start_timestamp_seconds', help: 'When this gateway started', read: (h) => s(h.startedAt) },
  { name: 'owl_log_seq', help: 'Latest record of the message log', read: (h) => h.log.seq },
  { name: 'owl_log_writable', help: 'Whether the message log can be written', read: (h) => Number(h.log.isWritable) },
  {
    name: 'owl_log_closed',
    help: 'The message log is closed until an operator has seen to it, and why',
    label: 'flaw',
    read: ({ log: { fault } }) => (fault === undefined ? [] : [[fault.flaw, 1]]),
  },
  { name: 'owl_log_queued', help: 'Records waiting for the disk', read: (h) => h.log.queued },
  { name: 'owl_archive_files', help: 'Archive files of the message log', read: (h) => h.log.archive.files },
  { name: 'owl_archive_missing', help: 'Archive files missing or damaged', read: (h) => h.log.archive.missing.length },
  { name: 'owl_archived_seq', help: 'Records up to this one are archived', read: (h) => h.log.archive.archivedTo },
  { name: 'owl_log_unstamped', help: 'Records without a time-stamp', read: (h) => h.log.unstamped },
  {
    name: 'owl_log_unstamped_since_timestamp_seconds',
    help: 'When the oldest record without a time-stamp was made',
    read: (h) => s(h.log.unstampedSince),
  },
  {
    name: 'owl_tsa_last_success_timestamp_seconds',
    help: 'Time in the latest time-stamp',
    read: (h) => s(h.log.stampedAt),
  },
  {
    name: 'owl_log_contradictions',
    help: 'Contradictions in what partners say of logs',
    read: (h) => h.log.contradictions + h.partners.conflicts,
  },
  {
    name: 'owl_log_own_contradictions',
    help: 'Batches of our log that partners hold otherwise',
    read: (h) => h.partners.ownConflicts.length,
  },
  {
    name: 'owl_partner_alarms',
    help: 'Exchanges that differ from those in a partner’s log',
    read: (h) => h.partners.alarms,
  },
  { name: 'owl_partner_failing', help: 'Partners whose log could not be compared', read: (h) => h.partners.failing },
  {
    name: 'owl_partner_compared_timestamp_seconds',
    help: 'Up to when the log was compared with every partner’s',
    read: (h) => s(h.partners.comparedTo),
  },
  {
    name: 'owl_evidence_ends_timestamp_seconds',
    help: 'When what evidence rests on ends, unless it is renewed before',
    label: 'reason',
    read: ({ renewal: { certificateEndsAt, algorithmEndsAt } }) => [
      ['certificate', s(certificateEndsAt)],
      ['algorithm', s(algorithmEndsAt)],
    ],
  },
  {
    name: 'owl_evidence_renewed_ratio',
    help: 'How much of the renewal under way is done',
    read: ({ renewal: { progress } }) => (progress === undefined ? undefined : progress.done / progress.of),
  },
  { name: 'owl_registry_version', help: 'Global configuration in use', read: (h) => h.configuration.version },
  {
    name: 'owl_registry_issued_timestamp_seconds',
    help: 'Latest news of it',
    read: (h) => s(h.configuration.issuedAt),
  },
  {
    name: 'owl_registry_expires_timestamp_seconds',
    help: 'Until when the global configuration holds',
    read: (h) => s(h.configuration.expiresAt),
  },
  {
    name: 'owl_registry_alarms',
    help: 'Kinds of alarm about the global configuration',
    read: (h) => h.configuration.alarms.length,
  },
  {
    name: 'owl_ocsp_age_seconds',
    help: 'Age of the oldest revocation status relied on',
    read: ({ revocation: { oldestAt } }, now) => (oldestAt === undefined ? undefined : s(now - oldestAt)),
  },
  {
    name: 'owl_revocation_certificates',
    help: 'Registered certificates by revocation status',
    label: 'status',
    read: ({ revocation: { good, revoked, stale, unknown } }) => Object.entries({ good, revoked, stale, unknown }),
  },
  {
    name: 'owl_revocation_failing',
    help: 'Certificates whose last question got no answer',
    read: (h) => h.revocation.failing,
  },
  {
    name: 'owl_clock_offset_seconds',
    help: 'Our clock less that of others',
    read: ({ clock }) => (clock.source === 'none' ? undefined : s(clock.offsetMs)),
  },
  { name: 'owl_in_flight', help: 'Exchanges under way', label: 'side', read: (h) => Object.entries(h.inFlight) },
  { name: 'owl_disk_free_bytes', help: 'Where the message log lies', read: (h) => h.disk?.freeBytes },
  {
    name: 'owl_certificate_expiry_timestamp_seconds',
    help: 'End of validity of our certificates',
    label: 'use',
    read: (h) => Object.entries(h.certificates).map(([use, at]) => [use, s(at)]),
  },
  {
    name: 'owl_local_certificates',
    help: 'Certificates of local systems and operators, shown so far, by revocation status',
    label: 'status',
    read: (h) => statusCounts(h.local),
  },
  {
    name: 'owl_local_certificates_ending',
    help: 'Those of them that end within so many days; 0: that have ended',
    label: 'days',
    read: (h, now) => endingCounts(h.local, now),
  },
]

function s(ms: Value): Value {
  return ms === undefined ? undefined : ms / 1000
}

function figureSamples({ read, label = '' }: Figure, health: Health, now: number): Sample[] {
  const value = read(health, now)
  const values = typeof value === 'object' ? value : [['', value] as const]
  return values.flatMap(([of, one]) =>
    one === undefined ? [] : [{ labels: label === '' ? {} : { [label]: of }, value: one }],
  )
}

interface Histogram {
  readonly bounds: readonly number[]
  /** Not cumulative; the last one is for what exceeds every bound. */
  readonly counts: Float64Array
  sum: number
  count: number
}

function histogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Float64Array(bounds.length + 1), sum: 0, count: 0 }
}

function add(histogram: Histogram, value: number): void {
  const { bounds, counts } = histogram
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
  counts[bucket] = (counts[bucket] as number) + 1
  histogram.sum += value
  histogram.count++
}

interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

function samplesOf(name: string, { bounds, counts, sum, count }: Histogram, labels: Sample['labels']): Sample[] {
  if (count === 0) return []
  let below = 0
  const buckets = [...bounds, '+Inf'].map((le, bucket): Sample => {
    below += counts[bucket] as number
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}

/** Hands the registry a metric of our own: all it asks of one is a name and `get`. */
function register(registry: Registry, type: string, name: string, help: string, values: () => Sample[]): void {
  const metric = { name, help, type, aggregator: 'sum', get: async () => ({ name, help, type, values: values() }) }
  registry.registerMetric(metric as unknown as Metric)
}

function bySide<T>(make: () => T): Record<Side, T> {
  return { consumer: make(), provider: make() }
}

function byOutcome<T>(make: () => T): Record<(typeof OUTCOMES)[number], T> {
  return { reply: make(), refusal: make(), failure: make() }
}
