/** The one writer of a message log: what it is told, and what it answers. Source: architecture, "Message log". */

import { HASH_BYTES } from '../../protocol/hash-tree.ts'
import { discard } from '../../protocol/stream-garbage.ts'
import { writeHighWater } from '../keys/high-water.ts'
import type { Entry } from '../record/entry.ts'
import { unpackEntries } from '../record/entry.ts'
import { logId } from '../record/log-place.ts'
import type { ClosedBatch, Known, LatestBatch, Result, WriterState } from '../record/log-state.ts'
import { NOTHING_KNOWN } from '../record/log-state.ts'
import { openWritableStore } from '../store/engine.ts'
import type { Batches } from '../store/log-store.ts'
import type { LogFile } from './log-file.ts'
import { identityAt } from './opening.ts'
import { describe, isFull, openRecoverable } from './recovery.ts'
import type { Answer, Command, WriterData } from './writer-messages.ts'
import { CODES, NOT_WRITTEN } from './writer-messages.ts'

/** The WAL is folded into the database when the writer is idle and this much is new; at the second figure at once. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024
const CHECKPOINT_BYTES_MAX = 32 * 1024 * 1024
const IDLE_MS = 20
/** While something is erased. */
const ERASING_WAL_BYTES = 1024 * 1024
/** Somebody may be reading when the WAL is to be emptied. */
const WAL_TRIES_MAX = 500
/** What a commit adds to the WAL besides the octets of its entries: the last page of every tree, and columns. */
const COMMIT_BYTES = 5 * 8192
const ENTRY_BYTES = 4096

type CommandOf<Do extends Command['do']> = Extract<Command, { readonly do: Do }>
type AnswerOf<Did extends Answer['did']> = Extract<Answer, { readonly did: Did }>

export interface Writer {
  readonly greeting: Answer
  /** One each, in their order, as soon as it is there. Commits that follow each other are one transaction. */
  answer(commands: readonly Command[]): Generator<Answer>
}

/** @throws {LogOpenError} any flaw */
export function openWriter({ place, at, replayWindowMs, standsBy }: WriterData): Writer {
  const log = openRecoverable(place, at, openWritableStore, standsBy)
  /** Time of the latest command. */
  let lastAt = at
  const texts = new Map<number, string>()
  let walBytes = 0
  let idle: NodeJS.Timeout | undefined
  /** The WAL may still have what was erased. */
  let isWalTold = true
  let walTries = 0

  function* answer(commands: readonly Command[]): Generator<Answer> {
    let together: CommandOf<'commit'>[] = []
    for (const command of commands) {
      // Numbers mean other texts from here on.
      if (together.length > 0 && (command.do !== 'commit' || command.forget)) {
        yield* commit(together)
        together = []
      }
      if (command.do === 'commit') together.push(command)
      else yield answerOne(command)
    }
    if (together.length > 0) yield* commit(together)
  }

  function answerOne(command: Exclude<Command, { readonly do: 'commit' }>): Answer {
    lastAt = command.at
    switch (command.do) {
      case 'batch':
        return closeBatch(command.at)
      case 'token':
        return storeToken(command)
      case 'heads':
        return storeHeads(command)
      case 'decide':
        return decide(command)
      case 'erase':
        return erase(command)
      case 'archive':
        return archive(command)
      case 'look':
        log.look()
        return { did: 'look', state: state() }
      case 'recover':
        return recover(command)
      case 'close':
        clearTimeout(idle)
        log.close()
        return { did: 'close' }
    }
  }

  function commit(commands: readonly CommandOf<'commit'>[]): AnswerOf<'commit'>[] {
    const groups = commands.map(readGroup)
    const entries = groups.flat()
    const at = lastAt
    const attempt = log.attempt(at, (file) => {
      const work = { entries, at, textOf, replayedSince: at - replayWindowMs }
      const results = file.commit({ ...work, inDoubt: log.lost, reason: 'no-end' })
      log.lost.clear()
      return results
    })
    const results: readonly (Result | undefined)[] =
      ('value' in attempt ? attempt.value : attempt.landed) ?? entries.map(() => undefined)
    for (const [index, { ends }] of entries.entries()) {
      const result = results[index]
      if (ends !== null && (result === undefined || result === 'unreadable')) log.lost.add(ends)
    }
    const octets = commands.reduce((sum, { group }) => sum + group.octets.byteLength, 0)
    discard(octets)
    if ('value' in attempt) grow(octets + entries.length * ENTRY_BYTES)
    const after = { state: state(), ...('problem' in attempt && trouble(attempt.problem)) }
    let from = 0
    return groups.map(({ length }) => {
      from += length
      return { did: 'commit', ...placesOf(results.slice(from - length, from)), ...after }
    })
  }

  function readGroup({ at, group, texts: fresh, forget, lost }: CommandOf<'commit'>): Entry[] {
    lastAt = at
    if (forget) texts.clear()
    for (const [number, text] of fresh) texts.set(number, text)
    for (const seq of lost) log.lost.add(seq)
    return unpackEntries(group)
  }

  function textOf(number: number): string {
    const text = texts.get(number)
    if (text === undefined) throw new TypeError('A text is not known')
    return text
  }

  function closeBatch(at: number): AnswerOf<'batch'> {
    const attempt = log.attempt(at, (file) => file.closeBatch(at))
    if ('problem' in attempt) return { did: 'batch', state: state(), batch: null, ...trouble(attempt.problem) }
    const batch = attempt.value
    if (batch === undefined) return { did: 'batch', state: state(), batch: null }
    grow(batch.count * HASH_BYTES)
    const unmarked = mark(batch)
    const { number, root, since, count, headerSha256: head } = batch
    const answer = { did: 'batch', state: state(), batch: { number, root, since, count, head } } as const
    return unmarked === undefined ? answer : { ...answer, problem: unmarked }
  }

  /** The batch stands whether or not the mark can be written; the next batch tries again. */
  function mark({ seq, leaf }: ClosedBatch): string | undefined {
    if (log.opened === undefined) return undefined
    try {
      writeHighWater(place, { log: logId(log.opened.identity), seq, leaf: leaf.toString('hex') })
      return undefined
    } catch (error) {
      return `the high-water mark cannot be written: ${describe(error)}`
    }
  }

  function storeToken({ at, number, token, genTime, until }: CommandOf<'token'>): AnswerOf<'token'> {
    const attempt = log.attempt(at, (file) => file.storeToken({ number, token, genTime, until }))
    if ('problem' in attempt) return { did: 'token', state: state(), isStored: false, ...trouble(attempt.problem) }
    grow(token.length)
    return { did: 'token', state: state(), isStored: true }
  }

  function storeHeads({ at, heard }: CommandOf<'heads'>): AnswerOf<'heads'> {
    const attempt = log.attempt(at, (file) => file.storeHeads(heard))
    if ('problem' in attempt) return { did: 'heads', state: state(), isStored: false, ...trouble(attempt.problem) }
    grow(0)
    return { did: 'heads', state: state(), isStored: true }
  }

  function decide({ at, request }: CommandOf<'decide'>): AnswerOf<'decide'> {
    const now = { at, replayedSince: at - replayWindowMs }
    const attempt = log.attempt(at, (_file, { erasing }) => erasing.decide(request, now))
    if ('problem' in attempt) return { did: 'decide', state: state(), decided: null, ...trouble(attempt.problem) }
    grow(ENTRY_BYTES)
    return { did: 'decide', state: state(), decided: attempt.value }
  }

  function erase({ at, rules, dueAt }: CommandOf<'erase'>): AnswerOf<'erase'> {
    // By itself it would come in large pieces: there is never a moment without a step.
    if (walBytes >= ERASING_WAL_BYTES) checkpoint()
    const now = { at, dueAt, replayedSince: dueAt - replayWindowMs }
    const attempt = log.attempt(at, (_file, { erasing, store }) => {
      const step = erasing.step(now, rules)
      isWalTold ||= step.bodies + step.records > 0
      if (step.more || !step.isClean || !isWalTold) return step
      log.checkpoints()
      isWalTold = !store.foldAll()
      if (!isWalTold) return step
      walTries = (walTries + 1) % WAL_TRIES_MAX
      return walTries > 0 ? { ...step, more: true } : { ...step, problem: 'the WAL is in use and cannot be emptied' }
    })
    if ('problem' in attempt) return { did: 'erase', state: state(), step: null, ...trouble(attempt.problem) }
    const step = attempt.value
    grow((step.bodies + step.records) * ENTRY_BYTES)
    return { did: 'erase', state: state(), step }
  }

  function archive({ at, work }: CommandOf<'archive'>): AnswerOf<'archive'> {
    const began = performance.now()
    const attempt = log.attempt(at, (_file, { archive }) => archive(work, at))
    if ('problem' in attempt)
      return { did: 'archive', state: state(), outcome: null, ms: 0, ...trouble(attempt.problem) }
    grow('records' in attempt.value ? attempt.value.records * ENTRY_BYTES : 0)
    return { did: 'archive', state: state(), outcome: attempt.value, ms: performance.now() - began }
  }

  function recover({ at, lost }: CommandOf<'recover'>): AnswerOf<'recover'> {
    for (const seq of lost) log.lost.add(seq)
    const problem = log.recover(at)
    return { did: 'recover', state: state(), ...(problem === undefined ? { known: known() } : { problem }) }
  }

  function state(): WriterState {
    const file: LogFile | undefined = log.opened?.log
    if (file === undefined) {
      const { fault } = log
      return { isWritable: false, seq: 0, unbatched: 0, unbatchedSince: null, ...(fault !== undefined && { fault }) }
    }
    const { tip, unbatched, unbatchedSince = null } = file
    return { isWritable: true, seq: tip.seq, unbatched, unbatchedSince }
  }

  /** After a failure the gateway's thread learns again where the log stands. */
  function trouble(problem: string): { problem: string; known?: Known } {
    return { problem, ...(log.opened !== undefined && { known: known() }) }
  }

  function known(): Known {
    if (log.opened === undefined) throw new TypeError('The log is closed')
    return knownOf(log.opened.store.batches, log.opened.log.batch)
  }

  function grow(octets: number): void {
    walBytes += octets + COMMIT_BYTES
    clearTimeout(idle)
    idle = undefined
    if (walBytes >= CHECKPOINT_BYTES_MAX) checkpoint()
    else if (walBytes >= CHECKPOINT_BYTES) idle = setTimeout(checkpoint, IDLE_MS)
  }

  /** The only writer is here, so a checkpoint between two commits leaves an empty WAL unless somebody reads. */
  function checkpoint(): void {
    walBytes = 0
    log.checkpoints()
    log.attempt(lastAt, () => {
      try {
        log.opened?.store.fold()
      } catch (error) {
        // The WAL goes on growing: whether that is possible the next commit finds out.
        if (!isFull(error)) throw error
      }
    })
  }

  const { opened } = log
  const greeting: Answer = {
    did: 'open',
    state: state(),
    id: logId(opened?.identity ?? identityAt(place)),
    known: opened === undefined ? NOTHING_KNOWN : known(),
    configuration: opened?.store.configurations.latest() ?? null,
  }
  return { greeting, answer }
}

function placesOf(results: readonly (Result | undefined)[]): { seqs: number[]; leaves: Uint8Array } {
  const leaves = new Uint8Array(results.length * HASH_BYTES)
  const seqs = results.map((result, index) => {
    if (typeof result !== 'object') return result === undefined ? NOT_WRITTEN : CODES[result]
    leaves.set(result.leaf, index * HASH_BYTES)
    return result.seq
  })
  return { seqs, leaves }
}

function knownOf(batches: Batches, { number, headerSha256 }: LatestBatch): Known {
  const unstamped = batches.unstamped()
  const stamped = batches.numbered((unstamped[0]?.number ?? number + 1) - 1)
  return {
    head: headerSha256 ?? null,
    headBatch: number,
    unstamped: unstamped.map(({ number, root, atMin, first, last }) => ({
      ...{ number, root, since: atMin, count: last - first + 1 },
    })),
    stampedAt: stamped?.genTime ?? null,
  }
}
