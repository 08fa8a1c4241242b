/** What an agency writes to put one service behind its gateway, and what the gateway calls. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Problem, Schema } from '../schemas/schema.ts'
import { AdapterError, codeOf } from './adapter-error.ts'
import type { Refusal } from './refusal.ts'
import { isRefusal } from './refusal.ts'

export { AdapterError } from './adapter-error.ts'

/** Who asks, as proven by the gateway. Never taken from the payload. */
export interface Caller {
  /** `INSTANCE/CLASS/MEMBER/SUBSYSTEM` */
  readonly client: string
  /** X-Road-UserId: the clerk. */
  readonly userId?: string
  /** X-Road-Issue: the Aktenzeichen. */
  readonly issue?: string
  /** OWL-Purpose, or the purpose that the agreement names. */
  readonly purpose?: string
  readonly requestId: string
  /** Aborts when the consumer is gone or the time is up. */
  readonly signal: AbortSignal
}

/** Time and randomness, so that tests can be exact. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  uuid(): string
}

/** The `options` member of a row of `services[]` in the gateway's configuration. */
export type AdapterOptions = Readonly<Record<string, unknown>>

/** A connection to the local system. */
export interface Local {
  close(): void | Promise<void>
}

export interface AdapterDefinition<Query, Result, System extends Local | undefined> {
  /** Service code under the provider's subsystem. */
  readonly service: string
  /** Major version of service and schemas; the path `/v1` is version 1. */
  readonly version: number
  readonly request: Schema<Query>
  readonly response: Schema<Result>
  /**
   * Opens the local system; none when the adapter needs none. It must not wait for it: a local system that is down makes answers fail, not the gateway's start.
   *
   * @throws {TypeError} naming the option that is missing or wrong
   */
  connect?(options: AdapterOptions, clock: Clock): System
  /**
   * Every answer, refusal and failure leaves this long after the request came, or a whole multiple of it when the work
   * took longer, so that the time tells nothing. The option of the same name changes it. None: as soon as it is ready.
   */
  readonly answerAfterMs?: number
  /**
   * Whom a message is about besides what the words of the shared schemas say: `idnr:…`, `person:…|…|JJJJ-MM-TT`, `kfz:…`, or
   * `x-<name>:…` for an identifier of the agency's own. Art. 15 DSGVO; kept as keyed pseudonyms.
   */
  readonly subjects?: {
    request?(query: Query): readonly string[]
    reply?(result: Result): readonly string[]
  }
  /** HTTP status of a result; 200 when absent. */
  readonly successStatus?: number
  /** A domain rule that says no is a `Refusal`, not a throw: it is the agency's own answer. */
  handle(query: Query, caller: Caller, system: System): Promise<Result | Refusal>
}

export interface Answer {
  /** 2xx a result, 4xx a refusal. */
  readonly status: number
  readonly contentType: 'application/json' | 'application/problem+json'
  readonly body: unknown
}

export interface AdapterInstance {
  /**
   * @throws {AdapterError} `request` the payload breaks the request's schema, `response` the local system's answer
   *   breaks the response's schema or cannot be read, `unavailable` the local system is down, late or failed
   */
  answer(payload: unknown, caller: Caller): Promise<Answer>
  close(): Promise<void>
}

export interface AdapterSubjects {
  request?(payload: unknown): readonly string[]
  reply?(payload: unknown): readonly string[]
}

/** What `adapters/index.ts` lists and the gateway opens. */
export interface Adapter {
  readonly service: string
  readonly version: number
  readonly requestSchema: Schema<unknown>
  readonly responseSchema: Schema<unknown>
  readonly subjects: AdapterSubjects | undefined
  /** @throws {TypeError} naming the option that is missing or wrong */
  open(options: AdapterOptions, clock?: Clock): AdapterInstance
}

export function defineAdapter<Query, Result, System extends Local | undefined = undefined>(
  definition: AdapterDefinition<Query, Result, System>,
): Adapter {
  const { service, version, request, response } = definition
  return {
    service,
    version,
    requestSchema: request,
    responseSchema: response,
    subjects: definition.subjects as AdapterSubjects | undefined,
    open(options, clock = systemClock) {
      const everyMs = answerEveryMs(options['answerAfterMs'] ?? definition.answerAfterMs ?? 0)
      const system = definition.connect?.(options, clock) as System
      // Compiled now: the first answer must not take longer than the others.
      request.accepts(undefined)
      response.accepts(undefined)
      return {
        async answer(payload, caller) {
          const receivedAt = performance.now()
          const outcome = await settle(() => answerOnce(definition, system, payload, caller))
          if (everyMs > 0) await untilMultiple(receivedAt, everyMs, caller.signal)
          if ('failure' in outcome) throw outcome.failure
          return outcome.answer
        },
        async close() {
          await system?.close()
        },
      }
    },
  }
}

const systemClock: Clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() }

async function answerOnce<Query, Result, System extends Local | undefined>(
  { request, response, successStatus = 200, handle }: AdapterDefinition<Query, Result, System>,
  system: System,
  payload: unknown,
  caller: Caller,
): Promise<Answer> {
  if (!request.accepts(payload)) throw new AdapterError('request', 'schema', request.check(payload))
  const result = await handle(payload, caller, system)
  if (isRefusal(result)) {
    return { status: result.refusal.status, contentType: 'application/problem+json', body: result.refusal }
  }
  const problems: Problem[] = response.check(result)
  if (problems.length > 0) throw new AdapterError('response', 'schema', problems)
  return { status: successStatus, contentType: 'application/json', body: result }
}

async function settle(work: () => Promise<Answer>): Promise<{ answer: Answer } | { failure: AdapterError }> {
  try {
    return { answer: await work() }
  } catch (error) {
    return { failure: AdapterError.of(error, codeOf(error) === undefined ? 'failed' : 'unavailable') }
  }
}

/** A multiple, not "at least": work that takes longer than one period must not show by how much. */
async function untilMultiple(receivedAt: number, everyMs: number, signal: AbortSignal): Promise<void> {
  const elapsed = performance.now() - receivedAt
  const leaveAt = Math.ceil(elapsed / everyMs) * everyMs
  await sleep(Math.ceil(leaveAt - elapsed), undefined, { signal }).catch(() => undefined)
}

function answerEveryMs(option: unknown): number {
  if (typeof option === 'number' && Number.isInteger(option) && option >= 0 && option <= 60_000) return option
  throw new TypeError('Option answerAfterMs is not a whole number of milliseconds up to 60000')
}
