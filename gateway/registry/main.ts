/**
 * The registry as a process: `node gateway/registry/main.ts --directory DIR --key FILE --certificate FILE --signing-key FILE`.
 *
 * Prints one JSON line when it answers.
 */

import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import Fastify, { LogController } from 'fastify'
import type { JWK } from 'jose'
import { calculateJwkThumbprint, importPKCS8 } from 'jose'
import { registryPlugin } from './plugin.ts'
import { openPublishing } from './publishing.ts'
import { openRegistry } from './store.ts'

export interface RegistryServerOptions {
  /** Made by `initRegistry`. */
  readonly directory: string
  readonly host?: string
  /** 0: any free one. */
  readonly port?: number
  /** PEM files of the TLS server: PKCS#8 key, certificate with its issuing CA behind it. */
  readonly key: string
  readonly certificate: string
  /** Key of the anchor, PKCS#8 PEM, P-256. */
  readonly signingKey: string
  readonly lifetimeMs?: number
  readonly signIntervalMs?: number
  /** Of pino, to standard error. */
  readonly logLevel?: string
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number
}

export interface RegistryServer {
  readonly url: string
  readonly version: number
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 10_000
const CONNECTION_TIMEOUT_MS = 60_000
const HANDSHAKE_TIMEOUT_MS = 5000
const BODY_BYTES_MAX = 1024

export async function openRegistryServer(options: RegistryServerOptions): Promise<RegistryServer> {
  const { directory, host = '127.0.0.1', port = 0, now = Date.now } = options
  const [key, cert, signingPem] = await Promise.all([
    readFile(options.key),
    readFile(options.certificate),
    readFile(options.signingKey, 'utf8'),
  ])
  const { kty, crv, x, y } = createPublicKey(createPrivateKey(signingPem)).export({ format: 'jwk' })
  const anchor = { kty, crv, x, y } as JWK
  const store = openRegistry(directory)

  const app = Fastify({
    https: { key, cert, minVersion: 'TLSv1.3', handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
    logger: { level: options.logLevel ?? 'info', stream: process.stderr },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    forceCloseConnections: true,
  })
  const publishing = await openPublishing({
    store,
    key: await importPKCS8(signingPem, 'ES256'),
    now,
    ...(options.lifetimeMs !== undefined && { lifetimeMs: options.lifetimeMs }),
    ...(options.signIntervalMs !== undefined && { signIntervalMs: options.signIntervalMs }),
    onError: (err) => app.log.error({ err }, 'nothing new could be published'),
  })
  app.addHook('onClose', async () => {
    publishing.close()
    store.close()
  })
  await app.register(registryPlugin, { publishing, anchor, thumbprint: await calculateJwkThumbprint(anchor) })
  await app.listen({ host, port })

  const { address, port: bound } = app.server.address() as AddressInfo
  const url = `https://${address.includes(':') ? `[${address}]` : address}:${bound}`
  return { url, version: publishing.current().version, close: () => app.close() }
}

const USAGE =
  'usage: node gateway/registry/main.ts --directory DIR --key FILE --certificate FILE --signing-key FILE [--host HOST] [--port PORT] [--lifetime-ms MS]'

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      directory: text,
      key: text,
      certificate: text,
      'signing-key': text,
      host: text,
      port: { type: 'string', default: '0' },
      'lifetime-ms': text,
    },
  })
  const { directory, key, certificate, 'signing-key': signingKey, host, 'lifetime-ms': lifetime } = values
  const port = Number(values.port)
  if (!directory || !key || !certificate || !signingKey || !Number.isInteger(port)) throw new Error(USAGE)
  const server = await openRegistryServer({
    directory,
    key,
    certificate,
    signingKey,
    port,
    ...(host !== undefined && { host }),
    ...(lifetime !== undefined && { lifetimeMs: Number(lifetime) }),
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void server.close())
  process.stdout.write(
    `${JSON.stringify({ ready: true, url: server.url, pid: process.pid, version: server.version })}\n`,
  )
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 2
  })
}
