/**
 * What comparing with each partner has shown, in files apart from the database: whoever rewrites a log finds the heads that
 * partners hold of it neither there nor within reach. One file a partner, replaced whole; what partners have signed beside.
 */

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../protocol/digests.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import type { HeadTuple } from '../../protocol/reconciling.ts'
import { readIfThere, replaceFile } from '../files/durable-file.ts'
import type { HeadConflict, Reconciliation } from './reconcile.ts'
import { timeOf } from './shared-exchanges.ts'
import type { Finding } from './twins.ts'

export interface PartnerState {
  readonly v: 1
  /** The gateway. */
  readonly partner: Identifier
  /** When the last comparison was tried; ISO 8601, as all times here. */
  readonly at: string
  /** `agreed`: the logs say the same, or honest failures explain what differs. */
  readonly result: 'agreed' | 'alarm' | 'failed'
  /** Why it failed. */
  readonly problem: string | null
  /** Of the last one that did not fail; null: there was none. */
  readonly from: string | null
  readonly to: string | null
  readonly ours: number
  readonly theirs: number
  readonly explained: number
  /** What no later comparison has shown to be right, the latest last. */
  readonly alarms: readonly Finding[]
  /** Files of the questions and answers that showed them, the latest last. */
  readonly proofs: readonly string[]
  /** These never go away. */
  readonly conflicts: readonly Conflict[]
  readonly compared: Readonly<Record<string, number>>
  /** Heads that the partner has confirmed to hold of our log, oldest first. */
  readonly anchors: readonly Anchor[]
}

export interface Conflict extends HeadConflict {
  readonly at: string
  /** File of the questions and answers that show it. */
  readonly proof: string | null
}

export interface Anchor {
  readonly head: HeadTuple
  readonly at: string
  readonly proof: string | null
}

export interface PartnerStates {
  /** Of all partners, by name. */
  list(): readonly PartnerState[]
  read(partner: Identifier): PartnerState | undefined
  write(state: PartnerState): void
  /** Keeps what was asked and answered, both sealed. @returns the name of the file */
  keep(partner: Identifier, dialogue: readonly Buffer[]): string
  /** What was kept under this name: one statement a line. */
  kept(name: string): Buffer | undefined
}

const ALARMS_MAX = 1000
const CONFLICTS_MAX = 1000
const ANCHORS_MAX = 1000
const PROOFS_MAX = 30

/** Of a gateway's state: apart from the database and from the key store. */
export function partnersDirectory({ directory }: { readonly directory: string }): string {
  return join(directory, 'partners')
}

/** @throws {Error} naming the file, when one cannot be read */
export function openPartnerStates(directory: string): PartnerStates {
  const proofs = join(directory, 'proofs')
  const fileOf = (partner: Identifier): string => join(directory, `${encodeURIComponent(partner)}.json`)

  function readFile(path: string): PartnerState | undefined {
    const octets = readIfThere(path)
    if (octets === undefined) return undefined
    try {
      const state = JSON.parse(octets.toString('utf8')) as PartnerState
      if (state.v === 1 && Array.isArray(state.anchors) && Array.isArray(state.alarms)) return state
    } catch (cause) {
      throw new Error(`${path} cannot be read`, { cause })
    }
    throw new Error(`${path} is of another version`)
  }

  return {
    list() {
      return namesIn(directory)
        .filter((name) => name.endsWith('.json'))
        .flatMap((name) => readFile(join(directory, name)) ?? [])
    },
    read: (partner) => readFile(fileOf(partner)),
    write(state) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      replaceFile(fileOf(state.partner), `${JSON.stringify(state, null, 1)}\n`)
      // Older anchors go with their proofs; a later one vouches for all before it.
      const kept = new Set([...state.proofs, ...[...state.anchors, ...state.conflicts].map(({ proof }) => proof)])
      const own = `${encodeURIComponent(state.partner)}.`
      for (const name of namesIn(proofs)) {
        if (name.startsWith(own) && !kept.has(name)) rmSync(join(proofs, name), { force: true })
      }
    },
    keep(partner, dialogue) {
      mkdirSync(proofs, { recursive: true, mode: 0o700 })
      const octets = Buffer.concat(dialogue.map((statement) => Buffer.concat([statement, Buffer.from('\n')])))
      const name = `${encodeURIComponent(partner)}.${sha256(octets).toString('hex')}.jws`
      replaceFile(join(proofs, name), octets)
      return name
    },
    kept: (name) => (namesIn(proofs).includes(name) ? readIfThere(join(proofs, name)) : undefined),
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** What a partner holds of this log that the log does not say of itself. */
export interface OwnConflict extends Conflict {
  readonly partner: Identifier
}

/**
 * Of everything that was ever found to contradict this log, what still does: a newer copy of it may have been put back.
 *
 * @param headerOf SHA-256 of the header of a batch as the log has it now, base64url
 */
export function ownConflicts(
  states: readonly PartnerState[],
  ownLog: string,
  headerOf: (batch: number) => string | undefined,
): readonly OwnConflict[] {
  return states.flatMap(({ partner, conflicts }) =>
    conflicts
      .filter(({ log, batch, sha256 }) => log === ownLog && headerOf(batch) !== sha256)
      .map((conflict) => ({ ...conflict, partner })),
  )
}

export interface Outcome {
  readonly reconciliation: Reconciliation
  /** What shows the alarms and conflicts, and what the anchor; null where there is none. */
  readonly proof: string | null
  readonly anchorProof: string | null
}

/** The state after a comparison: what it did not look at stays as it was. */
export function afterComparison(
  before: PartnerState | undefined,
  partner: Identifier,
  { reconciliation, proof, anchorProof }: Outcome,
  now: number,
): PartnerState {
  const { from, to, ours, theirs, explained, findings, conflicts, anchor, compared } = reconciliation
  const at = new Date(now).toISOString()
  const isElsewhere = ({ requestId }: Finding): boolean => timeOf(requestId) < from || timeOf(requestId) >= to
  const alarms = [...(before?.alarms ?? []).filter(isElsewhere), ...findings.filter(({ isAlarm }) => isAlarm)]
  const known = before?.conflicts ?? []
  const fresh = conflicts.filter(
    ({ kind, log, batch }) => !known.some((each) => each.kind === kind && each.log === log && each.batch === batch),
  )
  const anchors = before?.anchors ?? []
  const isNew = anchor !== null && !anchors.some(({ head }) => head[0] === anchor[0] && head[1] === anchor[1])
  return {
    v: 1,
    partner,
    at,
    result: alarms.length + known.length + fresh.length > 0 ? 'alarm' : 'agreed',
    problem: null,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    ours,
    theirs,
    explained,
    alarms: alarms.slice(-ALARMS_MAX),
    proofs: [...(before?.proofs ?? []), ...(proof === null ? [] : [proof])].slice(-PROOFS_MAX),
    conflicts: [...known, ...fresh.map((conflict) => ({ ...conflict, at, proof }))].slice(0, CONFLICTS_MAX),
    compared,
    anchors: [...anchors, ...(isNew ? [{ head: anchor, at, proof: anchorProof }] : [])].slice(-ANCHORS_MAX),
  }
}

export function afterFailure(
  before: PartnerState | undefined,
  partner: Identifier,
  problem: string,
  now: number,
): PartnerState {
  const none = { from: null, to: null, ours: 0, theirs: 0, explained: 0 }
  const nothing = { alarms: [], proofs: [], conflicts: [], compared: {}, anchors: [] }
  return { v: 1, partner, ...none, ...nothing, ...before, at: new Date(now).toISOString(), result: 'failed', problem }
}
