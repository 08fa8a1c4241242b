/** Plays the move of residence, shows what operators see of it on both sides, and checks that it can be proven. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordSummary } from '../message-log/message-log.ts'
import { gatewayOf, openCaller } from './calls.ts'
import type { Federation } from './federation.ts'
import type { Operator } from './operator.ts'
import { openOperator } from './operator.ts'
import { checkSignatures } from './proof.ts'
import type { Screen } from './screen.ts'
import type { Exchange, StepContext } from './steps.ts'
import { moveOfResidence } from './steps.ts'

const STAMP_WAIT_MS_MAX = 60_000
const STAMP_POLL_MS = 250

/** @returns how many steps or checks failed */
export async function playScenario(federation: Federation, screen: Screen, signal: AbortSignal): Promise<number> {
  const operators = new Map<string, Promise<Operator>>()
  const operator = (id: string): Promise<Operator> => {
    const gateway = gatewayOf(federation, id)
    const open = operators.get(gateway.member) ?? openOperator(federation, gateway)
    operators.set(gateway.member, open)
    return open
  }
  const caller = openCaller(federation)
  const stamp = { now: () => Date.now(), uuid: () => crypto.randomUUID() }
  const context: StepContext = { federation, caller, stamp, operator, exchanges: [] }
  try {
    let failed = await playSteps(context, screen, signal)
    failed += await showLogs(context, screen)
    failed += await verifyLogs(context, screen, signal)
    return failed
  } finally {
    await caller.close()
    for (const open of operators.values()) await (await open).close()
  }
}

async function playSteps(context: StepContext, screen: Screen, signal: AbortSignal): Promise<number> {
  screen.title('Ein Umzug von Bielefeld nach Paderborn (a move of residence)')
  let failed = 0
  for (const { title, run } of moveOfResidence()) {
    signal.throwIfAborted()
    try {
      screen.step({ ok: true, title, ...(await run(context)) })
    } catch (error) {
      failed += 1
      screen.step({ ok: false, title, detail: error instanceof Error ? error.message : String(error) })
    }
  }
  return failed
}

/** Each exchange as the logs of both agencies have it: a request and its end, the same on both sides. */
async function showLogs(context: StepContext, screen: Screen): Promise<number> {
  screen.title('Was die Protokolle beider Seiten zeigen (what operators of both sides see)')
  const rows: string[][] = [['Schritt', 'Anfrage-ID', 'Behörde', 'Einträge', 'Zweck', 'Ergebnis']]
  let failed = 0
  for (const exchange of context.exchanges) {
    for (const id of [exchange.client, exchange.service]) {
      const { name, exchange: recordsOf } = await context.operator(id)
      const records = await recordsOf(exchange.requestId)
      const missing = lackOf(records, exchange)
      if (missing !== undefined) failed += 1
      rows.push([
        id === exchange.client ? String(exchange.step) : '',
        id === exchange.client ? exchange.requestId : '',
        name,
        records.map(({ seq, direction, outcome }) => `#${seq} ${direction ?? ''} ${outcome}`).join(', '),
        records[0]?.purpose ?? '',
        missing ?? records.at(-1)?.code ?? 'beantwortet (answered)',
      ])
    }
  }
  screen.table(rows)
  return failed
}

function lackOf(records: readonly RecordSummary[], { outcome }: Exchange): string | undefined {
  const outcomes = records.map((record) => record.outcome)
  const expected = `request, ${outcome}`
  return outcomes.join(', ') === expected ? undefined : `✗ expected: ${expected}`
}

async function verifyLogs(context: StepContext, screen: Screen, signal: AbortSignal): Promise<number> {
  screen.title('Kette, Siegel und Zeitstempel prüfen (chain, signatures, time-stamps)')
  screen.line('Warten auf den Zeitstempel des letzten Stapels (waiting for the batch’s token) …')
  let failed = 0
  for (const gateway of context.federation.gateways) {
    const own = context.exchanges.filter(({ client, service }) =>
      [client, service].some((id) => id.startsWith(`${gateway.member}/`)),
    )
    if (own.length === 0) continue
    const operator = await context.operator(gateway.member)
    try {
      screen.step({ ok: true, title: gateway.name, detail: await proveOwn(operator, own, signal) })
    } catch (error) {
      failed += 1
      screen.step({ ok: false, title: gateway.name, detail: error instanceof Error ? error.message : String(error) })
    }
  }
  return failed
}

/** @throws {Error} saying what does not hold */
async function proveOwn(operator: Operator, own: readonly Exchange[], signal: AbortSignal): Promise<string> {
  if (!(await awaitStamps(operator, own, signal)))
    throw new Error('nicht alles ist gestempelt (not everything is time-stamped)')
  const { ok, records, batches, damage } = await operator.verify()
  if (!ok) throw new Error(`Eintrag ${damage?.seq}: ${damage?.message}`)
  let signatures = 0
  for (const { requestId } of own) signatures += await checkSignatures(operator, await operator.exchange(requestId))
  return `${records} Einträge, ${signatures} Siegel, ${batches} Zeitstempel halten (records, signatures and time-stamps hold)`
}

async function awaitStamps(operator: Operator, exchanges: readonly Exchange[], signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + STAMP_WAIT_MS_MAX
  for (const { requestId } of exchanges) {
    while (!(await operator.exchange(requestId)).every(({ stamped }) => stamped)) {
      if (performance.now() > end) return false
      await sleep(STAMP_POLL_MS, undefined, { signal })
    }
  }
  return true
}
