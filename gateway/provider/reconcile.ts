/**
 * Answers a partner who compares its message log with ours: about exchanges with that gateway alone, and about heads of
 * logs. Judged like an exchange: connection, seal, audience, freshness, replay; more often than agreed nobody is answered.
 */

import { GatewayError } from '../errors.ts'
import type { MessageLog } from '../message-log/message-log.ts'
import type { ComparisonThread } from '../message-log/witness/comparison-thread.ts'
import { sha256 } from '../protocol/digests.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { isHeadOf } from '../protocol/log-head.ts'
import type { Answer, Found, Question } from '../protocol/reconciling.ts'
import { ANSWER, parseQuestion, QUESTION } from '../protocol/reconciling.ts'
import { readStatement, sealStatement } from '../protocol/statement.ts'
import type { GlobalConfiguration } from '../trust/global-configuration.ts'
import type { OwnSeal } from '../trust/own-seal.ts'
import type { Judging, Revocation } from '../trust/verifying.ts'
import { attestGateway, verifyMember } from '../trust/verifying.ts'

export interface ReconcileDeps {
  /** This gateway. */
  readonly gateway: Identifier
  readonly configuration: Pick<GlobalConfiguration, 'usable'>
  readonly revocation: Revocation
  readonly seal: OwnSeal
  readonly log: Pick<MessageLog, 'head'>
  readonly comparison: Pick<ComparisonThread, 'find'>
  /** May this partner ask once more? */
  readonly mayAsk: (partner: Identifier) => boolean
  readonly now: () => number
  readonly clockSkewMsMax: number
  readonly report: { warn(line: object, text: string): void }
}

/** @returns answers a question, given the fingerprint of the TLS certificate it came under @throws {GatewayError} any code */
export type Answering = (certificate: string, octets: Buffer) => Promise<string>

export function answering(deps: ReconcileDeps): Answering {
  const { gateway, configuration, revocation, seal, log, comparison, now, clockSkewMsMax } = deps
  const startedAt = now()
  /** Question → until when it is remembered. What is older than this process is refused as stale. */
  const taken = new Map<string, number>()

  function checkNew({ id, sender, issuedAt }: Question, at: number): void {
    const issued = Date.parse(issuedAt)
    if (Math.abs(at - issued) > clockSkewMsMax || issued < startedAt) throw new GatewayError('StaleMessage')
    for (const [key, until] of taken) {
      if (until > at) break
      taken.delete(key)
    }
    const key = `${sender} ${id}`
    if (taken.has(key)) throw new GatewayError('ReplayedMessage')
    taken.set(key, at + 2 * clockSkewMsMax)
  }

  /** Somebody's log has forked, or the partner has made up a head: either way it is under its seal that it said so. */
  function warnOfConflict(gateway: Identifier, found: Found): void {
    const [conflict] = found.what === 'compare' ? found.heads : []
    if (conflict === undefined) return
    const [log, batch] = conflict
    deps.report.warn({ gateway, log, batch }, 'a partner names another head of a log than this log holds')
  }

  return async (certificate, octets) => {
    const at = now()
    const judging: Judging = { snapshot: configuration.usable(at), revocation, now: at, softFail: false }
    const { gateway: partner } = attestGateway(judging, certificate)
    if (!deps.mayAsk(partner.id)) throw new GatewayError('TooManyRequests')

    const statement = readStatement(octets, QUESTION)
    verifyMember(judging, partner.member, statement)
    const question = parseQuestion(statement.payload)
    if (question.sender !== partner.id)
      throw new GatewayError('SslAuthenticationFailed', { reason: 'the message names another gateway as its sender' })
    if (question.audience !== gateway) throw new GatewayError('WrongAudience')
    if (!isHeadOf(question.logHead, partner.id))
      throw new GatewayError('InvalidMessage', { reason: 'the log head is not its own' })
    checkNew(question, at)

    const found = await comparison.find({ own: gateway, partner: partner.id }, question.ask)
    warnOfConflict(partner.id, found)
    seal.judged(judging)
    const answer: Answer = {
      v: 1,
      sender: gateway,
      audience: partner.id,
      issuedAt: new Date(now()).toISOString(),
      logHead: log.head(),
      question: sha256(octets).toString('base64url'),
      found,
    }
    return sealStatement(seal.signer, ANSWER, Buffer.from(JSON.stringify(answer)))
  }
}
