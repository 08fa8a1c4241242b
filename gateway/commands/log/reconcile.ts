/** `owl log partners|reconcile|contradictions`: two logs compared, beside a running gateway or without one. */

import { openPackages } from '../../admin/evidence/packages.ts'
import type { Contradicting } from '../../admin/partners/contradiction-export.ts'
import { contradictionsOf, exportContradictions } from '../../admin/partners/contradiction-export.ts'
import type { Partners, Reconciled } from '../../admin/partners/partners.ts'
import { GatewayError } from '../../errors.ts'
import { gathered } from '../../evidence/content.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Looked } from '../../message-log/record/access-event.ts'
import type { PartnerState } from '../../message-log/witness/partner-states.ts'
import { formatIdentifier, parseIdentifier } from '../../protocol/identifiers.ts'
import { parseInstant } from '../../protocol/instant.ts'
import type { RegisteredGateway, Snapshot } from '../../trust/snapshot.ts'
import { writeOut } from '../evidence/export.ts'
import type { Column, Terminal } from '../terminal.ts'

export interface PartnerCommandDeps {
  readonly partners: Partners
  readonly reader: LogReader
  readonly looking: (looked: Looked) => void
  /** What a partner signed when logs were compared, by the name of its file. */
  readonly statements: (proof: string) => Buffer | undefined
  readonly snapshot: Snapshot
  readonly gateway: string
  readonly now: () => number
  readonly terminal: Terminal
  readonly json: boolean
}

const REASONS: Readonly<Record<string, string>> = {
  missing: 'the other log should have it',
  'other-request': 'another request was recorded there',
  'other-side': 'the two do not agree who asked whom',
  'other-reply': 'another reply was recorded there',
  'reply-denied': 'there is a signed reply, and its sender has none on record',
  receipt: 'the provider’s record is another than its receipt says: its log was written anew',
  order: 'it was answered before it was asked',
  'never-arrived': 'the sender could not reach the partner',
  'refused-before-record': 'refused before the partner could tell who asks',
  'reply-lost': 'the reply did not arrive, or was not taken',
  'in-doubt': 'the exchange broke off',
  'under-way': 'not ended yet',
  erased: 'erased at its date; its leaf is in the chain',
  time: 'the two recorded it more than 15 minutes apart',
}

const CONFLICTS: Readonly<Record<string, string>> = {
  fork: 'two headers of one batch',
  backwards: 'an older batch than it had named before',
  rewritten: 'the log has another header for this batch now',
  'cut-off': 'the log ends before this batch now',
}

export async function showPartners({ partners, terminal, json }: PartnerCommandDeps): Promise<void> {
  const list = partners.list()
  if (json) {
    terminal.json({ partners: list })
    return
  }
  if (list.length === 0) terminal.say('No partner has been heard of yet.')
  const columns: readonly Column[] = [
    ...[{ title: 'PARTNER' }, { title: 'BATCH', right: true as const }, { title: 'HEARD (UTC)' }],
    { title: 'COMPARED TO' },
    { title: 'RESULT', style: (cell) => (cell === 'agreed' ? 'green' : cell === 'never' ? undefined : 'red') },
    ...[
      { title: 'MISSING', right: true as const },
      { title: 'ALARMS', right: true as const },
    ],
    { title: 'CONTRADICTIONS', right: true },
  ]
  const rows = list.map(({ partner, heads, reconciled, missing, contradictions }) => {
    const latest = heads.toSorted((a, b) => b.issuedAt - a.issuedAt)[0]
    return [
      partner,
      String(latest?.batch ?? ''),
      latest === undefined ? '' : timeOf(new Date(latest.issuedAt).toISOString()),
      timeOf(reconciled?.to ?? ''),
      reconciled?.result ?? 'never',
      String(missing),
      String(reconciled?.alarms.length ?? 0),
      String(contradictions.length + (reconciled?.conflicts.length ?? 0)),
    ]
  })
  if (list.length > 0) terminal.table(columns, rows)
}

/** @returns the worst of what came of it, over all gateways of the member */
export async function reconcileMember(
  deps: PartnerCommandDeps,
  name: string,
  asked: { readonly from?: string; readonly to?: string },
): Promise<PartnerState['result']> {
  const { partners, now } = deps
  const all: Reconciled[] = []
  for (const partner of gatewaysNamed(deps, name)) {
    const since = partners.spanSince(partner.id)
    const from = asked.from === undefined ? since.from : instant(asked.from, 'from')
    // What has not been yet nobody can compare.
    const to = Math.min(asked.to === undefined ? since.to : instant(asked.to, 'to'), now())
    if (from >= to) throw misused('from has to be before to, and to cannot be in the future')
    all.push(await partners.reconcile(partner, { from, to }))
  }
  return show(deps, all)
}

/** @returns the worst of what came of it */
export async function reconcileEvery(deps: PartnerCommandDeps): Promise<PartnerState['result']> {
  return show(deps, await deps.partners.reconcileAll(deps.snapshot))
}

function show({ terminal, json }: PartnerCommandDeps, all: readonly Reconciled[]): PartnerState['result'] {
  if (json) {
    terminal.json({ partners: all.map(({ state, reconciliation = null }) => ({ ...state, last: reconciliation })) })
  } else for (const reconciled of all) showReconciled(terminal, reconciled)
  const results = all.map(({ state }) => state.result)
  return results.find((result) => result === 'alarm') ?? results.find((result) => result === 'failed') ?? 'agreed'
}

/** @throws {GatewayError} `BadRequest` */
function gatewaysNamed({ snapshot, gateway }: PartnerCommandDeps, name: string): readonly RegisteredGateway[] {
  const id = formatIdentifier(parseIdentifier(name))
  const one = snapshot.gateway(id)
  const found = (one === undefined ? snapshot.gatewaysOf(id) : [one]).filter((each) => each.id !== gateway)
  if (found.length === 0) throw misused('this member has no gateway in the global configuration, or none but this one')
  return found
}

function showReconciled(terminal: Terminal, { state, reconciliation }: Reconciled): void {
  const { partner, problem, result } = state
  if (reconciliation === undefined) {
    terminal.fields([['Partner', partner]])
    terminal.out(terminal.style('red', `Not compared: ${problem ?? ''}`))
    return
  }
  const { from, to, ours, theirs, alarms, explained, findings, conflicts, anchor } = reconciliation
  terminal.fields([
    ['Partner', partner],
    ['Time', `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`],
    ['Exchanges', `${ours} here, ${theirs} there`],
    ['Differing', `${alarms} without a reason, ${explained} with one`],
    ['Our log', anchor === null ? 'no head of it that is new there' : `batch ${anchor[1]} is held there`],
  ])
  if (findings.length > 0) {
    const alarming = (cell: string): 'red' | undefined => (cell === 'ALARM' ? 'red' : undefined)
    terminal.table(
      [
        { title: '', style: alarming },
        { title: 'REQUEST' },
        { title: 'MISSING' },
        { title: 'RECORDS' },
        { title: 'REASON' },
      ],
      findings.map(({ isAlarm, requestId, missingAt, seqs, reason }) => [
        ...[isAlarm ? 'ALARM' : '', requestId, missingAt ?? '', seqs.join(' '), REASONS[reason] ?? reason],
      ]),
    )
  }
  for (const { kind, log, batch, seq } of conflicts) {
    const where = seq === 0 ? '' : `, record ${seq}`
    terminal.out(terminal.style('red', `${log} batch ${batch}${where}: ${CONFLICTS[kind] ?? kind}`))
  }
  terminal.out(
    result === 'agreed'
      ? terminal.style('green', 'The logs agree.')
      : terminal.style('red', 'The logs contradict each other.'),
  )
}

/** @param out where to write what shows them, as one ZIP; only where there are any @returns how many there are */
export async function showContradictions(deps: PartnerCommandDeps, out?: string): Promise<number> {
  const { partners, terminal, json } = deps
  const list = contradictionsOf(partners.list())
  if (json) terminal.json({ contradictions: list })
  else if (list.length === 0)
    terminal.say('Nothing that partners say of their logs, or hold of ours, is contradictory.')
  else {
    terminal.table(
      [...['FOUND (UTC)', 'LOG', 'BATCH', 'WHAT', 'RECORDS', 'SIGNED ANSWERS'].map((title) => ({ title }))],
      list.map(({ foundAt, log, batch, kind, seqs, proof }) => [
        ...[timeOf(foundAt), log, String(batch), CONFLICTS[kind] ?? kind, seqs.join(' '), proof ?? ''],
      ]),
    )
    if (out === undefined) terminal.say('What proves them is written by --export FILE')
  }
  if (out !== undefined && list.length > 0) await writeProof(deps, list, out)
  return list.length
}

async function writeProof(deps: PartnerCommandDeps, list: readonly Contradicting[], out: string): Promise<void> {
  const { reader, terminal } = deps
  const { content, files, erased } = await exportContradictions({ ...deps, packages: openPackages(reader) }, list)
  deps.looking({ part: 'evidence', contradictions: list.length })
  await writeOut(terminal, out, gathered(content.read()))
  terminal.say(`${out}: ${files.length} containers, and what partners signed`)
  if (erased.length > 0) terminal.say(`Erased by now: records ${erased.join(', ')}`)
}

function instant(text: string, name: string): number {
  const at = parseInstant(text)
  if (at === undefined) throw misused(`${name} is a time such as 2026-03-01T08:00:00Z, or how long ago: 12h`)
  return Date.parse(at)
}

function misused(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}

function timeOf(at: string): string {
  return at.replace('T', ' ').replace('Z', '')
}
