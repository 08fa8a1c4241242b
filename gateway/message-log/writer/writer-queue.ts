/**
 * What waits for the writer. Records are handed over as they come, and the writer takes together what came during its
 * last commit: alone, a record waits for nobody; in a crowd, many share one commit. Nothing lingers.
 */

import { GatewayError } from '../../errors.ts'
import type { Appended } from '../message-log.ts'
import type { Entry } from '../record/entry.ts'
import { octetsIn, packEntries } from '../record/entry.ts'
import type { Known, WriterState } from '../record/log-state.ts'
import type { LogFault } from '../record/open-error.ts'
import { openTextNumbers } from './text-numbers.ts'
import type { Answer, Command } from './writer-messages.ts'
import { CODES } from './writer-messages.ts'
import type { AnswerTo, Ordered, WriterOrders } from './writer-orders.ts'
import { writerOrders } from './writer-orders.ts'
import type { WriterThread } from './writer-thread.ts'

export interface WriterQueueOptions {
  readonly now: () => number
  /** Records waiting or being written. */
  readonly queueMax: number
  /** Octets of them. */
  readonly queueBytesMax: number
  /** One commit takes at most this many octets, or one record. */
  readonly commitBytesMax: number
  /** While the log cannot be written, it is tried again this often. */
  readonly recoverIntervalMs: number
  /** The files of the log are looked at this often. */
  readonly lookIntervalMs: number
  /** After a commit. */
  committed(): void
  /** What the log holds, after it was reopened. */
  reopened(known: Known): void
  report(event: WriterEvent): void
}

export type WriterEvent =
  | { readonly event: 'log-failed'; readonly problem: string }
  | ({ readonly event: 'log-closed' } & LogFault)
  | { readonly event: 'log-recovered' }
  | { readonly event: 'log-trouble'; readonly problem: string }

/** An entry before it is handed over; its texts are numbered then. */
export type Waiting = Omit<Entry, 'etsiU' | 'basis'> & {
  etsiU: number
  basis: number
  readonly etsiUText: string
  readonly basisText: string
}

export interface WriterQueue extends WriterOrders {
  readonly state: WriterState
  /** Records waiting or being written. */
  readonly length: number
  /** @throws {GatewayError} `LoggingFailed`, `ReplayedMessage`, `InternalError` when the request has its end already */
  append(entry: Waiting): Promise<Appended>
  /** The request gets no end of its own: it is closed in doubt with the next commit. */
  abandon(seq: number): void
  /** When everything that waits has been answered. */
  close(): Promise<void>
}

interface Waiter {
  readonly entry: Waiting
  readonly octets: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: GatewayError) => void
}

const LEAF_BYTES = 32

export function openWriterQueue(thread: WriterThread, options: WriterQueueOptions): WriterQueue {
  const { now, queueMax, queueBytesMax, commitBytesMax, recoverIntervalMs, report } = options
  const numberTexts = openTextNumbers()
  const controls: (() => Promise<void>)[] = []
  let { state } = thread.greeting
  let queue: Waiter[] = []
  let lost: number[] = []
  let held = 0
  let heldBytes = 0
  /** Commands that the writer has not answered. */
  let underWay = 0
  let bytesUnderWay = 0
  let isHurried = false
  let isClosed = false
  let recovering: NodeJS.Timeout | undefined
  let isLooking = false
  const looking = setInterval(() => void (state.isWritable && !isLooking && control(look)), options.lookIntervalMs)
  if (state.fault !== undefined) {
    clearInterval(looking)
    report({ event: 'log-closed', ...state.fault })
  }
  let drained: (() => void) | undefined

  function append(entry: Waiting): Promise<Appended> {
    const octets = octetsIn(entry)
    const isFull = held >= queueMax || heldBytes + octets > queueBytesMax
    if (isFull || isClosed || !state.isWritable) {
      lose(entry)
      return Promise.reject(new GatewayError('LoggingFailed', isFull ? { reason: 'too many records wait' } : {}))
    }
    held += 1
    heldBytes += octets
    return new Promise((resolve, reject) => {
      queue.push({ entry, octets, resolve, reject })
      hurry()
    })
  }

  /** Alone, what waits goes at once; while the writer works, together with all that this turn of the loop brings. */
  function hurry(): void {
    if (isHurried) return
    if (underWay === 0) {
      handOver()
      return
    }
    isHurried = true
    setImmediate(() => {
      isHurried = false
      handOver()
    })
  }

  /** The only place that talks to the writer, which takes together what it finds. */
  function handOver(): void {
    for (let control = controls.shift(); control !== undefined; control = controls.shift()) follow(control())
    for (let group = take(); group.length > 0; group = take()) follow(send(group))
    if (underWay === 0) drained?.()
  }

  function follow(work: Promise<void>): void {
    underWay += 1
    void work.then(() => {
      underWay -= 1
      handOver()
    })
  }

  /** What may go now: the writer may take all that is under way in one commit. */
  function take(): Waiter[] {
    let octets = bytesUnderWay
    let count = 0
    for (const waiter of queue) {
      octets += waiter.octets
      if (octets > commitBytesMax && octets > waiter.octets) break
      count += 1
    }
    const group = queue.slice(0, count)
    queue = count === queue.length ? [] : queue.slice(count)
    return group
  }

  async function send(waiters: readonly Waiter[]): Promise<void> {
    const entries = waiters.map(({ entry }) => entry)
    const named = numberTexts(entries)
    const group = packEntries(entries)
    const octets = group.octets.byteLength
    const given = lost
    lost = []
    bytesUnderWay += octets
    const answer = await ask({ do: 'commit', at: now(), group, ...named, lost: given }, [group.octets])
    bytesUnderWay -= octets
    heldBytes -= octets
    held -= waiters.length
    // A dead writer has not heard of them.
    if (answer === undefined) lost = [...given, ...lost]
    learn(answer)
    options.committed()
    for (const [index, waiter] of waiters.entries()) settle(waiter, answer, index)
  }

  function settle({ entry, resolve, reject }: Waiter, answer: AnswerTo<'commit'> | undefined, index: number): void {
    const seq = answer?.seqs[index] ?? 0
    if (answer !== undefined && seq > 0) {
      const { buffer, byteOffset } = answer.leaves
      resolve({ seq, leaf: Buffer.from(buffer, byteOffset + index * LEAF_BYTES, LEAF_BYTES) })
    } else if (seq === CODES.replayed) reject(new GatewayError('ReplayedMessage'))
    else if (seq === CODES.ended)
      reject(new GatewayError('InternalError', { cause: new Error('The request has ended') }))
    else {
      // The writer itself remembers the ends it could not write; a dead one does not.
      if (answer === undefined) lose(entry)
      reject(new GatewayError('LoggingFailed'))
    }
  }

  function ask<C extends Command>(command: C, transfer?: ArrayBuffer[]): Promise<AnswerTo<C['do']> | undefined> {
    return (thread.ask(command, transfer) as Promise<AnswerTo<C['do']>>).catch((error: Error) => {
      report({ event: 'log-failed', problem: error.message })
      state = { ...state, isWritable: false }
      refuseWaiting()
      return undefined
    })
  }

  /** Nothing is acknowledged any more. @returns whether it is so */
  function isGivenUp({ fault }: WriterState): boolean {
    if (fault === undefined) return false
    const isNew = state.fault === undefined
    state = { ...state, isWritable: false, fault }
    clearInterval(recovering)
    clearInterval(looking)
    if (isNew) report({ event: 'log-closed', ...fault })
    refuseWaiting()
    return true
  }

  function learn(answer: Exclude<Answer, { did: 'open' | 'refuse' | 'close' }> | undefined): void {
    if (answer === undefined || isGivenUp(answer.state)) return
    const wasWritable = state.isWritable
    // What was known last is still shown.
    state = answer.state.isWritable ? answer.state : { ...state, isWritable: false }
    if (answer.problem !== undefined && (wasWritable || state.isWritable)) {
      report({ event: state.isWritable ? 'log-trouble' : 'log-failed', problem: answer.problem })
    }
    if (answer.known !== undefined) options.reopened(answer.known)
    if (state.isWritable) {
      clearInterval(recovering)
      recovering = undefined
      if (!wasWritable) report({ event: 'log-recovered' })
      return
    }
    refuseWaiting()
    recovering ??= setInterval(() => void control(recover), recoverIntervalMs)
  }

  async function recover(): Promise<void> {
    if (state.isWritable) return
    const given = lost
    lost = []
    learn(await ask({ do: 'recover', at: now(), lost: given }))
  }

  async function look(): Promise<void> {
    isLooking = true
    learn(await ask({ do: 'look', at: now() }))
    isLooking = false
  }

  function refuseWaiting(): void {
    const refused = queue
    queue = []
    for (const { entry, octets, reject } of refused) {
      held -= 1
      heldBytes -= octets
      lose(entry)
      reject(new GatewayError('LoggingFailed'))
    }
  }

  /** Its exchange ends without an end on record: the request is closed in doubt as soon as that is possible. */
  function lose({ ends }: Waiting): void {
    if (ends !== null) lost.push(ends)
  }

  /** Before whatever waits. */
  function control<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      controls.push(() => work().then(resolve, reject))
      hurry()
    })
  }

  function order<Do extends Ordered>(
    command: () => Extract<Command, { readonly do: Do }>,
    isDone: (answer: AnswerTo<Do>) => boolean,
  ): Promise<AnswerTo<Do>> {
    return control(async () => {
      const answer = await ask(command())
      learn(answer as Parameters<typeof learn>[0])
      if (answer === undefined || !isDone(answer as AnswerTo<Do>)) throw new GatewayError('LoggingFailed')
      return answer as AnswerTo<Do>
    })
  }

  return {
    get state() {
      return state
    },
    get length() {
      return held
    },
    append,
    abandon: (seq) => void lost.push(seq),
    ...writerOrders(order, now),
    async close() {
      isClosed = true
      clearInterval(recovering)
      clearInterval(looking)
      if (underWay > 0 || queue.length > 0) {
        await new Promise<void>((resolve) => {
          drained = resolve
        })
      }
      await thread.ask({ do: 'close', at: now() }).catch(() => {})
    },
  }
}
