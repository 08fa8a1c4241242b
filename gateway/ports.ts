/** The three ports of a gateway, and the one for plain HTTP on loopback. */

import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Config, Port } from './config/config.ts'
import type { FaultCode } from './errors.ts'
import { GatewayError } from './errors.ts'
import type { ProxyName } from './http/fault-reply.ts'
import { faultOfError, renderFault } from './http/fault-reply.ts'
import { helpPages } from './http/help-pages.ts'
import type { Peer } from './http/mutual-tls.ts'
import { destroySockets, mutualTls, openSockets } from './http/mutual-tls.ts'
import type { BadRequest } from './http/preflight.ts'
import type { ServerOptions, ServerTls } from './http/server.ts'
import { createServer } from './http/server.ts'
import { limited } from './logging.ts'
import { HTTP_REASONS } from './protocol/strict-http.ts'

export interface OpenPorts {
  readonly ports: {
    readonly consumer: number
    readonly consumerHttp: number | null
    readonly provider: number
    readonly admin: number
  }
  /** Cuts connections of other gateways whose certificate is not acceptable any more. */
  cut(unwelcome: (peer: Peer) => boolean): void
  readonly sockets: () => { readonly consumer: number; readonly provider: number }
  close(): Promise<void>
}

export interface PortsOptions {
  readonly config: Config
  readonly log: Logger
  readonly requestId: () => string
  /** Is this certificate, SHA-256, registered for another gateway? */
  readonly isPeer: (sha256: string) => boolean
  readonly consumer: (app: FastifyInstance) => Promise<void>
  readonly provider: (app: FastifyInstance) => Promise<void>
  readonly admin: (app: FastifyInstance) => Promise<void>
}

/** @throws {Error} when a port is taken or a certificate cannot be read; none is open then */
export async function openPorts(options: PortsOptions): Promise<OpenPorts> {
  const { config, log } = options
  const tls = async ({ key, certificate }: { key: string; certificate: string }) => ({
    key: await readFile(key),
    cert: await readFile(certificate),
  })
  const local = { minVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: false } as const
  const refusals = limited(log, LINES_PER_MINUTE_MAX)
  const limits = { ...config.limits, targetCharsMax: config.limits.urlCharsMax }
  const make = (side: ProxyName, rules: ServerOptions['rules'], material?: ServerTls): FastifyInstance =>
    createServer({
      ...(material === undefined ? {} : { tls: material }),
      limits,
      rules,
      badRequest: badRequest(side, options.requestId, refusals),
      logger: log,
    })

  // No CA decides who is who: the handshake proves the key, the configuration knows the certificate.
  const peerTls: ServerTls = {
    ...(await tls(config.provider)),
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
  }
  const consumer = make('ClientProxy', {}, { ...(await tls(config.consumer)), ...local })
  const provider = make('ServerProxy', { chunked: false }, peerTls)
  const admin = make('ClientProxy', {}, { ...(await tls(config.admin)), ...local })
  // Java's HttpClient, which many applications for X-Road use, offers h2c with every plain request.
  const http = config.consumer.httpPort === null ? undefined : make('ClientProxy', { upgrade: 'ignored' })
  const apps = [consumer, provider, admin, ...(http === undefined ? [] : [http])]
  const { peerConnectionsMax, strangersMax } = config.limits
  const ofPeers = { socketsPerPeerMax: 4 * peerConnectionsMax, strangersMax, isKnown: options.isPeer }
  for (const app of apps) await app.register(mutualTls, app === provider ? ofPeers : {})
  for (const app of [consumer, http]) await app?.register(helpPages)
  await consumer.register(options.consumer)
  await http?.register(options.consumer)
  await provider.register(options.provider)
  await admin.register(options.admin)
  const close = async (): Promise<void> => {
    await Promise.all(apps.map((app) => app.close()))
  }
  try {
    await listen('consumer', consumer, config.consumer)
    if (http !== undefined)
      await listen('consumer.httpPort', http, { host: '127.0.0.1', port: config.consumer.httpPort as number })
    await listen('provider', provider, config.provider)
    await listen('admin', admin, config.admin)
  } catch (error) {
    await close()
    throw error
  }
  return {
    ports: {
      consumer: portOf(consumer),
      consumerHttp: http === undefined ? null : portOf(http),
      provider: portOf(provider),
      admin: portOf(admin),
    },
    cut(unwelcome) {
      const cut = destroySockets(provider, unwelcome)
      if (cut > 0) log.warn({ cut }, 'connections of other gateways were cut')
    },
    sockets: () => ({ consumer: openSockets(consumer), provider: openSockets(provider) }),
    close,
  }
}

/** @throws {Error} saying which member of the configuration names a port that cannot be had */
async function listen(member: string, app: FastifyInstance, { host, port }: Port): Promise<void> {
  try {
    // Fastify writes into what it is given, and the configuration is frozen.
    await app.listen({ host, port })
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    const reason = code === 'EADDRINUSE' ? 'another process listens there' : code
    throw new Error(`${member}: port ${port} of ${host} cannot be opened: ${reason}`, { cause })
  }
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port
}

/** Requests that become no call, written down. */
const LINES_PER_MINUTE_MAX = 600

/** A request that never becomes a call is answered in the same form as one that does, and found in the log by its id. */
function badRequest(proxy: ProxyName, requestId: () => string, log: Logger): BadRequest {
  return (reason, request) => {
    const code: FaultCode = reason === 'failed' ? 'InternalError' : 'BadRequest'
    const id = requestId()
    const fault = faultOfError(new GatewayError(code, { reason: HTTP_REASONS[reason] }), proxy, id, 'received')
    // RFC 9110 §10.1.1 has a status of its own for an expectation that is not met; X-Road names none.
    const status = reason === 'expect' ? 417 : fault.status
    const { contentType, octets } = renderFault(fault.body, status, request?.headers.accept)
    log.warn({ requestId: id, code, reason: HTTP_REASONS[reason] }, 'a request went no further')
    return {
      status,
      headers: { 'content-type': contentType, 'x-road-error': fault.body.type, 'x-road-request-id': id },
      body: octets,
    }
  }
}
