/** Asks a partner's gateway about its message log, and believes an answer that its seal vouches for. */

import { GatewayError } from '../../errors.ts'
import { readFaultBody } from '../../http/fault-reply.ts'
import { sha256 } from '../../protocol/digests.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import { isHeadOf } from '../../protocol/log-head.ts'
import type { Ask, Found, Question } from '../../protocol/reconciling.ts'
import { ANSWER, ANSWER_BYTES_MAX, parseAnswer, QUESTION } from '../../protocol/reconciling.ts'
import { readStatement, STATEMENT_TYPE, sealStatement } from '../../protocol/statement.ts'
import type { Peers } from '../../transport/peers.ts'
import type { OwnSeal } from '../../trust/own-seal.ts'
import type { RegisteredGateway } from '../../trust/snapshot.ts'
import type { Judging } from '../../trust/verifying.ts'
import { checkFreshness, checkServers, verifyMember } from '../../trust/verifying.ts'

export interface QuestionDeps {
  /** This gateway. */
  readonly gateway: Identifier
  /** @throws {GatewayError} `OutdatedGlobalConf` */
  judging(): Judging
  readonly seal: OwnSeal
  readonly peers: Pick<Peers, 'ask'>
  readonly logHead: () => string
  readonly requestId: () => string
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly clockSkewMsMax: number
}

/** What was asked and answered, as sealed. */
export interface Dialogue<A extends Ask> {
  readonly found: Found & { readonly what: A['what'] }
  readonly statements: readonly [question: Buffer, answer: Buffer]
}

const PATH = '/owl/v1/reconcile'
/** A partner answers so many questions a second and no more. */
const PATIENCE_MS = 1000
const PATIENCE_MAX = 120

/** @throws {GatewayError} any code: there is no answer, or none that can be believed */
export async function askPartner<A extends Ask>(
  deps: QuestionDeps,
  partner: RegisteredGateway,
  ask: A,
): Promise<Dialogue<A>> {
  for (let tries = 1; ; tries++) {
    const dialogue = await askOnce(deps, partner, ask)
    if (dialogue !== undefined) return dialogue
    if (tries === PATIENCE_MAX) throw new GatewayError('TooManyRequests')
    await deps.sleep(PATIENCE_MS)
  }
}

/** @returns nothing when the partner asks for patience */
async function askOnce<A extends Ask>(
  deps: QuestionDeps,
  partner: RegisteredGateway,
  ask: A,
): Promise<Dialogue<A> | undefined> {
  const { gateway, seal, peers, now } = deps
  const judging = deps.judging()
  checkServers(judging, partner)
  seal.judged(judging)
  const question: Question = {
    v: 1,
    sender: gateway,
    audience: partner.id,
    issuedAt: new Date(now()).toISOString(),
    logHead: deps.logHead(),
    id: deps.requestId(),
    ask,
  }
  const asked = Buffer.from(sealStatement(seal.signer, QUESTION, Buffer.from(JSON.stringify(question))))
  const { status, octets } = await peers.ask(
    { gateway: partner.id, address: partner.address },
    { path: PATH, type: STATEMENT_TYPE, octets: asked, answerBytesMax: ANSWER_BYTES_MAX },
  )
  if (status === 429) return undefined
  if (status !== 200) throw refused(status, octets)

  const statement = readStatement(octets, ANSWER)
  verifyMember({ ...judging, now: now() }, partner.member, statement)
  const answer = parseAnswer(statement.payload, ask)
  if (answer.sender !== partner.id || !isHeadOf(answer.logHead, partner.id))
    throw new GatewayError('InconsistentResponse', { reason: 'another gateway answers' })
  if (answer.audience !== gateway) throw new GatewayError('WrongAudience')
  if (answer.question !== sha256(asked).toString('base64url')) throw new GatewayError('InconsistentResponse')
  const issuedAt = Math.floor(Date.parse(answer.issuedAt) / 1000)
  checkFreshness(answer.issuedAt, issuedAt, now(), deps.clockSkewMsMax)
  return { found: answer.found as Dialogue<A>['found'], statements: [asked, octets] }
}

function refused(status: number, octets: Buffer): GatewayError {
  const fault = readFaultBody(octets.toString())
  if (fault !== undefined) return new GatewayError('RefusedUnsigned', { fault, reason: fault.type })
  return new GatewayError('InvalidMessage', { reason: `the other gateway answered HTTP ${status} without a signature` })
}
