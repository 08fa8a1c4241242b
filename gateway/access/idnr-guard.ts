/**
 * May this message carry an identification number? § 139b AO, IDNrG §§ 7, 8 and 17: only where a law allows the exchange
 * to, and then the agreement says so. The provider decides; the consumer refuses before anything leaves.
 *
 * It guards against what happens by mistake. What is compressed, encrypted or encoded once more (base64, `\u0030`) is not
 * seen through.
 */

import type { FaultCode } from '../errors.ts'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import type { Call } from '../protocol/call.ts'
import type { Header } from '../protocol/headers.ts'
import { headerOf } from '../protocol/headers.ts'
import type { IdnrFinding } from '../protocol/idnr.ts'
import { findIdnr } from '../protocol/idnr.ts'
import type { Permission } from './agreements.ts'

export interface IdnrGuard {
  /** @throws {GatewayError} `IdentifierNotAllowed`, naming the place, never the number */
  requestHead(permission: Permission, call: Call): void
  /** @throws {GatewayError} `IdentifierNotAllowed` */
  requestBody(permission: Permission, call: Pick<Call, 'headers'>, body: Body | undefined): void
  /** @throws {GatewayError} `ServiceFailed.IdentifierNotAllowed` */
  reply(permission: Permission, message: GuardedReply): void
}

export interface GuardedReply {
  readonly headers: readonly Header[]
  readonly body: Body | undefined
}

export interface IdnrGuardOptions {
  /** Numbers that begin with 0 count as well: only test data has them, and many telephone numbers. */
  readonly testNumbers: boolean
}

export function idnrGuard({ testNumbers }: IdnrGuardOptions): IdnrGuard {
  const isOne = (finding: IdnrFinding): boolean => finding === 'issued' || (testNumbers && finding === 'test')

  function checkHeaders(headers: readonly Header[], code: FaultCode): void {
    if (isOne(findIdnr(octetsOf(headers)))) throw new GatewayError(code, { reason: 'in a header' })
  }

  function checkBody(headers: readonly Header[], body: Body | undefined, code: FaultCode): void {
    if (body !== undefined && isOne(findingIn(headers, body))) throw new GatewayError(code, { reason: 'in the body' })
  }

  return {
    requestHead({ idnr }, { path, query, headers }) {
      if (idnr?.includes('request')) return
      if (isOne(findIdnr(Buffer.from(decoded(path + query), 'latin1'))))
        throw new GatewayError('IdentifierNotAllowed', { reason: 'in path or query' })
      checkHeaders(headers, 'IdentifierNotAllowed')
    },
    requestBody({ idnr }, { headers }, body) {
      if (!idnr?.includes('request')) checkBody(headers, body, 'IdentifierNotAllowed')
    },
    reply({ idnr }, { headers, body }) {
      if (idnr?.includes('reply')) return
      checkHeaders(headers, 'ServiceFailed.IdentifierNotAllowed')
      checkBody(headers, body, 'ServiceFailed.IdentifierNotAllowed')
    },
  }
}

/** No value of a header can hold the line feed that is put between them. */
function octetsOf(headers: readonly Header[]): Buffer {
  let text = ''
  for (const [, value] of headers) text += `\n${value}`
  return Buffer.from(text, 'latin1')
}

/** A large body was looked through on its way to the disk, as it stands. */
function findingIn(headers: readonly Header[], { bytes, idnr = 'none' }: Body): IdnrFinding {
  if (bytes === undefined) return idnr
  const isForm = headerOf(headers, 'content-type')?.toLowerCase().startsWith('application/x-www-form-urlencoded')
  return findIdnr(isForm ? Buffer.from(decoded(bytes.toString('latin1')), 'latin1') : bytes)
}

/** Percent-encoding and the blanks of forms; what is malformed stays. */
function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
