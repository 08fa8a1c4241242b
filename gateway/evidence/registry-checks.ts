/** Was the message what the registry allowed then? Compared with states of the registry that were kept: signed global configurations. Architecture, "Trust". */

import type { RequestHead } from '../protocol/head.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import type { Checks } from './checks.ts'
import { instant } from './checks.ts'
import type { ReadRecord } from './log-record-reader.ts'
import type { MessageHead } from './message-head.ts'
import type { Sealed } from './origin-checks.ts'
import { ownerOf } from './origin-checks.ts'
import type { Signature } from './signature-checks.ts'
import { SKEW_MS_MAX } from './time-rules.ts'
import type { JudgedToken } from './trust.ts'

/** One global configuration, as far as evidence is compared with it. */
export interface RegistryState {
  /** Milliseconds since the Unix epoch. */
  readonly issuedAt: number
  /** A time-stamp authority has this certificate. @param sha256 hex */
  stamps(sha256: string): boolean
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
  /** Seal and time-stamps, by what was registered when they were made. */
  checkOrigin(origin: Origin, checks: Checks): void
}

export interface Origin {
  readonly record: ReadRecord | undefined
  readonly sealed: Sealed | undefined
  /** Of the evidence record. */
  readonly tokens: readonly JudgedToken[]
}

/** So long may a gateway go by a configuration that is no longer the latest: as long as the registry's word on it lasts. */
const OUTDATED_MS_MAX = 86_400_000

export function openRegistry(states: readonly RegistryState[]): Registry {
  const byVersion = new Map(states.map((state) => [state.version, state]))
  const ascending = [...states].sort((a, b) => a.version - b.version)

  /** Those that a gateway may have gone by at this time. */
  function inForce(at: number): readonly RegistryState[] {
    return ascending.filter(({ issuedAt }, index) => {
      const next = ascending[index + 1]
      return issuedAt <= at + SKEW_MS_MAX && (next === undefined || next.issuedAt > at - OUTDATED_MS_MAX)
    })
  }

  function checkStamps({ sealed, tokens }: Origin, checks: Checks): void {
    const stamps = [...tokens, sealed?.stamp, sealed?.archive].filter((token) => token !== undefined)
    const unknown = stamps.find(({ genTime }) => inForce(genTime).length === 0)
    const stranger = stamps.find(({ genTime, unit }) => !inForce(genTime).some((state) => state.stamps(unit)))
    if (unknown !== undefined)
      checks.skip('registry.time-stamp', `no configuration of ${instant(unknown.genTime)} was given`)
    else if (stranger !== undefined) checks.fail('registry.time-stamp', 'the authority was not registered then')
    else if (stamps.length > 0) checks.ok('registry.time-stamp')
  }

  function checkSeal({ record, sealed }: Origin, checks: Checks): void {
    if (sealed === undefined) return
    const owner = record && ownerOf(record.log)
    const x5t = Buffer.from(sealed.signer.sha256, 'hex').toString('base64url')
    const states = inForce(sealed.at)
    if (states.length === 0) checks.skip('registry.seal', `no configuration of ${instant(sealed.at)} was given`)
    else if (owner === undefined || !states.some((state) => state.memberOfSeal(x5t) === owner)) {
      checks.fail('registry.seal', 'it was not registered then for the owner of the log')
    } else checks.ok('registry.seal', owner)
  }

  /** @returns nothing when it is not among those given, `false` when another stands under its version */
  function find(version: number, sha256: string): RegistryState | false | undefined {
    const state = byVersion.get(version)
    return state === undefined || state.sha256 === sha256 ? state : false
  }

  return {
    checkOrigin(origin, checks) {
      checkStamps(origin, checks)
      checkSeal(origin, checks)
    },
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
