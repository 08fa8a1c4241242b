/**
 * The operational log: JSON lines for operators, in which nothing stands that was not meant for them.
 *
 * Security row 36, as an allow-list: a member that is not in the table below is left out, whoever logs it, and what an
 * error says is told only when the error is of our own making. Never headers, URLs, bodies or personal data.
 */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DestinationStream, LogFn, Logger } from 'pino'
import { pino, stdTimeFunctions } from 'pino'
import type { LogEvent } from './message-log/open-log.ts'

export interface LoggingOptions {
  /** `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`. */
  readonly level: string
  /** Standard output when absent. */
  readonly destination?: DestinationStream
}

/** `word`: one of a closed set. `id`: what is registered, or a digest. `text`: a sentence, without what it quotes. */
type Kind = 'word' | 'id' | 'text'

/** What a line may carry besides level, time, text and `err`. Numbers and truth values may stand under any name here. */
export const LOGGED: Readonly<Record<string, Kind>> = {
  requestId: 'id',
  traceId: 'id',
  reqId: 'id',
  code: 'word',
  stage: 'word',
  stages: 'id',
  last: 'word',
  side: 'word',
  outcome: 'word',
  kind: 'word',
  state: 'word',
  status: 'word',
  event: 'word',
  part: 'word',
  alarm: 'word',
  gateway: 'id',
  member: 'id',
  peer: 'id',
  client: 'id',
  service: 'id',
  purpose: 'id',
  adapter: 'id',
  certificate: 'id',
  sha256: 'id',
  version: 'id',
  log: 'id',
  leaf: 'id',
  source: 'word',
  host: 'id',
  signal: 'word',
  at: 'id',
  from: 'id',
  to: 'id',
  since: 'id',
  until: 'id',
  expires: 'id',
  file: 'id',
  level: 'word',
  seq: 'id',
  batch: 'id',
  count: 'id',
  records: 'id',
  bodies: 'id',
  keys: 'id',
  suppressed: 'id',
  pid: 'id',
  port: 'id',
  consumer: 'id',
  consumerHttp: 'id',
  provider: 'id',
  admin: 'id',
  cut: 'id',
  attempt: 'id',
  warnMs: 'id',
  tookMs: 'id',
  waitMs: 'id',
  ageMs: 'id',
  offsetMs: 'id',
  intervalMs: 'id',
  afterDays: 'id',
  reason: 'text',
  failure: 'text',
  failures: 'text',
  problem: 'text',
  problems: 'text',
}

export const TEXT_CHARS_MAX = 500
const ITEMS_MAX = 20
const DEPTH_MAX = 3
const FRAMES_MAX = 5
const WORD = /^[A-Za-z][A-Za-z_.-]{0,63}\d{0,3}[A-Za-z_.-]{0,40}$/
const ID = /^[\p{L}\p{N}._~:/%'()+,=@ -]{1,200}$/u

/** @throws {TypeError} for a level that does not exist */
export function makeLogger({ level, destination }: LoggingOptions): Logger {
  if (level !== 'silent' && !(level in pino.levels.values)) throw new TypeError('The log level is none that exists')
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowed },
      // `allowed` has seen to it; pino's own would add what the error carries.
      serializers: { err: (err: unknown) => err },
      hooks: { logMethod: write },
    },
    destination ?? standardOutput(),
  )
  // Children inherit it. Serializers that a framework brings along would log what it likes.
  const { child } = logger
  logger.child = function (this: Logger, bindings: object, options?: { readonly level?: string }) {
    const kept = options?.level === undefined ? undefined : { level: options.level }
    return child.call(this, allowed(bindings) as never, kept as never)
  } as typeof logger.child
  return logger
}

/** A full disk under the output stops the lines, not the gateway: what it does is in the message log, and refused there. */
function standardOutput(): DestinationStream {
  const output = pino.destination({ fd: 1, sync: true })
  output.on('error', () => {})
  return output
}

/**
 * The same log for events that others can bring about: each text is written so often a minute, the rest is counted and
 * said at the end of that minute.
 *
 * @param perMinute lines of one text
 */
export function limited(log: Logger, perMinute: number, windowMs = 60_000): Logger {
  const windows = new Map<string, number>()

  function take(level: 'info' | 'warn' | 'error', text: string): boolean {
    const lines = windows.get(text)
    windows.set(text, (lines ?? 0) + 1)
    if (lines === undefined) setTimeout(() => end(level, text), windowMs).unref()
    return (lines ?? 0) < perMinute
  }

  function end(level: 'info' | 'warn' | 'error', text: string): void {
    const suppressed = Math.max(0, (windows.get(text) ?? 0) - perMinute)
    windows.delete(text)
    if (suppressed > 0) log[level]({ suppressed }, text)
  }

  const limiting = (level: 'info' | 'warn' | 'error'): LogFn =>
    function (this: unknown, first: unknown, second?: unknown) {
      const text = typeof first === 'string' ? first : typeof second === 'string' ? second : level
      if (take(level, text)) log[level](first as object, second as string)
    }
  return Object.assign(Object.create(log) as Logger, {
    info: limiting('info'),
    warn: limiting('warn'),
    error: limiting('error'),
  })
}

/** Interpolated values are dropped: only the text of the call itself is a text of ours. */
function write(this: Logger, args: unknown[], method: LogFn): void {
  const [first, second] = args
  if (typeof first === 'string') method.call(this, {}, textOf(first))
  else {
    const line = first instanceof Error ? { err: first } : ((first ?? {}) as object)
    // Without a text pino would take the error's.
    method.call(this, line, typeof second === 'string' ? textOf(second) : '')
  }
}

function allowed(line: object, depth = 0): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  let omitted = 0
  for (const [name, value] of Object.entries(line)) {
    if (name === 'err') {
      if (value !== undefined && value !== null) kept['err'] = describe(value)
      continue
    }
    const kind = Object.hasOwn(LOGGED, name) ? LOGGED[name] : undefined
    // Under a name that counts times or octets there are names of stages, which are ours.
    if (kind === undefined && !(depth > 0 && typeof value === 'number')) omitted++
    else kept[name] = permitted(value, kind ?? 'id', depth)
  }
  return omitted === 0 ? kept : { ...kept, omitted }
}

function permitted(value: unknown, kind: Kind, depth: number): unknown {
  if (typeof value === 'string') {
    if (kind === 'text') return textOf(value)
    return (kind === 'word' ? WORD : ID).test(value) ? value : REMOVED
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (typeof value !== 'object' || depth >= DEPTH_MAX) return undefined
  if (value instanceof Error) return describe(value)
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => permitted(item, kind, depth + 1))
  return allowed(value, depth + 1)
}

const REMOVED = '[removed]'

/** A sentence without what could be somebody's: quoted text, addresses behind the host, credentials, control characters. */
function textOf(text: string): string {
  return text
    .slice(0, TEXT_CHARS_MAX)
    .replace(/-----BEGIN[\s\S]*/g, REMOVED)
    .replace(/\b(bearer|basic)\s+\S+/gi, `$1 ${REMOVED}`)
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#"']*@)?([^\s/?#"'@]*)[^\s"']*/gi, '$1$2')
    .replace(/"[^"]*"?|`[^`]*`?|(?<=^|[\s(:=])'[^']*'?/g, '"…"')
    .replace(/[A-Za-z0-9+_=-]{40,}/g, (run) => (/^[0-9a-f]{64}$/.test(run) ? run : REMOVED))
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, ' ')
}

interface Described {
  readonly type: string
  readonly code?: string
  readonly message?: string
  /** Places in our own sources, the innermost first. */
  readonly frames?: readonly string[]
  readonly cause?: unknown
}

/**
 * What others throw often quotes what they were given (JSON.parse, URL, databases): of theirs only kind, code and place
 * are told. Ours never name a value, which is a rule of the house.
 */
function describe(error: unknown, depth = 0): Described | undefined {
  if (!(error instanceof Error)) return { type: typeof error }
  const { name, message, stack = '', cause } = error
  const { code } = error as { code?: unknown }
  const calls = stack.split('\n').filter((line) => /^\s+at /.test(line))
  const frames = calls.filter((line) => OURS.test(line)).map((line) => `${line.split(OURS)[1]}`.replace(/\)$/, ''))
  // Node's native parts leave no frame of their own, but a code.
  const isOurs = OURS.test(calls[0] ?? '') && !String(code).startsWith('ERR_')
  const deeper = cause !== undefined && depth < DEPTH_MAX ? describe(cause, depth + 1) : undefined
  return {
    type: WORD.test(name) ? name : 'Error',
    ...(typeof code === 'string' && WORD.test(code) && { code }),
    ...(isOurs && { message: textOf(message) }),
    ...(frames.length > 0 && { frames: frames.slice(0, FRAMES_MAX) }),
    ...(deeper !== undefined && { cause: deeper }),
  }
}

const ROOT = pathToFileURL(join(import.meta.dirname, '..')).href
const OURS = new RegExp(`${RegExp.escape(ROOT)}/(?=(?:gateway|adapters|schemas|certs-dev)/)`)

/** What the message log tells of itself: what goes as it should is no warning. */
export function logEvents(log: Pick<Logger, 'info' | 'warn' | 'error'>): (event: LogEvent) => void {
  return (event) => {
    if (event.event === 'log-closed') {
      const { flaw, message, next } = event
      const text = 'the message log is closed: every exchange is refused'
      log.error({ event: event.event, kind: flaw, reason: `${message}: ${next}` }, text)
    } else if (event.event === 'archived' || event.event === 'erased') log.info(event, 'message log')
    else if (event.event !== 'stamped') log.warn(event, 'message log')
    else if (event.stamped.isListOld) log.warn({ host: new URL(event.stamped.url).host }, 'a token has an old list')
  }
}
