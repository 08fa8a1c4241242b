/**
 * A process with the one port of a gateway that the registry's commands look at: it takes the global configuration from
 * the registry as a gateway does, and reads its own file again on SIGHUP.
 */

import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { openGlobalConfiguration } from '../../../../gateway/trust/global-configuration.ts'
import { openRegistryClient } from '../../../../gateway/trust/registry-client.ts'
import { loadAnchor } from '../../../../gateway/trust/signed-document.ts'

interface File {
  readonly directory: string
  readonly registry: {
    readonly url: string
    readonly ca: string
    readonly anchor: string
    readonly anchorSha256: string
  }
  readonly admin: { readonly key: string; readonly certificate: string }
  readonly services: readonly { readonly id: string }[]
  readonly clients: readonly { readonly id: string }[]
}

const [path = ''] = process.argv.slice(2)
const read = (): File => JSON.parse(readFileSync(path, 'utf8')) as File
let file = read()
process.on('SIGHUP', () => {
  file = read()
})

const { url, ca, anchor, anchorSha256 } = file.registry
const configuration = await openGlobalConfiguration({
  registry: openRegistryClient({ url, ca: readFileSync(ca) }),
  anchor: await loadAnchor(anchor, anchorSha256),
  directory: file.directory,
  log: pino({ level: 'silent' }),
  now: Date.now,
})
const tls = { key: readFileSync(file.admin.key), cert: readFileSync(file.admin.certificate), ca: readFileSync(ca) }
const server = createServer({ ...tls, requestCert: true }, (request, response) => {
  if (request.url !== '/configuration') return response.writeHead(404).end()
  const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id)
  const configurationVersion = configuration.current()?.version ?? null
  return response.end(
    JSON.stringify({ configurationVersion, services: ids(file.services), clients: ids(file.clients) }),
  )
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})
