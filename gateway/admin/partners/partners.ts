/** Compares the message log with those of partners, keeps what came of it, and shows it. Source: design of the evidence, section 4. */

import { dayOf } from '../../message-log/keys/key-store.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Contradiction, ReceivedHead } from '../../message-log/record/heads.ts'
import { logId } from '../../message-log/record/log-place.ts'
import type { ComparisonThread } from '../../message-log/witness/comparison-thread.ts'
import type { Conflict, OwnConflict, PartnerState, PartnerStates } from '../../message-log/witness/partner-states.ts'
import { afterComparison, afterFailure, ownConflicts } from '../../message-log/witness/partner-states.ts'
import type { Reconciliation } from '../../message-log/witness/reconcile.ts'
import { reconcile } from '../../message-log/witness/reconcile.ts'
import type { Span } from '../../message-log/witness/shared-exchanges.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import { gatewayOfLog } from '../../protocol/log-head.ts'
import type { Ask } from '../../protocol/reconciling.ts'
import { HOUR_MS } from '../../protocol/reconciling.ts'
import type { RegisteredGateway, Snapshot } from '../../trust/snapshot.ts'
import type { QuestionDeps } from './asking.ts'
import { askPartner } from './asking.ts'

export interface PartnersDeps extends QuestionDeps {
  readonly reader: LogReader
  readonly comparison: Pick<ComparisonThread, 'find' | 'page'>
  readonly states: PartnerStates
  report(event: ReconcileEvent): void
}

export interface ReconcileEvent {
  readonly event: 'reconciled' | 'reconciling-failed'
  readonly partner: Identifier
  readonly alarms: number
  readonly conflicts: number
  readonly problem: string | null
}

export interface Reconciled {
  readonly state: PartnerState
  /** Absent when it failed. */
  readonly reconciliation?: Reconciliation
}

/** A partner as the audit API shows it. */
export interface PartnerView {
  readonly partner: Identifier
  /** The latest head of each of its logs. */
  readonly heads: readonly ReceivedHead[]
  readonly reconciled: PartnerState | null
  readonly missing: number
  /** In what its messages say of its logs, and in what comparing has shown. */
  readonly contradictions: readonly Contradiction[]
}

export interface Partners {
  /** Never rejects for what a partner does or does not do: that is a result. */
  reconcile(partner: RegisteredGateway, span: Span): Promise<Reconciled>
  /** With every gateway that is known, one after the other, as far as the logs have settled. */
  reconcileAll(snapshot: Snapshot, signal?: AbortSignal): Promise<readonly Reconciled[]>
  /** From where the last comparison ended, with some overlap, to what has settled. */
  spanSince(partner: Identifier): Span
  /** Compares our log with what partners are known to hold of it; what contradicts is kept with the partner. */
  checkAnchors(): void
  /** What partners hold of our log that it does not say of itself. */
  ownConflicts(): readonly OwnConflict[]
  list(): readonly PartnerView[]
}

/** Exchanges this young may not have ended yet. */
export const SETTLE_MS = 120_000
const OVERLAP_MS = 2 * HOUR_MS
const FIRST_MS = 366 * 24 * HOUR_MS

export function openPartners(deps: PartnersDeps): Partners {
  const { gateway, reader, comparison, states, now, report } = deps
  const { store, identity } = reader
  const { heads, batches, decisions } = store
  const ownLog = logId(identity)

  function headerOf(batch: number): string | undefined {
    return batches.numbered(batch)?.headerSha256.toString('base64url')
  }

  async function compare(partner: RegisteredGateway, span: Span): Promise<Reconciled> {
    const before = states.read(partner.id)
    let recent: (readonly Buffer[])[] = []
    const proof = new Set<readonly Buffer[]>()
    const ask = async <A extends Ask>(question: A) => {
      const { found, statements } = await askPartner(deps, partner, question)
      recent = [...recent, statements].slice(-RECENT_MAX)
      return found
    }
    const reconciliation = await reconcile(
      {
        parties: { own: gateway, partner: partner.id },
        ownLog,
        own: comparison,
        ask,
        heads,
        ownHeader: headerOf,
        erasedAround: (at) => decisions.isErasedBetween(at - HOUR_MS, at + HOUR_MS),
        isDue: (seq) => (decisions.dates(seq)?.recordUntil ?? Number.POSITIVE_INFINITY) <= dayOf(now()),
        proved() {
          for (const statements of recent) if (proof.size < PROOFS_MAX) proof.add(statements)
        },
      },
      span,
      { compared: before?.compared ?? {} },
    )
    const kept = proof.size === 0 ? null : states.keep(partner.id, [...proof].flat())
    const { anchor } = reconciliation
    let anchorProof: string | null = null
    if (anchor !== null) {
      // Once more, so that what is kept is small.
      const { statements } = await askPartner(deps, partner, { what: 'heads', log: anchor[0], batch: anchor[1] })
      anchorProof = states.keep(partner.id, statements)
    }
    const state = afterComparison(before, partner.id, { reconciliation, proof: kept, anchorProof }, now())
    return { state, reconciliation }
  }

  async function reconcileOne(partner: RegisteredGateway, span: Span): Promise<Reconciled> {
    let done: Reconciled
    try {
      done = await compare(partner, span)
    } catch (error) {
      const problem = (error as Error).message
      done = { state: afterFailure(states.read(partner.id), partner.id, problem, now()) }
    }
    const { state } = done
    states.write(state)
    const { problem, alarms, conflicts } = state
    report({
      event: problem === null ? 'reconciled' : 'reconciling-failed',
      ...{ partner: partner.id, alarms: alarms.length, conflicts: conflicts.length, problem },
    })
    return done
  }

  function spanSince(partner: Identifier): Span {
    const at = now()
    const before = states.read(partner)?.to
    const first = batches.numbered(1)?.atMin ?? at
    const from = typeof before === 'string' ? Date.parse(before) - OVERLAP_MS : Math.max(first, at - FIRST_MS)
    return { from: Math.min(from, at - SETTLE_MS - 1), to: at - SETTLE_MS }
  }

  /** Gateways whose signed messages this log has, or that it was compared with before. */
  function known(snapshot: Snapshot): RegisteredGateway[] {
    const heard = new Set(heads.logs().map(gatewayOfLog))
    return snapshot.configuration.gateways.flatMap(({ id }) => {
      const partner = snapshot.gateway(id)
      const isKnown = id !== gateway && (heard.has(id) || states.read(id) !== undefined)
      return isKnown && partner !== undefined ? [partner] : []
    })
  }

  return {
    reconcile: reconcileOne,
    async reconcileAll(snapshot, signal) {
      const all: Reconciled[] = []
      for (const partner of known(snapshot)) {
        if (signal?.aborted) break
        all.push(await reconcileOne(partner, spanSince(partner.id)))
      }
      return all
    },
    spanSince,
    checkAnchors() {
      const at = new Date(now()).toISOString()
      for (const state of states.list()) {
        const found: Conflict[] = []
        for (const { head, proof } of state.anchors) {
          const [log, batch, sha256] = head
          const own = headerOf(batch)
          if (log !== ownLog || own === sha256) continue
          if (state.conflicts.some((each) => each.log === log && each.batch === batch)) continue
          found.push({ kind: own === undefined ? 'cut-off' : 'rewritten', log, batch, seq: 0, sha256, at, proof })
        }
        if (found.length > 0) states.write({ ...state, result: 'alarm', conflicts: [...state.conflicts, ...found] })
      }
    },
    ownConflicts: () => ownConflicts(states.list(), ownLog, headerOf),
    list() {
      const contradictions = heads.contradictions()
      const byGateway = Map.groupBy(heads.logs(), gatewayOfLog)
      const reconciled = new Map(states.list().map((state) => [state.partner, state]))
      const names = [...new Set([...byGateway.keys(), ...reconciled.keys()])].sort()
      return names.map((partner) => ({
        partner,
        heads: (byGateway.get(partner) ?? []).flatMap((log) => heads.latest(log) ?? []),
        reconciled: reconciled.get(partner) ?? null,
        missing: (reconciled.get(partner)?.alarms ?? []).filter(({ reason }) => reason === 'missing').length,
        contradictions: contradictions.filter(({ log }) => gatewayOfLog(log) === partner),
      }))
    },
  }
}

/** Questions whose answers show an alarm, and how many are kept of one comparison: more would say the same. */
const RECENT_MAX = 6
const PROOFS_MAX = 20
