/** The adapters by name, also those that were written since this process started: a gateway need not stop for them. */

import { statSync } from 'node:fs'
import type { Adapter } from './adapter.ts'

type Adapters = Readonly<Record<string, Adapter>>

/**
 * What was loaded before stays as it was: a change of an adapter itself needs a new process.
 *
 * @param names that are wanted; only when one is missing does anybody look
 * @returns all there are, with or without those
 * @throws {Error} when what was written since does not load
 */
export async function loadAdapters(names: readonly string[]): Promise<Adapters> {
  // All of them cost 30 MiB and a fifth of a second: not where there are only services by URL.
  if (names.length === 0) return {}
  const { ADAPTERS } = await import('./index.ts')
  if (names.every((name) => Object.hasOwn(ADAPTERS, name))) return ADAPTERS
  const index = new URL('index.ts', import.meta.url)
  // Another address is another module; what it imports keeps its own and comes from memory.
  index.search = String(statSync(index).mtimeMs)
  const { ADAPTERS: now } = (await import(index.href)) as { readonly ADAPTERS: Adapters }
  return now
}
