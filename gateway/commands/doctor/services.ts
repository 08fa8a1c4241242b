/** `owl gateway check`: whether every service of a configuration has the adapter it names, and the adapter its options. */

import type { Config } from '../../config.ts'
import type { Finding } from './files.ts'

/** What of an adapter is looked at. */
export interface Openable {
  open(options: Readonly<Record<string, unknown>>): { close(): Promise<void> }
}

export async function* examineServices(
  { services }: Config,
  adapters: Readonly<Record<string, Openable>>,
): AsyncGenerator<Finding> {
  for (const { id, adapter, url, options = {} } of services) {
    const what = `service ${id}`
    if (adapter === undefined) {
      yield { state: 'ok', what, detail: `at ${new URL(url ?? '').origin}` }
      continue
    }
    const found = Object.hasOwn(adapters, adapter) ? adapters[adapter] : undefined
    if (found === undefined) {
      const next = `npx owl adapter new ${adapter}`
      yield { state: 'fail', what, detail: `there is no adapter ${adapter}`, next }
      continue
    }
    try {
      await found.open(options).close()
      yield { state: 'ok', what, detail: `adapter ${adapter}` }
    } catch (error) {
      // Adapters name the option that is missing or wrong, not what it says.
      const next = 'mend options of this service'
      yield { state: 'fail', what, detail: `adapter ${adapter}: ${(error as Error).message}`, next }
    }
  }
}
