/** Was the message what the registry allowed then? Compared with states of the registry that were kept: signed global configurations. Architecture, "Trust". */

import type { RequestHead } from '../protocol/head.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import type { Checks } from './checks.ts'
import type { ReadRecord } from './log-record-reader.ts'
import type { MessageHead } from './message-head.ts'
import type { Signature } from './signature-checks.ts'

/** One global configuration, as far as evidence is compared with it. */
export interface RegistryState {
  readonly version: number
  /** Of its octets, hex. */
  readonly sha256: string
  /** The registry's signature was checked with a key that was given. */
  readonly isSigned: boolean
  /** Whose seal it is. @param x5t base64url */
  memberOfSeal(x5t: string): Identifier | undefined
  gateway(id: Identifier): { readonly speaksFor: ReadonlySet<Identifier>; readonly logs: readonly string[] } | undefined
  /** `id;sha256` of the agreement under which the call was allowed; `none` where none is needed. @throws when it was not */
  permit(call: RequestHead['call'], purpose: string, at: number): string
}

export interface Registry {
  check(head: MessageHead, signature: Signature, record: ReadRecord | undefined, checks: Checks): void
}

export function openRegistry(states: readonly RegistryState[]): Registry {
  const byVersion = new Map(states.map((state) => [state.version, state]))

  /** @returns nothing when it is not among those given, `false` when another stands under its version */
  function find(version: number, sha256: string): RegistryState | false | undefined {
    const state = byVersion.get(version)
    return state === undefined || state.sha256 === sha256 ? state : false
  }

  return {
    check(head, signature, record, checks) {
      const named = find(head.config.version, Buffer.from(head.config.sha256, 'base64url').toString('hex'))
      const judged = record?.basis?.config && find(record.basis.config.version, record.basis.config.sha256)
      if (named === false || judged === false) {
        checks.fail('registry.document', 'under that version another configuration is kept')
        return
      }
      // What its own gateway judged by counts; the sender may have known another.
      const state = judged ?? named
      if (state === undefined) {
        checks.skip('registry.document', `version ${head.config.version} is not among those given`)
        return
      }
      if (state.isSigned) checks.ok('registry.document', `version ${state.version}`)
      else
        checks.warn(
          'registry.document',
          `version ${state.version}, as it was given: no signature of the registry was checked`,
        )
      checkMember(state, head, signature, checks)
      checkGateway(state, head, record, checks)
      if (head.kind === 'request') checkPermission(state, head.parsed as RequestHead, record, checks)
    },
  }
}

function checkMember(state: RegistryState, head: MessageHead, { claims }: Signature, checks: Checks): void {
  const member = state.memberOfSeal(claims.x5t)
  if (member !== undefined && head.signers.includes(member)) checks.ok('registry.member', member)
  else checks.fail('registry.member', 'the certificate is not registered for the member')
}

function checkGateway(state: RegistryState, head: MessageHead, record: ReadRecord | undefined, checks: Checks): void {
  const sender = state.gateway(head.sender)
  const own = record && state.gateway(record.direction === 'out' ? head.sender : head.audience)
  if (sender === undefined || !head.signers.some((member) => sender.speaksFor.has(member))) {
    checks.fail('registry.gateway', 'the sending gateway is not registered for that member')
  } else if (record !== undefined && own?.logs.includes(record.log) !== true) {
    checks.warn('registry.gateway', 'the log is not registered for its gateway')
  } else checks.ok('registry.gateway')
}

/** What the provider judged must be what the registry says; what a consumer only expected may have been refused. */
function checkPermission(
  state: RegistryState,
  { call, block }: RequestHead,
  record: ReadRecord | undefined,
  checks: Checks,
): void {
  if (record?.side === 'provider' && record.basis?.purpose === 'refusal') {
    checks.skip('registry.permission', 'the request was refused before that')
    return
  }
  try {
    const reference = state.permit(call, block.purpose, record?.at ?? Date.parse(block.issuedAt))
    const agreed = record?.basis?.agreement
    const recorded = agreed ? `${agreed.id};${Buffer.from(agreed.sha256, 'hex').toString('base64url')}` : 'none'
    const said = record === undefined ? block.agreement : recorded
    if (said === reference) checks.ok('registry.permission', `${block.purpose}, ${reference.split(';')[0]}`)
    else if (record?.side === 'provider') checks.fail('registry.permission', 'it was judged by another agreement')
    else checks.warn('registry.permission', 'it names another agreement than the one that allows it')
  } catch {
    if (record?.side === 'provider') checks.fail('registry.permission', 'no agreement allows it')
    else checks.warn('registry.permission', 'no agreement allows it: the provider had to refuse')
  }
}
