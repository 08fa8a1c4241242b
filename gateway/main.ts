/** One gateway as a process: `node gateway/main.ts --config FILE`. Says in one JSON line on stdout when and where it listens. */

import { parseArgs } from 'node:util'
import { loadConfig } from './config/config.ts'
import { faultText, sentenceOf } from './config/faults.ts'
import { openGateway } from './deps.ts'
import { makeLogger } from './logging.ts'
import { applyProcessSettings } from './process-settings.ts'

/**
 * Runs until SIGTERM or SIGINT; SIGHUP reads services, clients and operators anew.
 *
 * @param file configuration
 * @throws {Error} naming what keeps the gateway from starting
 */
export async function startGateway(file: string): Promise<void> {
  const log = makeLogger({ level: process.env['LOG_LEVEL'] ?? 'info' })
  const gateway = await openGateway(await loadConfig(file), log)

  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    gateway.close().then(
      () => process.exit(0),
      (error) => {
        log.error({ err: error }, 'the gateway did not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => {
    gateway
      .reload(() => loadConfig(file))
      .then(
        (faults) => {
          log.info('configuration read anew')
          for (const fault of faults)
            log.error({ service: fault.id, reason: faultText(fault) }, 'a service is left out')
        },
        (error) => log.error({ err: error }, 'the configuration was not taken: the one before stays'),
      )
  })
  // It answers, also where every exchange is refused.
  const refusing = gateway.fault()
  const line = { ready: true, pid: process.pid, ...gateway.ports, ...(refusing !== undefined && { refusing }) }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** One line for whoever started it, and no gateway: exit code 1. */
export function refuseStart(error: unknown): never {
  process.stderr.write(`the gateway cannot start: ${sentenceOf(error)}\n`)
  process.exit(1)
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { config: { type: 'string' } } })
  if (values.config === undefined) {
    process.stderr.write('usage: node gateway/main.ts --config FILE\n')
    process.exitCode = 2
  } else {
    applyProcessSettings(process.env)
    await startGateway(values.config).catch(refuseStart)
  }
}
