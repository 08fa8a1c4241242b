/** What a local system asks for: a request of X-Road's REST protocol, read and checked. Source: PR-REST §4, contract §2.1–2.2. */

import { GatewayError } from '../errors.ts'
import { remembered } from './bounded-memory.ts'
import type { Header } from './headers.ts'
import { headerOf, headerText, requestHeaders } from './headers.ts'
import type { Identifier } from './identifiers.ts'
import { formatIdentifier, memberOf, parseIdentifier, subsystemOf } from './identifiers.ts'
import { findIdnr } from './idnr.ts'
import { HTTP_REASONS, HTTP_RULES, judgeTarget } from './strict-http.ts'

/** PR-REST §4.1 asks for RFC 7231's methods; CONNECT makes no sense here, PATCH is RFC 5789's. */
const METHODS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])

export interface Call {
  readonly method: string
  /** `/r1/…` with query, as received. */
  readonly target: string
  /** Survivors of the header rules, in order and case as received. */
  readonly headers: readonly Header[]
  readonly client: Identifier
  /** Member of the client. */
  readonly clientMember: Identifier
  /** `INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE` */
  readonly service: Identifier
  /** Subsystem the service belongs to. */
  readonly provider: Identifier
  readonly providerMember: Identifier
  /** Raw path behind the service code, `''` or `/…`; what endpoint rights judge and what is forwarded. */
  readonly path: string
  /** Raw query with its `?`, or `''`. */
  readonly query: string
  readonly xRoadId?: string
  /** As people read it; the octets are in `headers`. */
  readonly userId?: string
  /** Likewise. */
  readonly issue?: string
  /** `INSTANCE/CLASS/MEMBER/SERVERCODE` */
  readonly securityServer?: Identifier
}

export interface RawCall {
  readonly method: string
  /** Request target as received. */
  readonly target: string
  /** Name, value, name, value … as received. */
  readonly rawHeaders: readonly string[]
}

/** @throws {GatewayError} `BadRequest` */
export function parseCall({ method, target, rawHeaders }: RawCall): Call {
  const headers = requestHeaders(rawHeaders)
  return readCall(method, target, headers)
}

/**
 * Reads a call from what is signed: the local request and a received head go through the same rules.
 *
 * @throws {GatewayError} `BadRequest`
 */
export function readCall(method: string, target: string, headers: readonly Header[]): Call {
  if (!METHODS.has(method)) throw bad('the method is not supported')
  const { service, provider, providerMember, path, query } = parseTarget(target)
  const clientText = headerOf(headers, 'x-road-client')
  if (clientText === undefined) throw bad('X-Road-Client is missing')
  const { client, clientMember } = parseClient(clientText)
  const securityServer = headerOf(headers, 'x-road-security-server')
  const represented = headerOf(headers, 'x-road-represented-party')
  if (represented !== undefined) checkRepresentedParty(represented)
  // An empty one names nothing: it counts as none.
  const xRoadId = headerOf(headers, 'x-road-id') || undefined
  if (xRoadId !== undefined) checkShown(xRoadId, 'X-Road-Id')
  return {
    method,
    target,
    headers,
    client,
    clientMember,
    service,
    provider,
    providerMember,
    path,
    query,
    xRoadId,
    userId: textOf(headers, 'x-road-userid'),
    issue: textOf(headers, 'x-road-issue'),
    securityServer: securityServer === undefined ? undefined : parseSecurityServer(securityServer),
  }
}

function textOf(headers: readonly Header[], name: string): string | undefined {
  const value = headerOf(headers, name)
  return value === undefined ? undefined : headerText(value)
}

type Target = Pick<Call, 'service' | 'provider' | 'providerMember' | 'path' | 'query'>

/** Many calls share few targets, and identifiers cost more than anything else in a head. */
const parseTarget = remembered(readTarget, HTTP_RULES.targetCharsMax)

function readTarget(target: string): Target {
  if (!target.startsWith('/r1/')) throw bad('the path does not begin with /r1/')
  // Our own port has asked this before; what another gateway signed has not passed it.
  const flaw = judgeTarget(target)
  if (flaw !== undefined) throw bad(HTTP_REASONS[flaw])
  const queryAt = target.indexOf('?')
  const path = queryAt === -1 ? target : target.slice(0, queryAt)
  const query = queryAt === -1 ? '' : target.slice(queryAt)
  // Without the provider's subsystem the grammar is ambiguous, so it is required. Contract §2.1.
  let end = 3
  for (let parts = 0; parts < 5; parts++) {
    const next = path.indexOf('/', end + 1)
    if (next === -1) {
      if (parts < 4) throw bad('the path has fewer than five identifier parts behind /r1/')
      end = path.length
      break
    }
    end = next
  }
  const service = formatIdentifier(parseIdentifier(path.slice(4, end)))
  checkShown(service, 'the service')
  return { service, provider: subsystemOf(service), providerMember: memberOf(service), path: path.slice(end), query }
}

/**
 * What lists of records show must say nothing about a person, whatever an agreement allows.
 *
 * @throws {GatewayError} `BadRequest`
 */
function checkShown(text: string, what: string): void {
  if (findIdnr(Buffer.from(text, 'latin1')) !== 'none') throw bad(`${what} contains an identification number`)
}

type Client = Pick<Call, 'client' | 'clientMember'>

const CLIENT_CHARS_MAX = 1000
const parseClient = remembered(readClient, CLIENT_CHARS_MAX)

function readClient(text: string): Client {
  const parts = parseIdentifier(text)
  if (parts.length !== 3 && parts.length !== 4) throw bad('X-Road-Client has neither three nor four parts')
  const client = formatIdentifier(parts)
  checkShown(client, 'X-Road-Client')
  return { client, clientMember: memberOf(client) }
}

function parseSecurityServer(text: string): Identifier {
  const parts = parseIdentifier(text)
  if (parts.length !== 4) throw bad('X-Road-Security-Server does not have four parts')
  return formatIdentifier(parts)
}

function checkRepresentedParty(text: string): void {
  if (parseIdentifier(text).length > 2) throw bad('X-Road-Represented-Party has more than two parts')
}

function bad(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}
