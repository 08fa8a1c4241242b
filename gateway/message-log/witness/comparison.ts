/** Finds in a log what a question of `protocol/reconciling.ts` asks for. */

import type { Identifier } from '../../protocol/identifiers.ts'
import { gatewayOfLog } from '../../protocol/log-head.ts'
import type { Ask, ExchangeDigest, Found, HeadTuple } from '../../protocol/reconciling.ts'
import { HEADS_MAX, NO_BATCH, PAGE_MAX } from '../../protocol/reconciling.ts'
import type { LogReader } from '../reading/reader.ts'
import { logId } from '../record/log-place.ts'
import type { Parties, SharedExchange, Span } from './shared-exchanges.ts'
import { openSharedExchanges } from './shared-exchanges.ts'

export interface Comparison {
  /** What the partner may be told. */
  find(parties: Parties, ask: Ask): Found
  /** The same with the numbers of our records. */
  page(parties: Parties, span: Span, after: string): readonly SharedExchange[]
}

export function openComparison(reader: LogReader): Comparison {
  const { store, identity } = reader
  const shared = openSharedExchanges(reader)
  const received = store.heads
  const ownLog = logId(identity)

  function find(parties: Parties, ask: Ask): Found {
    switch (ask.what) {
      case 'digests':
        return shared.digests(parties, ask, ask.stepMs)
      case 'exchanges': {
        const exchanges = page(parties, ask, ask.after).map(told)
        const next = exchanges.length < PAGE_MAX ? '' : (exchanges.at(-1)?.id ?? '')
        return { what: 'exchanges', exchanges, next }
      }
      case 'heads':
        return { what: 'heads', heads: headsOf(parties.partner, ask.log, ask.batch) }
      case 'compare':
        return { what: 'compare', heads: differingFrom(ask.heads) }
      case 'leaves':
        return { what: 'leaves', leaves: leavesOf(ask.leaves) }
    }
  }

  function page(parties: Parties, span: Span, after: string): SharedExchange[] {
    const exchanges: SharedExchange[] = []
    for (const exchange of shared.list(parties, span, after)) {
      exchanges.push(exchange)
      if (exchanges.length === PAGE_MAX) break
    }
    return exchanges
  }

  /** Everybody is told of his own log only. */
  function headsOf(partner: Identifier, log: string, batch: number): HeadTuple[] {
    if (gatewayOfLog(log) !== partner) return []
    return received.from(log, batch, HEADS_MAX).map(tupleOf)
  }

  /** Of another's log one head is proof enough: whoever makes up heads shall not learn when we hear from whom. */
  function differingFrom(heads: readonly HeadTuple[]): HeadTuple[] {
    const told = new Set<string>()
    return heads
      .flatMap(othersThan)
      .filter(([log]) => log === ownLog || (!told.has(log) && told.add(log)))
      .slice(0, HEADS_MAX)
  }

  function othersThan([log, batch, sha256]: HeadTuple): HeadTuple[] {
    if (log !== ownLog) {
      return received
        .of(log, batch)
        .filter((head) => head.sha256 !== sha256)
        .map(tupleOf)
    }
    const own = store.batches.numbered(batch)?.headerSha256.toString('base64url') ?? NO_BATCH
    return own === sha256 ? [] : [[log, batch, own]]
  }

  /** They say nothing to whoever was not told them. */
  function leavesOf(leaves: readonly string[]): (readonly [string, number])[] {
    const found = store.exchanges.withLeaves(leaves.map((leaf) => Buffer.from(leaf, 'base64url')))
    return found.map(({ leaf, erasedAt }) => [leaf.toString('base64url'), erasedAt ?? 0])
  }

  return { find, page }
}

function told({ seq: _, endSeq: __, ...exchange }: SharedExchange): ExchangeDigest {
  return exchange
}

function tupleOf({ log, batch, sha256 }: { log: string; batch: number; sha256: string }): HeadTuple {
  return [log, batch, sha256]
}
