/** Why an adapter has no answer. It carries places and reasons, never a value of either payload. */

import type { Problem } from '../schemas/schema.ts'

/**
 * `request`: the caller must change the payload. `response`: the local system's answer is unusable. `unavailable`: there is
 * none. `failed`: a mistake in the adapter.
 */
export type AdapterErrorKind = 'request' | 'response' | 'unavailable' | 'failed'

const MESSAGES: Readonly<Record<AdapterErrorKind, string>> = {
  request: 'The request breaks the schema of the service',
  response: 'The answer of the local system is unusable',
  unavailable: 'The local system gave no answer',
  failed: 'The adapter failed',
}

export class AdapterError extends Error {
  override readonly name = 'AdapterError'
  readonly kind: AdapterErrorKind
  /** For operators: `schema`, `timeout`, `connect`, `status-503`, `soap-fault`, `busy`, an error's own code … */
  readonly reason: string
  readonly problems: readonly Problem[]

  constructor(kind: AdapterErrorKind, reason: string, problems: readonly Problem[] = []) {
    super(`${MESSAGES[kind]}: ${[reason, ...problems.map(placeOf)].join(', ')}`)
    this.kind = kind
    this.reason = reason
    this.problems = problems
  }

  /** From anything thrown. Messages of parsers and databases quote values: only where it happened is kept. */
  static of(error: unknown, kind: AdapterErrorKind = 'unavailable'): AdapterError {
    if (error instanceof AdapterError) return error
    if (!(error instanceof Error)) return new AdapterError(kind, 'unknown')
    const made = new AdapterError(kind, codeOf(error) ?? error.name)
    const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
    made.stack = [`${made.name}: ${made.message}`, ...frames].join('\n')
    return made
  }
}

/** What systems and networks report has a code; what the language throws has none. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}

/** A place and the rule it breaks, for people: `/suche (required)`. */
export function placeOf({ pointer, keyword }: Problem): string {
  return `${pointer || 'body'} (${keyword})`
}
