/** Who looked into the log, and at what: `event.json` of its records `access`. */

import type { LogQuery } from '../message-log.ts'

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

export interface Noted extends Access {
  /** ISO 8601, where that was before it came on record. */
  readonly lookedAt?: string
}

/** @returns nothing when the octets are no such event */
export function parseAccess(octets: Buffer): Noted | undefined {
  try {
    const { v, event, lookedAt, by, ...looked } = JSON.parse(octets.toString())
    const isAccess = v === 1 && event === 'access' && typeof by === 'string' && isLooked(looked)
    return isAccess ? { by: by as Access['by'], looked, lookedAt } : undefined
  } catch {
    return undefined
  }
}

function isLooked(looked: Record<string, unknown>): looked is Looked {
  const { part, references, seq, exchange, query, contradictions } = looked
  if (typeof references === 'number') return true
  if (typeof part !== 'string') return false
  const isMany = typeof contradictions === 'number' || (typeof query === 'object' && query !== null)
  return typeof seq === 'number' || typeof exchange === 'string' || isMany
}
