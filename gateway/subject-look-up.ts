/** `owl log subject` put together: references are the adapters’ affair, operators’ certificates the region’s. */

import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { parseReference, REFERENCE_FORMS } from '../adapters/subjects.ts'
import type { OperatorFiles } from './admin/operator-port.ts'

import { lookUpSubject } from './admin/subject-commands.ts'
import type { Terminal } from './admin/terminal.ts'
import { loadConfig, logPlace } from './config.ts'
import { federationFile, readFederation } from './region/federation.ts'
import type { SubjectGiven } from './subject-cli.ts'

export async function lookUp(terminal: Terminal, given: SubjectGiven, references: readonly string[]): Promise<void> {
  const { config: file, json, cert, key } = given
  const operator = cert === undefined || key === undefined ? await operatorOfRegion(file) : { cert, key }
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

/** In a development region the certificate lies beside the configuration. */
async function operatorOfRegion(file: string): Promise<OperatorFiles | undefined> {
  const federation = await readFederation(federationFile(dirname(resolve(file)))).catch(() => undefined)
  return federation?.gateways.find(({ config }) => config === resolve(file))?.operator
}
