/** `owl log subject` put together: what a reference is, is the adapters’ affair. */

import { parseReference, REFERENCE_FORMS } from '../../../adapters/subjects.ts'
import { loadConfig, logPlace } from '../../config/config.ts'
import { lookingAt } from '../local-user.ts'
import type { Terminal } from '../terminal.ts'
import type { WithConfig } from './options.ts'
import { lookUpSubject } from './subject.ts'

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
