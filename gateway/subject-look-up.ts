/** `owl log subject` put together: what a reference is, is the adapters’ affair. */

import { parseReference, REFERENCE_FORMS } from '../adapters/subjects.ts'
import { lookingAt } from './commands/local-user.ts'
import type { WithConfig } from './commands/log/options.ts'
import { lookUpSubject } from './commands/log/subject.ts'
import type { Terminal } from './commands/terminal.ts'
import { loadConfig, logPlace } from './config.ts'

export async function lookUp(
  terminal: Terminal,
  { config: file, json }: WithConfig,
  references: readonly string[],
): Promise<void> {
  const place = logPlace(await loadConfig(file))
  await lookUpSubject(
    {
      ...{ place, terminal, json: json === true, now: Date.now, stdin: process.stdin },
      ...{ parseReference, referenceForms: REFERENCE_FORMS },
      looking: lookingAt(place.file),
    },
    references,
  )
}
