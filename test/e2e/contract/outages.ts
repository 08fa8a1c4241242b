/** What the gateways cannot do: contract §2.5, cases 54 and 55. Comes last: it stops the registry and starts it again. */

import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { RegionProcess } from '../../../gateway/region/processes.ts'
import { startProcess } from '../../../gateway/region/processes.ts'
import { addPurpose } from '../../../gateway/registry/commands.ts'
import { openRegistry } from '../../../gateway/registry/store.ts'
import type { Gateway, Rig } from '../rig.ts'
import { ECHO, WEST } from '../rig-region.ts'
import { isFault, isRefused } from './fault.ts'

const ROOT = join(import.meta.dirname, '../../..')
const WAIT_MS_MAX = 15_000
const OUTDATED = 'Server.ClientProxy.OutdatedGlobalConf'

/** Looks until it is so. */
async function until(isSo: () => Promise<boolean>): Promise<boolean> {
  for (let waited = 0; waited < WAIT_MS_MAX; waited += 50) {
    if (await isSo()) return true
    await sleep(50)
  }
  return false
}

const HAS_PRLIMIT = spawnSync('prlimit', ['--version']).status === 0

/** No file of this process may grow beyond so many octets: a full disk, for one process. */
function limitFiles({ pid }: Gateway, bytes: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
}

export async function outages(t: Test, rig: Rig): Promise<void> {
  const statusOf = async (service: string) => (await rig.exchange({ service })).response.status
  const errorOf = async (service: string) => (await rig.exchange({ service })).response.header('x-road-error')

  // What X-Road calls DatabaseError: the one database here is the message log.
  t.test(
    '54 a message log that cannot be written: nothing is delivered, and it heals by itself',
    { skip: HAS_PRLIMIT ? false : 'needs util-linux' },
    async (t) => {
      for (const [gateway, proxy] of [
        [rig.west, 'ServerProxy'],
        [rig.ost, 'ClientProxy'],
      ] as const) {
        limitFiles(gateway, '4096')
        t.teardown(() => limitFiles(gateway, 'unlimited'))
        const refused = await rig.exchange({ method: 'POST', body: 'x' })
        isRefused(t, refused, `Server.${proxy}.LoggingFailed`)
        t.match(refused.response.json(), { retryable: true })

        limitFiles(gateway, 'unlimited')
        t.ok(await until(async () => (await statusOf(ECHO)) === 200), 'writable again')
      }
    },
  )

  t.test('55 a global configuration that has expired, or is older than a purpose allows', async (t) => {
    const { federation } = rig
    const { pid, directory, url } = federation.registry
    const fresh = `${WEST}/DIENSTE/fresh`
    let running: RegionProcess | undefined
    t.teardown(() => running?.stop())
    const restart = async (lifetimeMs: number) => {
      await running?.stop()
      const pki = (name: string) => join(federation.trust.directory, 'registry', name)
      running = await startProcess({
        name: 'registry-again',
        file: join(ROOT, 'gateway/registry/main.ts'),
        args: [
          ...['--directory', directory, '--port', new URL(url).port, '--lifetime-ms', String(lifetimeMs)],
          ...[
            '--key',
            pki('server.key'),
            '--certificate',
            pki('server.chain.pem'),
            '--signing-key',
            pki('signing.key'),
          ],
        ],
        logs: rig.directory,
      })
      await running.ready
      // News of another version is what gateways are waiting for; the same again they would only see in ten seconds.
      const store = openRegistry(directory)
      store.change(Date.now(), (content) => addPurpose(content, `ZWECK_${lifetimeMs}`, {}))
      store.close()
    }

    // With no registry nothing becomes fresh again between a question and the next.
    process.kill(pid ?? 0, 'SIGKILL')
    t.ok(await until(async () => (await errorOf(fresh)) === OUTDATED))
    isRefused(t, await rig.exchange({ service: fresh }), OUTDATED, 'older than 1 s:')
    t.equal(await statusOf(ECHO), 200, 'a registry that is down stops nobody')

    await restart(3000)
    t.ok(await until(async () => (await errorOf(ECHO)) === OUTDATED), 'a word that lasts three seconds arrived')
    await running?.stop()
    t.ok(await until(async () => (await errorOf(ECHO)) === OUTDATED), 'and no other comes')
    const expired = isFault(t, (await rig.exchange({})).response, OUTDATED)
    t.equal(expired.retryable, true)
    const { response } = await rig.exchange({ client: null, target: '/listClients' })
    isFault(t, response, OUTDATED, 'listClients:')

    await restart(3_600_000)
    t.ok(await until(async () => (await statusOf(ECHO)) === 200), 'a fresh word, and all is well')
    t.ok(await until(async () => (await statusOf(fresh)) === 200), 'fresh enough for the strictest purpose')
  })
}
