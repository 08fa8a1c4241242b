/** `owl log renew`: renews the evidence of a log, beside a running gateway or without one, and shows how far it is. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import type { LogReaderOptions } from '../../message-log/reading/reader.ts'
import { openLogReader } from '../../message-log/reading/reader.ts'
import type { RenewalPlan } from '../../message-log/renewal/renewal-plan.ts'
import { planRenewal, renewalEnds } from '../../message-log/renewal/renewal-plan.ts'
import { ascendingStamp, lastingAuthorities, renewAt } from '../../message-log/renewal/renewal-run.ts'
import type { RenewalProgress, Renewed } from '../../message-log/renewal/renewing.ts'
import { openTimeStampClient } from '../../message-log/stamping/time-stamp-client.ts'
import { lastSnapshot } from '../at-rest/sealing.ts'
import type { Terminal } from '../terminal.ts'

export interface RenewalGiven {
  readonly hash?: 'sha384' | 'sha512'
  readonly dryRun?: true
}

export interface RenewalCommandDeps {
  readonly config: Config
  /** Where its log lies. */
  readonly place: LogReaderOptions
  readonly terminal: Terminal
  readonly json: boolean
  readonly now: () => number
  /** Stops it; it can go on later. */
  readonly signal: AbortSignal
}

const KINDS = { 'time-stamp': 'time-stamps', 'hash-tree': 'hash trees' } as const
const PROGRESS_MS = 1000

/** @throws {Error} when it has to stop; what is done stays done */
export async function renewEvidence(deps: RenewalCommandDeps, { hash, dryRun }: RenewalGiven): Promise<void> {
  const { config, place, terminal, json, now, signal } = deps
  const wanted = hash === undefined ? {} : { hash }
  if (dryRun) {
    showPlan(deps, hash)
    return
  }
  const { configuration } = await lastSnapshot(config)
  const authorities = lastingAuthorities(configuration.authorities.tsa)
  const client = openTimeStampClient({ authorities: () => authorities, now })
  // A question under way need not be waited for.
  signal.addEventListener('abort', () => void client.close(), { once: true })
  const wait = async (ms: number): Promise<void> => void (await sleep(ms, undefined, { signal }))
  const stamp = ascendingStamp(client, { now, wait })
  const report = progressLine(deps)
  try {
    const renewed = await renewAt(place, { at: now(), stamp, report, signal }, wanted)
    if (json) terminal.json({ renewed: renewed.map(formatRenewed) })
    else if (renewed.length === 0) terminal.say('There is nothing to renew.')
    else for (const each of renewed) showRenewed(terminal, each)
  } finally {
    await client.close()
  }
}

function showPlan({ place, terminal, json }: RenewalCommandDeps, hash: RenewalGiven['hash']): void {
  const reader = openLogReader(place)
  try {
    const plan = planRenewal(reader.store, hash === undefined ? {} : { hash })
    const { tokensUntil, digests, isUnfinished } = renewalEnds(reader.store)
    const until = tokensUntil === undefined ? null : new Date(tokensUntil).toISOString()
    if (json) {
      terminal.json({ plan, tokensUntil: until, digests: [...digests], isUnfinished })
      return
    }
    terminal.fields([
      ['Time-stamps hold until', until ?? 'nothing is time-stamped yet'],
      ['Algorithms in use', [...digests].join(', ')],
      ...(isUnfinished ? [['Begun before', 'a renewal that would be ended first'] as const] : []),
    ])
    if (plan.length === 0) terminal.say('There is nothing to renew.')
    for (const each of plan) terminal.out(`would renew ${what(each)}: ${each.leaves} leaves, one time-stamp`)
  } finally {
    reader.close()
  }
}

function progressLine({ terminal, json, now }: RenewalCommandDeps): (progress: RenewalProgress) => void {
  let told = now()
  return ({ kind, digest, done, of }) => {
    if (json || now() - told < PROGRESS_MS) return
    told = now()
    terminal.say(`${KINDS[kind]}, ${digest}: ${done} of ${of} leaves (${Math.floor((100 * done) / of)} %)`)
  }
}

function showRenewed(terminal: Terminal, renewed: Renewed): void {
  const { erased, damaged, genTime, until, leaves } = renewed
  terminal.out(`${terminal.style('green', 'renewed')}  ${what(renewed)}: ${leaves} leaves`)
  terminal.fields([
    ['Time-stamped', new Date(genTime).toISOString()],
    ['Holds until', new Date(until).toISOString()],
    ...(erased === 0 ? [] : [['Erased', `${erased} records, of which only the leaf is left`] as const]),
  ])
  if (damaged.length > 0) {
    const names = damaged.slice(0, 10).join(', ')
    terminal.say(terminal.style('red', `Damaged and not renewed: ${names}; owl log verify says more`))
  }
}

function what({
  kind,
  digest,
  firstBatch,
  lastBatch,
}: Pick<RenewalPlan, 'kind' | 'digest' | 'firstBatch' | 'lastBatch'>) {
  return `${KINDS[kind]} of batches ${firstBatch} to ${lastBatch}, ${digest}`
}

function formatRenewed({ genTime, until, ...renewed }: Renewed): object {
  return { ...renewed, at: new Date(genTime).toISOString(), until: new Date(until).toISOString() }
}
