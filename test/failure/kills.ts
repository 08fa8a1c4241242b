/**
 * Gateways killed at random moments under load. What must hold, whenever the power goes: logs verify, whoever was
 * answered is in both logs, whoever was not got an error, no request was delivered twice, and none is left open.
 *
 * Security rows 6 and 29; architecture, "Replay and crashes".
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { LocalAnswer } from '../security/local-call.ts'
import type { Recorded } from '../security/records.ts'
import type { GatewayRig, Rig } from '../security/rig.ts'
import { openRig } from '../security/rig.ts'
import { until } from '../security/waiting.ts'

export interface Killing {
  readonly rounds: number
  readonly seed: number
}

const CALLERS = 16
const LOAD_MS_MAX = 700
const RESTART_MS = 20_000
const PAUSE_MS = 20

/** What a local system was told: an answer, or that the connection broke. */
type Told = { readonly mark: string; readonly answer?: LocalAnswer }

export async function killGateways(t: Test, { rounds, seed }: Killing): Promise<void> {
  t.comment(`seed ${seed}`)
  const random = randomFrom(seed)
  // Batches close and are stamped all the time, so that kills meet them too.
  const rig = await openRig(t, {
    start: ['paderborn', 'bielefeld'],
    limits: { peerTimeoutMs: 10_000 },
    log: { stampIntervalMs: 300 },
  })
  const { paderborn, bielefeld } = rig.gateways
  const load = startLoad(paderborn)

  for (let round = 0; round < rounds; round++) {
    await until('an exchange after the start', RESTART_MS, () => load.succeededSince())
    await sleep(random() * LOAD_MS_MAX)
    const chance = random()
    const victims = chance < 0.4 ? [paderborn] : chance < 0.8 ? [bielefeld] : [paderborn, bielefeld]
    const names = victims.map(({ slug }) => slug).join(' and ')
    t.comment(`round ${round + 1}: ${names} after ${load.told.length} calls`)
    await Promise.all(victims.map((victim) => victim.kill()))
    await sleep(random() * 100)
    await Promise.all(victims.map((victim) => victim.start()))
  }
  await until('an exchange after the last start', RESTART_MS, () => load.succeededSince())
  const told = await load.stop()
  await checkAll(t, rig, told)
}

async function checkAll(t: Test, rig: Rig, told: readonly Told[]): Promise<void> {
  const { paderborn, bielefeld } = rig.gateways
  const own = paderborn.records()
  const theirs = bielefeld.records()
  const acknowledged = told.filter(({ answer }) => answer?.status === 200)
  const refused = told.filter(({ answer }) => answer !== undefined && answer.status !== 200)
  const broken = told.filter(({ answer }) => answer === undefined)
  t.comment(`${acknowledged.length} answered, ${refused.length} told why not, ${broken.length} cut off`)
  t.comment(countsOf(refused.map(({ answer }) => answer?.error ?? 'none')))

  for (const gateway of [paderborn, bielefeld]) {
    const { json } = await gateway.admin('/log/verify')
    t.match(json, { ok: true }, `${gateway.slug}: the log verifies`)
  }

  const inDoubt = [own, theirs].map((records) => records.filter(({ kind }) => kind === 'in-doubt').length)
  t.comment(`in doubt: ${inDoubt.join(' at the consumer, ')} at the provider`)

  const [ownById, theirsById] = [groupById(own), groupById(theirs)]
  const missing = acknowledged.filter(({ answer }) => {
    const id = answer?.requestId as string
    const [here, there] = [ownById.get(id) ?? [], theirsById.get(id) ?? []]
    return ![here, there].every((records) => records.map(({ kind }) => kind).join() === 'request,reply')
  })
  t.strictSame(
    missing.map(({ answer }) => answer?.requestId),
    [],
    'whoever was answered is in both logs',
  )
  const differing = acknowledged.filter(({ answer }) => {
    const id = answer?.requestId as string
    return signaturesOf(ownById.get(id)) !== signaturesOf(theirsById.get(id))
  })
  t.strictSame(differing.length, 0, 'with the same signatures')
  const wrong = acknowledged.filter(({ mark, answer }) => answer?.text !== mark)
  t.strictSame(wrong.length, 0, 'and got the answer to their own question')

  const untrue = refused.filter(({ answer }) => {
    const records = ownById.get(answer?.requestId as string) ?? []
    return records.at(-1)?.code !== answer?.error
  })
  t.strictSame(
    untrue.map(({ answer }) => answer?.error),
    [],
    'whoever was told why not is on record with just that',
  )
  const faults = new Set(refused.map(({ answer }) => answer?.error))
  t.ok(
    [...faults].every((type) => type !== undefined && HONEST.test(type)),
    `faults: ${[...faults].join(', ')}`,
  )

  for (const [records, slug] of [
    [own, paderborn.slug],
    [theirs, bielefeld.slug],
  ] as const) {
    const ends = records.flatMap(({ ends }) => ends ?? [])
    t.equal(new Set(ends).size, ends.length, `${slug}: no request ends twice`)
    const open = records.filter(({ kind, seq }) => kind === 'request' && !ends.includes(seq))
    t.strictSame(
      open.map(({ requestId }) => requestId),
      [],
      `${slug}: none is left open`,
    )
  }

  const deliveredIds = rig.service.delivered.map(({ requestId }) => requestId)
  t.equal(new Set(deliveredIds).size, deliveredIds.length, 'nothing was delivered twice')
  const marks = rig.service.delivered.map(({ body }) => body.toString())
  t.equal(new Set(marks).size, marks.length, 'nor under another id')
  const unrecorded = deliveredIds.filter((id) => !theirsById.has(id))
  t.strictSame(unrecorded, [], 'what was delivered is on record')
  const unsent = [...theirsById.keys()].filter((id) => !ownById.has(id))
  t.strictSame(unsent, [], 'and what was sent')
}

/** What a caller may read while a gateway is down or coming up. Never that all is well, never an internal error. */
const HONEST =
  /^Server\.(?:ClientProxy\.(?:NetworkError|OutcomeUnknown|TooManyRequests|CertValidation|CannotCreateSignature)|ServerProxy\.(?:CertValidation|OutdatedGlobalConf|TooManyRequests))$/

interface Load {
  readonly told: readonly Told[]
  /** Has a call that was made after the last kill succeeded? Asked once per round. */
  succeededSince(): boolean
  stop(): Promise<readonly Told[]>
}

function startLoad(consumer: GatewayRig): Load {
  const told: Told[] = []
  let running = true
  let count = 0
  let successes = 0
  let seen = 0
  const caller = async (): Promise<void> => {
    while (running) {
      const mark = JSON.stringify({ marke: count++ })
      try {
        const answer = await consumer.call({ body: mark })
        told.push({ mark, answer })
        if (answer.status === 200) successes++
        else await sleep(PAUSE_MS)
      } catch {
        told.push({ mark })
        await sleep(PAUSE_MS)
      }
    }
  }
  const callers = Array.from({ length: CALLERS }, caller)
  return {
    told,
    succeededSince() {
      // More than were under way: one at least was made since.
      if (successes - seen <= CALLERS) return false
      seen = successes
      return true
    },
    async stop() {
      running = false
      await Promise.all(callers)
      return told
    },
  }
}

function groupById(records: readonly Recorded[]): ReadonlyMap<string, readonly Recorded[]> {
  return Map.groupBy(records, ({ requestId }) => requestId)
}

function signaturesOf(records: readonly Recorded[] = []): string {
  return records.map(({ signature }) => signature).join()
}

function countsOf(names: readonly string[]): string {
  return [...Map.groupBy(names, (name) => name)].map(([name, list]) => `${list.length} × ${name}`).join(', ')
}

/** A linear congruential generator: enough to choose moments by, the same for the same seed. Numerical Recipes. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
