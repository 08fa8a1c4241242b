/** `--cert` and `--key` of commands that a running gateway carries out: whose certificate they show it. */

import type { Command } from 'commander'
import { GatewayError } from '../errors.ts'
import type { OperatorFiles } from './admin-client.ts'

export interface OperatorGiven extends Partial<OperatorFiles> {
  /** Path. */
  readonly config: string
}

/** Whoever may order it in the region that this configuration belongs to; nothing outside a development region. */
export type OperatorOf = (config: string) => Promise<OperatorFiles | undefined>

export function operatorOptions(command: Command): Command {
  return command
    .option('--cert <file>', 'certificate of an operator, for a running gateway; that of the region when absent')
    .option('--key <file>', 'its key')
}

/** @throws {GatewayError} `BadRequest` when one is given without the other: nobody meant another operator */
export async function operatorFor(
  { config, cert, key }: OperatorGiven,
  operatorOf: OperatorOf,
): Promise<{ readonly operator?: OperatorFiles }> {
  if ((cert === undefined) !== (key === undefined))
    throw new GatewayError('BadRequest', { reason: '--cert and --key are given together' })
  const operator = cert === undefined || key === undefined ? await operatorOf(config) : { cert, key }
  return operator === undefined ? {} : { operator }
}
