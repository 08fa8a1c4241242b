/** Why a global configuration is not taken: each cause by its own name, so that only what was changed is called tampered with. */

import type { Logger } from 'pino'
import { GatewayError } from '../errors.ts'
import type { Configuration } from './configuration.ts'
import { checkConfiguration } from './configuration-check.ts'
import { ClockBehind } from './freshness.ts'

/** The registry's word ended before now. */
export class Expired extends Error {
  readonly byMs: number

  constructor(byMs: number) {
    const seconds = Math.round(byMs / 1000)
    super(`The registry’s latest word has expired, ${seconds} s ago: it stands still, or this gateway’s clock is ahead`)
    this.byMs = byMs
  }
}

/** An alarm was raised already. */
export class Alarmed extends Error {}

/** Something that the registry signed has a form that this version does not read: nobody changed it. */
export class Unusable extends Error {}

/** By how much this gateway's clock seems to be off; what is ahead may also be a registry that stands still. */
export interface ClockDoubt {
  readonly direction: 'behind' | 'ahead'
  readonly byMs: number
}

export function clockDoubt(error: unknown): ClockDoubt | undefined {
  if (error instanceof ClockBehind) return { direction: 'behind', byMs: error.byMs }
  return error instanceof Expired ? { direction: 'ahead', byMs: error.byMs } : undefined
}

/** @returns the code of an operation that the system refused: a full disk, missing rights, a bad sector */
export function systemCode(error: unknown): string | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException
  return typeof code === 'string' && typeof syscall === 'string' ? code : undefined
}

/** Is a copy on this disk another than the one that was written? */
export function isTampering(error: unknown): boolean {
  const isKnown = [Expired, ClockBehind, Alarmed, Unusable, GatewayError].some((known) => error instanceof known)
  return !isKnown && systemCode(error) === undefined
}

/** One line for the operator. */
export function failureText(error: unknown): string {
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return `the disk is full: the global configuration cannot be kept (${code})`
  if (error instanceof GatewayError) return `the global configuration cannot be put on record: ${error.message}`
  return (error as Error).message
}

export type Alarm =
  | 'registry-rollback'
  | 'registry-split-view'
  | 'registry-fast-forward'
  /** A copy on this disk is another than the one that was written. */
  | 'configuration-tampered'
  /** It may be as it was written: this process cannot read it. */
  | 'configuration-unreadable'

export interface RaisedAlarm {
  readonly alarm: Alarm
  /** The last time; milliseconds since the Unix epoch. */
  readonly at: number
  readonly count: number
}

export interface Alarms {
  /** @returns what to throw */
  raise(alarm: Alarm, detail: object): Error
  /** Raises the alarm that fits a copy that could not be used. What was only refused, or could not be written, is none. */
  distrust(error: unknown, file: string): void
  list(): readonly RaisedAlarm[]
}

/** Codes of a file that is there and cannot be read. */
const UNREADABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EIO', 'EISDIR', 'ELOOP', 'ENOTDIR'])

export function openAlarms({ now, log }: { readonly now: () => number; readonly log: Pick<Logger, 'error'> }): Alarms {
  const raised = new Map<Alarm, RaisedAlarm>()
  function raise(alarm: Alarm, detail: object): Error {
    const before = raised.get(alarm)
    raised.set(alarm, { alarm, at: now(), count: (before?.count ?? 0) + 1 })
    if (before === undefined) log.error({ alarm, ...detail }, 'the global configuration is not what it should be')
    return new Alarmed(alarm)
  }
  return {
    raise,
    distrust(error, file) {
      const reason = failureText(error)
      if (isTampering(error)) raise('configuration-tampered', { file, reason })
      else if (UNREADABLE.has(systemCode(error) ?? '')) raise('configuration-unreadable', { file, reason })
    },
    list: () => [...raised.values()],
  }
}

/** What the registry signed, read. @throws {Unusable} */
export function readConfiguration(payload: Buffer): Configuration {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
    return freeze(checkConfiguration(JSON.parse(text), 'open'))
  } catch (cause) {
    throw new Unusable((cause as Error).message, { cause })
  }
}

function freeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freeze(member)
  return Object.freeze(value)
}
