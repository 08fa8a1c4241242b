/** The agency's own side of a gateway: its clients, services and operators, replaceable while it runs. */

import { loadAdapters } from '../adapters/loading.ts'
import type { LocalClients } from './access/clients.ts'
import { localClients } from './access/clients.ts'
import type { Config } from './config/config.ts'
import type { ConfigFault } from './config/faults.ts'
import { ConfigError, localFaults } from './config/faults.ts'
import type { Services } from './transport/services.ts'
import { openServices } from './transport/services.ts'
import type { Spool } from './transport/spool.ts'
import type { Listed, LocalCertificates } from './trust/local-certificates.ts'

/** What the configuration file says of the agency's own systems, replaceable while the gateway runs. */
export interface Local {
  readonly clients: LocalClients
  readonly services: Services
  readonly operators: () => readonly string[]
  /** What of the file, as it was read last, is not in use. */
  readonly faults: () => readonly ConfigFault[]
  /**
   * A service that does not hold is left out, and the others are taken.
   *
   * @returns the faults of those left out
   * @throws {Error} when anything else does not hold; then nothing changes
   */
  reload(read: () => Promise<Config>): Promise<readonly ConfigFault[]>
  close(): Promise<void>
}

/** @throws {Error} naming the service that does not hold */
export async function openLocal(config: Config, spool: Spool, certificates: LocalCertificates): Promise<Local> {
  const open = async (of: Config, refused: ReadonlySet<string> = new Set()): Promise<Services> =>
    openServices({
      services: of.services.filter(({ id }) => !refused.has(id)),
      refused,
      adapters: await loadAdapters(
        of.services.filter(({ id }) => !refused.has(id)).flatMap(({ adapter }) => adapter ?? []),
      ),
      networksAllowed: of.networksAllowed,
      headBytesMax: of.limits.headBytesMax,
      connectTimeoutMs: of.limits.connectTimeoutMs,
      progressTimeoutMs: of.limits.progressTimeoutMs,
      spool,
    })
  const listed = (of: Config): void => certificates.list(listedIn(of))
  let clients = localClients(config.clients, certificates)
  let services = await open(config)
  let operators = config.admin.operators
  listed(config)
  let faults: readonly ConfigFault[] = []
  let reloading: Promise<unknown> = Promise.resolve()

  async function take(next: Config): Promise<readonly ConfigFault[]> {
    const found = await localFaults(next)
    const ofServices = found.filter(({ member }) => member === 'services')
    if (ofServices.length < found.length) throw new ConfigError(found)
    const before = services
    services = await open(next, new Set(ofServices.flatMap(({ id }) => id ?? [])))
    clients = localClients(next.clients, certificates)
    operators = next.admin.operators
    listed(next)
    faults = found
    // Exchanges under way end on what they began with.
    await before.close()
    return found
  }

  async function reload(read: () => Promise<Config>): Promise<readonly ConfigFault[]> {
    try {
      return await take(await read())
    } catch (error) {
      faults = [{ member: 'file', detail: `not taken: ${(error as Error).message}` }]
      throw error
    }
  }

  return {
    clients: { admit: (client, connection) => clients.admit(client, connection), ids: () => clients.ids() },
    services: {
      ids: () => services.ids(),
      at: (id) => services.at(id),
      subjects: (id) => services.subjects(id),
      describe: (id, title) => services.describe(id, title),
      close: () => services.close(),
    },
    operators: () => operators,
    faults: () => faults,
    reload(read) {
      // One after the other: the file read last is the one in use.
      const done = reloading.then(() => reload(read))
      reloading = done.catch(() => {})
      return done
    },
    close: () => services.close(),
  }
}

function listedIn({ clients, admin }: Config): Listed {
  const ofClients = clients.flatMap(({ certificates }) => certificates.map((sha256) => [sha256, 'client'] as const))
  return new Map([...ofClients, ...admin.operators.map((sha256) => [sha256, 'operator'] as const)])
}
