/** `owl log subject` put together: what a reference is, is the adapters’ affair. */

import { userInfo } from 'node:os'
import { parseReference, REFERENCE_FORMS } from '../adapters/subjects.ts'
import type { WithConfig } from './admin/log-cli.ts'
import type { OperatorFiles } from './admin/operator-port.ts'
import { lookUpSubject } from './admin/subject-commands.ts'
import type { Terminal } from './admin/terminal.ts'
import { loadConfig, logPlace } from './config.ts'

export interface LookUp extends WithConfig {
  /** For a running gateway. */
  readonly operator?: OperatorFiles
}

export async function lookUp(terminal: Terminal, wanted: LookUp, references: readonly string[]): Promise<void> {
  const { config: file, json, operator } = wanted
  const config = await loadConfig(file)
  await lookUpSubject(
    {
      ...{ terminal, json: json === true, now: Date.now, stdin: process.stdin, user: userInfo().username },
      ...{ config, place: logPlace(config), parseReference, referenceForms: REFERENCE_FORMS },
      ...(operator !== undefined && { operator }),
    },
    references,
  )
}
