import t from 'tap'
import { makeMetrics } from '../../../../gateway/admin/health/metrics.ts'
import { FAULTS } from '../../../../gateway/errors.ts'
import { Trace } from '../../../../gateway/trace.ts'
import { HEALTHY, NOW } from '../healthy.ts'

/** A trace whose stages took as long as told, in milliseconds. */
function trace(stages: Readonly<Record<string, number>>): Trace {
  let at = 0
  const made = new Trace('019a0f3e-7c11-7d52-9a55-000000000001', at)
  for (const [stage, ms] of Object.entries(stages)) {
    at += ms
    made.at(stage, at)
  }
  return made
}

t.test('counts exchanges by side, outcome and the code of our table', async (t) => {
  const metrics = makeMetrics({ processMetrics: false })
  const observe = (code: string, outcome: 'reply' | 'refusal' | 'failure' = 'refusal'): void =>
    metrics.observe({ side: 'provider', outcome, code, trace: trace({ opened: 1 }) })

  observe('none', 'reply')
  observe('none', 'reply')
  observe('Server.ServerProxy.AccessDenied')
  observe('AccessDenied')
  observe('Client.BadRequest')
  observe('Server.ClientProxy.ServiceFailed.TimedOut', 'failure')
  observe('Server.ServerProxy.Whatever.019a0f3e')
  observe('constructor')

  const text = await metrics.text(HEALTHY, NOW)
  const lines = text.split('\n').filter((line) => line.startsWith('owl_exchanges_total'))
  t.same(lines.sort(), [
    'owl_exchanges_total{side="provider",outcome="failure",code="ServiceFailed.TimedOut"} 1',
    'owl_exchanges_total{side="provider",outcome="refusal",code="AccessDenied"} 2',
    'owl_exchanges_total{side="provider",outcome="refusal",code="BadRequest"} 1',
    'owl_exchanges_total{side="provider",outcome="refusal",code="other"} 2',
    'owl_exchanges_total{side="provider",outcome="reply",code="none"} 2',
  ])
})

t.test('the number of series does not follow what callers send', async (t) => {
  const metrics = makeMetrics({ processMetrics: false })

  for (let i = 0; i < 1000; i++) {
    metrics.observe({ side: 'consumer', outcome: 'failure', code: `Server.X.${i}`, trace: trace({ sealed: 1 }) })
  }
  for (const code of Object.keys(FAULTS)) {
    metrics.observe({ side: 'consumer', outcome: 'failure', code, trace: trace({ sealed: 1 }) })
  }

  const text = await metrics.text(HEALTHY, NOW)
  t.equal((text.match(/^owl_exchanges_total\{/gm) ?? []).length, Object.keys(FAULTS).length + 1)
  t.notMatch(text, /019a0f3e/, 'no id is a label')
})

t.test('stages are histograms: cumulative buckets, sum and count', async (t) => {
  const metrics = makeMetrics({ processMetrics: false })
  for (const ms of [0.01, 0.2, 0.2, 3, 120_000]) {
    metrics.observe({ side: 'consumer', outcome: 'reply', code: 'none', trace: trace({ sealed: ms, sent: 1 }) })
  }

  const text = await metrics.text(HEALTHY, NOW)
  const bucket = (le: string): string | undefined =>
    new RegExp(
      `^owl_stage_seconds_bucket\\{side="consumer",stage="sealed",le="${le.replace('+', '\\+')}"\\} (\\S+)$`,
      'm',
    ).exec(text)?.[1]
  t.match(text, /^# TYPE owl_stage_seconds histogram$/m)
  t.equal(bucket('0.000025'), '1')
  t.equal(bucket('0.0001'), '1')
  t.equal(bucket('0.00025'), '3')
  t.equal(bucket('0.005'), '4')
  t.equal(bucket('60'), '4')
  t.equal(bucket('+Inf'), '5')
  t.match(text, /^owl_stage_seconds_count\{side="consumer",stage="sealed"\} 5$/m)
  t.match(text, /^owl_stage_seconds_sum\{side="consumer",stage="sealed"\} 120\.003/m)
  t.match(text, /^owl_exchange_seconds_count\{side="consumer"\} 5$/m)
  t.notMatch(text, /owl_exchange_seconds_count\{side="provider"\}/, 'nothing was seen there')
})

t.test('tells the state of the gateway, and nothing where nothing is known', async (t) => {
  const metrics = makeMetrics({ processMetrics: false })
  const { unstampedSince: _, stampedAt: __, ...log } = HEALTHY.log

  const text = await metrics.text(HEALTHY, NOW)
  for (const line of [
    'owl_log_seq 1234',
    'owl_log_unstamped 3',
    `owl_log_unstamped_since_timestamp_seconds ${(NOW - 5_000) / 1000}`,
    `owl_tsa_last_success_timestamp_seconds ${(NOW - 6_000) / 1000}`,
    'owl_registry_version 1772000000',
    `owl_registry_expires_timestamp_seconds ${(NOW + 239 * 60_000) / 1000}`,
    'owl_ocsp_age_seconds 300',
    'owl_clock_offset_seconds 0.012',
    'owl_in_flight{side="consumer"} 2',
    'owl_in_flight{side="provider"} 1',
    'owl_revocation_certificates{status="good"} 12',
    'owl_log_append_seconds_sum 0.5',
    'owl_log_append_seconds_count 200',
    `owl_certificate_expiry_timestamp_seconds{use="seal"} ${(NOW + 90 * 86_400_000) / 1000}`,
  ]) {
    t.ok(text.split('\n').includes(line), line)
  }

  const later = await metrics.text({ ...HEALTHY, log: { ...log, unstamped: 0 } }, NOW)
  t.notMatch(later, /^owl_log_unstamped_since_timestamp_seconds /m, 'everything is stamped')
  t.notMatch(later, /^owl_tsa_last_success_timestamp_seconds /m)
  t.match(later, /^owl_log_unstamped 0$/m)
})

t.test('every line is one that Prometheus reads', async (t) => {
  const metrics = makeMetrics()
  metrics.observe({ side: 'consumer', outcome: 'reply', code: 'none', trace: trace({ sealed: 1 }) })

  const text = await metrics.text(HEALTHY, NOW)

  t.match(metrics.contentType, /^text\/plain/)
  t.match(text, /^process_resident_memory_bytes \d+$/m)
  const line =
    /^(?:# (?:HELP|TYPE) [a-z_][a-z0-9_]* .+|[a-z_][a-z0-9_]*(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? (?:[-+]?[0-9.e+-]+|Na[nN]|\+Inf))$/
  for (const each of text.split('\n').filter((each) => each !== '')) {
    if (!line.test(each)) t.fail(`not a line: ${each}`)
  }
})
