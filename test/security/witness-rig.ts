/** What the tests of partners as witnesses share: exchanges, and comparing as an operator does. */

import type { Test } from 'tap'
import { owl } from '../gateway/owl.ts'
import type { GatewayRig, Rig } from './rig.ts'

export const LOG = { stampIntervalMs: 400 }
/** Until the next batch is closed and named in what is sent. */
export const BATCH_MS = 1000

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
