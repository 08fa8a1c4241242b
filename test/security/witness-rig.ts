/** What the tests of partners as witnesses share: exchanges, and comparing as an operator does. */

import type { Test } from 'tap'
import { owl } from '../gateway/owl.ts'
import type { GatewayRig, Rig } from './rig.ts'
import { until } from './waiting.ts'

export const LOG = { stampIntervalMs: 400 }
const WITHIN_MS = 10_000

export interface State {
  readonly result: string
  readonly problem: string | null
  readonly ours: number
  readonly theirs: number
  readonly explained: number
  readonly alarms: readonly { readonly requestId: string; readonly reason: string; readonly missingAt: string | null }[]
  readonly conflicts: readonly {
    readonly kind: string
    readonly log: string
    readonly seq: number
    proof: string | null
  }[]
  readonly anchors: readonly { readonly head: readonly [string, number, string] }[]
  readonly last: { readonly findings: readonly { readonly reason: string; readonly requestId: string }[] } | null
}

/** As an operator does, beside the running gateway. */
export async function reconcile(
  gateway: GatewayRig,
  partner: GatewayRig,
): Promise<{ code: number | null; state: State }> {
  const member = partner.id.slice(0, partner.id.lastIndexOf('/'))
  const range = ['--from', '1h', '--to', new Date().toISOString()]
  const { code, out, err } = await owl('log', 'reconcile', member, ...range, '--config', gateway.config, '--json')
  if (out === '') throw new Error(err)
  const [state] = (JSON.parse(out) as { partners: State[] }).partners
  return { code, state: state as State }
}

export async function exchanges(t: Test, { gateways }: Rig, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const { status, requestId } = await gateways.paderborn.call()
    t.equal(status, 200)
    ids.push(requestId)
  }
  return ids
}

/** Everything so far is in a batch, which what is sent from now on names. */
export async function batched({ gateways: { paderborn, bielefeld } }: Rig): Promise<void> {
  for (const gateway of [paderborn, bielefeld])
    await until(`${gateway.id} has closed its batch`, WITHIN_MS, async () => {
      const { log } = (await gateway.admin('/health')).json as { log?: { unstamped: number } }
      return log?.unstamped === 0
    })
}

/** Each has kept a head of the other's log. */
export async function witnessed({ gateways: { paderborn, bielefeld } }: Rig): Promise<void> {
  for (const gateway of [paderborn, bielefeld])
    await until(`${gateway.id} has kept a head`, WITHIN_MS, async () => {
      const { partners } = (await gateway.admin('/log/partners')).json as { partners?: { heads: unknown[] }[] }
      return partners?.[0]?.heads.length === 1
    })
}
