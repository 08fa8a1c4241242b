/** Which difference between two logs has an honest reason, and which is an alarm: a table of both sides. */

import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { SharedExchange } from '../../../../gateway/message-log/witness/shared-exchanges.ts'
import { judgeTwins } from '../../../../gateway/message-log/witness/twins.ts'
import type { ExchangeDigest } from '../../../../gateway/protocol/reconciling.ts'

const AT = Date.parse('2026-11-23T08:00:00Z')
const hex = AT.toString(16).padStart(12, '0')
const ID = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
const [REQUEST, REPLY, LEAF, OTHER] = Array.from({ length: 4 }, () => randomBytes(32).toString('base64url')) as [
  string,
  string,
  string,
  string,
]

type Side = Partial<SharedExchange>
const BOTH = { id: ID, request: REQUEST, end: REPLY, receipt: LEAF, kind: 'reply', code: '' } as const
const TIMES = { at: AT, endAt: AT + 50, seq: 7, endSeq: 8 }
const consumer = (changes: Side = {}): SharedExchange => ({ ...BOTH, ...TIMES, side: 'consumer', ...changes })
const provider = (changes: Side = {}): SharedExchange => ({ ...BOTH, ...TIMES, side: 'provider', ...changes })
const failed = (code: string): Side => ({ end: '', receipt: '', kind: 'failure', code })
const DOUBT: Side = { end: '', receipt: '', kind: 'in-doubt' }
const OPEN: Side = { end: '', receipt: '', kind: 'open', endAt: 0, endSeq: 0 }

interface Row {
  readonly what: string
  readonly consumer: SharedExchange | undefined
  readonly provider: SharedExchange | undefined
  readonly reason: string | undefined
  readonly isAlarm?: boolean
}

const ROWS: readonly Row[] = [
  { what: 'the same', consumer: consumer(), provider: provider(), reason: undefined },
  {
    what: 'no twin of an answered request',
    consumer: consumer(),
    provider: undefined,
    reason: 'missing',
    isAlarm: true,
  },
  {
    what: 'no twin of a refused one',
    consumer: consumer({ kind: 'refusal' }),
    provider: undefined,
    reason: 'missing',
    isAlarm: true,
  },
  { what: 'the consumer has lost it', consumer: undefined, provider: provider(), reason: 'missing', isAlarm: true },
  {
    what: 'even in doubt the consumer has had it',
    consumer: undefined,
    provider: provider(DOUBT),
    reason: 'missing',
    isAlarm: true,
  },
  {
    what: 'never arrived',
    consumer: consumer(failed('Server.ClientProxy.NetworkError')),
    provider: undefined,
    reason: 'never-arrived',
  },
  {
    what: 'TLS failed',
    consumer: consumer(failed('Server.ClientProxy.SslAuthenticationFailed')),
    provider: undefined,
    reason: 'never-arrived',
  },
  {
    what: 'refused unsigned',
    consumer: consumer(failed('Server.ServerProxy.CertValidation')),
    provider: undefined,
    reason: 'refused-before-record',
  },
  ...['NetworkError', 'SslAuthenticationFailed', 'TimedOut', 'InvalidResponse'].map((end) => ({
    what: `the service failed (${end}), which a provider says after its record`,
    consumer: consumer(failed(`Server.ServerProxy.ServiceFailed.${end}`)),
    provider: undefined,
    reason: 'missing' as const,
    isAlarm: true,
  })),
  ...['NetworkError', 'SslAuthenticationFailed'].map((code) => ({
    what: `the other gateway says ${code} of itself`,
    consumer: consumer(failed(`Server.ServerProxy.${code}`)),
    provider: undefined,
    reason: 'refused-before-record' as const,
  })),
  {
    what: 'broke off',
    consumer: consumer(failed('Server.ClientProxy.OutcomeUnknown')),
    provider: undefined,
    reason: 'in-doubt',
  },
  { what: 'the gateway stopped', consumer: consumer(DOUBT), provider: undefined, reason: 'in-doubt' },
  { what: 'not ended', consumer: consumer(OPEN), provider: undefined, reason: 'under-way' },
  {
    what: 'the reply was lost',
    consumer: consumer(failed('Server.ClientProxy.OutcomeUnknown')),
    provider: provider(),
    reason: 'reply-lost',
  },
  { what: 'the consumer stopped', consumer: consumer(DOUBT), provider: provider(), reason: 'in-doubt' },
  { what: 'the consumer waits', consumer: consumer(OPEN), provider: provider(), reason: 'under-way' },
  { what: 'both in doubt', consumer: consumer(DOUBT), provider: provider(DOUBT), reason: undefined },
  {
    what: 'a reply that its sender denies',
    consumer: consumer(),
    provider: provider(DOUBT),
    reason: 'reply-denied',
    isAlarm: true,
  },
  {
    what: 'another request',
    consumer: consumer(),
    provider: provider({ request: OTHER }),
    reason: 'other-request',
    isAlarm: true,
  },
  {
    what: 'another reply',
    consumer: consumer(),
    provider: provider({ end: OTHER }),
    reason: 'other-reply',
    isAlarm: true,
  },
  {
    what: 'another leaf',
    consumer: consumer(),
    provider: provider({ receipt: OTHER }),
    reason: 'receipt',
    isAlarm: true,
  },
  {
    what: 'answered before asked',
    consumer: consumer(),
    provider: provider({ at: AT - 61_000 }),
    reason: 'order',
    isAlarm: true,
  },
  { what: 'clocks a little apart', consumer: consumer(), provider: provider({ at: AT - 59_000 }), reason: undefined },
  {
    what: 'long on its way',
    consumer: consumer({ endAt: AT + 2_000_000 }),
    provider: provider({ at: AT + 1_000_000, endAt: AT + 1_000_001 }),
    reason: 'time',
  },
]

for (const { what, consumer: asking, provider: asked, reason, isAlarm = false } of ROWS) {
  t.test(what, async (t) => {
    for (const [ours, theirs, here] of [
      [asking, asked, 'consumer'],
      [asked, asking, 'provider'],
    ] as const) {
      const found = judgeTwins(ours, theirs as ExchangeDigest | undefined)
      t.equal(found?.reason, reason, `seen by the ${here}`)
      t.equal(found?.isAlarm ?? false, isAlarm)
      if (found === undefined) continue
      t.equal(found.missingAt, ours === undefined ? 'here' : theirs === undefined ? 'partner' : null)
      t.strictSame(found.seqs, ours === undefined ? [] : ours.endSeq === 0 ? [7] : [7, 8], 'our records are named')
    }
  })
}

t.test('two consumers, or two providers, of one exchange cannot be', async (t) => {
  t.match(judgeTwins(consumer(), consumer()), { reason: 'other-side', isAlarm: true })
  t.match(judgeTwins(provider(), provider()), { reason: 'other-side', isAlarm: true })
})

t.test('what is missing at the provider can be asked for by its leaf', async (t) => {
  t.equal(judgeTwins(consumer(), undefined)?.leaf, LEAF)
  t.equal(judgeTwins(undefined, consumer())?.leaf, LEAF)
  t.equal(judgeTwins(provider(), undefined)?.leaf, '', 'the consumer gives no receipts')
})
