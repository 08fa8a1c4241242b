/** Loads, once after installing, what every start of a region loads: what Node keeps of it makes the first start fast. */

import { flushCompileCache } from 'node:module'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
/** The processes of a region, and what they load late. None of them starts anything by being loaded. */
const FILES = [
  'gateway/deps.ts',
  'gateway/main.ts',
  'gateway/region/launcher.ts',
  'gateway/region/scenario.ts',
  'gateway/registry/main.ts',
  'certs-dev/trust-service.ts',
  'certs-dev/certificates.ts',
  'adapters/index.ts',
]

for (const file of FILES) await import(join(ROOT, file)).catch(() => {})
flushCompileCache()
// A loaded part may keep a handle open.
process.exit()
