/** Who looked into the log, and at what: `event.json` of its records `access`. */

import type { LogQuery } from './message-log.ts'

export interface Access {
  /** `operator:` and the SHA-256 of a certificate, hex; `console:` and who ran the command. */
  readonly by: `operator:${string}` | `console:${string}`
  readonly looked: Looked
}

export type Looked =
  /** People were looked up: how many, never whom. */
  | { readonly references: number }
  /** What a message says was read, or taken out as evidence. */
  | { readonly part: 'head' | 'body' | 'evidence'; readonly seq: number }
  | { readonly part: 'evidence'; readonly exchange: string }
  | { readonly part: 'evidence'; readonly query: LogQuery }
  /** Messages that show that logs contradict each other. */
  | { readonly part: 'evidence'; readonly contradictions: number }

/** @param lookedAt where that was before it came on record */
export function formatAccess({ by, looked }: Access, lookedAt?: number): Buffer {
  const at = lookedAt === undefined ? {} : { lookedAt: new Date(lookedAt).toISOString() }
  return Buffer.from(JSON.stringify({ v: 1, event: 'access', by, ...looked, ...at }))
}

/** @returns whether these octets are an access by somebody at the console, as far as anybody but himself can tell */
export function isConsoleAccess(octets: Buffer): boolean {
  try {
    const { v, event, by } = JSON.parse(octets.toString())
    return v === 1 && event === 'access' && typeof by === 'string' && by.startsWith('console:')
  } catch {
    return false
  }
}
