/** May this client call this service this way, and for what purpose? The provider decides; the consumer looks ahead. */

import { GatewayError } from '../errors.ts'
import type { Call } from '../protocol/call.ts'
import type { Agreement, Purpose } from '../trust/configuration.ts'
import { pathMatches } from './path-glob.ts'

/** What the current configuration says about one client and one service. */
export interface Rights {
  agreementsOf(call: Pick<Call, 'client' | 'clientMember' | 'service'>): readonly RegisteredAgreement[]
  purpose(code: string): Purpose | undefined
}

export interface RegisteredAgreement {
  readonly agreement: Agreement
  /** `id;sha256` with the digest in base64url: what `owl-agreement` says. */
  readonly reference: string
  /** Milliseconds since the Unix epoch. */
  readonly validFromAt: number
  /** From when on it is not in force any more; infinity when nothing ends it. */
  readonly validUntilAt: number
}

/** No agreement needed, or none known. */
export const NONE = 'none'
/** The built-in purpose under which refusals are kept. */
export const REFUSAL = 'refusal'

export interface Permission {
  readonly agreement: string
  readonly purpose: string
  readonly purposeBy: 'caller' | 'agreement' | 'none'
  /** Where the agreement lets an identification number be; nowhere when absent. */
  readonly idnr?: Agreement['idnr']
}

/** Services of the gateway itself: any registered client may ask them. X-Road PR-META; contract §2.6. */
export const METASERVICES: ReadonlySet<string> = new Set(['listMethods', 'allowedMethods', 'getOpenAPI'])
export const META_PERMISSION: Permission = {
  ...{ agreement: NONE, purpose: NONE, purposeBy: 'none' },
  // It is asked about services, not about people.
  idnr: ['request', 'reply'],
}

export function isMetaservice(call: Pick<Call, 'service'>): boolean {
  return METASERVICES.has(call.service.slice(call.service.lastIndexOf('/') + 1))
}

/**
 * The purpose a call goes out under, at the consumer. An application written for X-Road names none: then the agreement
 * does, if it names exactly one. No agreement known here: the provider will judge.
 *
 * @param named value of `OWL-Purpose`
 * @throws {GatewayError} `BadRequest` when several purposes are possible or the purpose asks for a header
 */
export function choosePurpose(rights: Rights, call: Call, named: string | undefined, now: number): Permission {
  if (isMetaservice(call)) return META_PERMISSION
  const endpoints = matching(rights, call, now)
  const first = endpoints[0]
  if (first === undefined)
    return { agreement: NONE, purpose: named ?? NONE, purposeBy: named === undefined ? 'none' : 'caller' }
  if (named !== undefined) {
    checkRequired(rights, call, named)
    const chosen = endpoints.find(({ purposes }) => purposes.includes(named)) ?? first
    return permission(chosen, named, 'caller')
  }
  const free = endpoints.find(({ purposes }) => purposes.length === 0)
  if (free !== undefined) return permission(free, NONE, 'none')
  const possible = [...new Set(endpoints.flatMap(({ purposes }) => purposes))]
  if (possible.length > 1)
    throw new GatewayError('BadRequest', { reason: `OWL-Purpose is missing; possible are ${possible.join(', ')}` })
  const purpose = possible[0] as string
  checkRequired(rights, call, purpose)
  const chosen = endpoints.find(({ purposes }) => purposes.includes(purpose)) ?? first
  return permission(chosen, purpose, 'agreement')
}

/**
 * What an exchange is kept under in the message log. Each purpose has keys and texts of its own there, in the clear, so a
 * code that is not in the catalogue gets none: such a call is kept like a refusal, which it will become.
 */
export function permissionOnRecord(rights: Rights, permission: Permission): Permission {
  const { purpose } = permission
  if (purpose === NONE || rights.purpose(purpose) !== undefined) return permission
  return { ...permission, purpose: REFUSAL, purposeBy: 'none' }
}

/**
 * The provider's judgement over a verified call.
 *
 * @param purpose as signed, `none` when none was named
 * @throws {GatewayError} `AccessDenied`, `PurposeNotAllowed`
 */
export function permit(rights: Rights, call: Call, purpose: string, now: number): Permission {
  if (isMetaservice(call)) return META_PERMISSION
  const endpoints = matching(rights, call, now)
  if (endpoints.length === 0) throw new GatewayError('AccessDenied')
  const asked = endpoints.find(({ purposes }) =>
    purpose === NONE ? purposes.length === 0 : purposes.includes(purpose),
  )
  // An endpoint that asks for no purpose may be called for any that exists.
  const free = asked ?? endpoints.find(({ purposes }) => purposes.length === 0 && rights.purpose(purpose) !== undefined)
  if (free === undefined) throw new GatewayError('PurposeNotAllowed')
  if (purpose === NONE) return permission(free, purpose, 'none')
  const registered = rights.purpose(purpose)
  if (registered === undefined || missingHeader(registered, call) !== undefined)
    throw new GatewayError('PurposeNotAllowed', { reason: 'a header that the purpose requires is missing' })
  return permission(free, purpose, 'caller')
}

/**
 * @param purpose code, or `none`
 * @param ageMs of the registry's last word
 * @throws {GatewayError} `OutdatedGlobalConf` when the purpose demands a fresher one
 */
export function checkAge(rights: Rights, purpose: string, ageMs: number): void {
  const maxS = rights.purpose(purpose)?.maxStalenessS
  if (maxS !== undefined && ageMs > maxS * 1000)
    throw new GatewayError('OutdatedGlobalConf', { reason: 'the purpose demands a fresher one' })
}

interface Endpoint {
  readonly reference: string
  readonly purposes: readonly string[]
  readonly idnr: Agreement['idnr']
}

function permission({ reference, idnr }: Endpoint, purpose: string, purposeBy: Permission['purposeBy']): Permission {
  const granted = { agreement: reference, purpose, purposeBy }
  return idnr === undefined ? granted : { ...granted, idnr }
}

/**
 * What of a service this client may call now: its endpoints as far as rights cover them, or the rights where they are
 * the narrower. Of a service that names no endpoints: the rights.
 */
export function permittedEndpoints(
  rights: Rights,
  call: Pick<Call, 'client' | 'clientMember' | 'service'>,
  offered: readonly Pattern[],
  now: number,
): Pattern[] {
  const permitted = new Map<string, Pattern>()
  const inForce = agreementsInForce(rights, call, now)
  for (const right of inForce.flatMap(({ agreement }) => agreement.endpoints)) {
    for (const endpoint of offered.length === 0 ? [right] : offered) {
      const both = narrower(right, endpoint)
      if (both !== undefined) permitted.set(`${both.method} ${both.path}`, both)
    }
  }
  return [...permitted.values()]
}

export interface Pattern {
  readonly method: string
  readonly path: string
}

function narrower(right: Pattern, endpoint: Pattern): Pattern | undefined {
  const method = right.method === '*' ? endpoint.method : right.method
  if (endpoint.method !== '*' && endpoint.method !== method) return undefined
  const [covers, isCovered] = [pathMatches(right.path, endpoint.path), pathMatches(endpoint.path, right.path)]
  if (!covers && !isCovered) return undefined
  // A pattern read as a path: `*` seems to cover `**`.
  const isWider = !covers || (isCovered && endpoint.path.includes('**') && !right.path.includes('**'))
  return { method, path: isWider ? right.path : endpoint.path }
}

/** Does a right cover this method and path? The query takes no part. PR-REST §4.9. */
function covers(right: Pattern, { method, path }: Call): boolean {
  return (right.method === '*' || right.method === method) && pathMatches(right.path, path)
}

function matching(rights: Rights, call: Call, now: number): Endpoint[] {
  const endpoints: Endpoint[] = []
  for (const { agreement, reference } of agreementsInForce(rights, call, now)) {
    for (const right of agreement.endpoints) {
      if (covers(right, call)) endpoints.push({ reference, purposes: right.purposes, idnr: agreement.idnr })
    }
  }
  return endpoints
}

function agreementsInForce(
  rights: Rights,
  call: Pick<Call, 'client' | 'clientMember' | 'service'>,
  now: number,
): readonly RegisteredAgreement[] {
  return rights.agreementsOf(call).filter(({ validFromAt, validUntilAt }) => validFromAt <= now && now < validUntilAt)
}

function checkRequired(rights: Rights, call: Call, code: string): void {
  const purpose = rights.purpose(code)
  if (purpose === undefined) return
  const missing = missingHeader(purpose, call)
  if (missing !== undefined) throw new GatewayError('BadRequest', { reason: `the purpose requires ${missing}` })
}

function missingHeader(purpose: Purpose, call: Call): string | undefined {
  if (purpose.requires.includes('issue') && !call.issue) return 'X-Road-Issue'
  if (purpose.requires.includes('userId') && !call.userId) return 'X-Road-UserId'
  return undefined
}
