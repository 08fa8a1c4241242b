/** The agency's own side of a gateway: its clients, services and operators, replaceable while it runs. */

import { loadAdapters } from '../adapters/loading.ts'
import type { LocalClients } from './access/clients.ts'
import { localClients } from './access/clients.ts'
import type { Config } from './config.ts'
import type { Services } from './transport/services.ts'
import { openServices } from './transport/services.ts'
import type { Spool } from './transport/spool.ts'
import type { Listed, LocalCertificates } from './trust/local-certificates.ts'

/** What the configuration file says of the agency's own systems, replaceable while the gateway runs. */
export interface Local {
  readonly clients: LocalClients
  readonly services: Services
  readonly operators: () => readonly string[]
  reload(config: Config): Promise<void>
  close(): Promise<void>
}

/** @throws {Error} naming the service that does not hold */
export async function openLocal(config: Config, spool: Spool, certificates: LocalCertificates): Promise<Local> {
  const open = async (of: Config): Promise<Services> =>
    openServices({
      services: of.services,
      adapters: await loadAdapters(of.services.flatMap(({ adapter }) => adapter ?? [])),
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
    async reload(next) {
      const before = services
      services = await open(next)
      clients = localClients(next.clients, certificates)
      operators = next.admin.operators
      listed(next)
      // Exchanges under way end on what they began with.
      await before.close()
    },
    close: () => services.close(),
  }
}

function listedIn({ clients, admin }: Config): Listed {
  const ofClients = clients.flatMap(({ certificates }) => certificates.map((sha256) => [sha256, 'client'] as const))
  return new Map([...ofClients, ...admin.operators.map((sha256) => [sha256, 'operator'] as const)])
}
