/**
 * The one place where a server is made: Fastify behind strict HTTP/1.1, over mutual TLS or on loopback, every limit
 * named.
 *
 * Source: RFC 9112, RFC 8446, BSI TR-02102-2 (versions, groups, suites).
 */

import { constants } from 'node:crypto'
import type { ServerOptions as HttpOptions, IncomingMessage, RequestListener, Server } from 'node:http'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { BlockList } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { Server as TlsServer } from 'node:tls'
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fastify, LogController } from 'fastify'
import type { HttpReason, HttpRules } from '../protocol/strict-http.ts'
import { HTTP_RULES, routableTarget } from '../protocol/strict-http.ts'
import type { PaceLimits } from './pace.ts'
import { PACE_LIMITS } from './pace.ts'
import type { BadRequest, Preflight } from './preflight.ts'
import { preflight } from './preflight.ts'

/** There is no total time limit for a request or a connection: limits run from progress (`pace.ts`). */
export interface ServerLimits extends PaceLimits {
  readonly targetCharsMax: number
  readonly headersMax: number
  readonly headBytesMax: number
  /** Of bodies that Fastify reads into memory; a route that spools to disk has its own. */
  readonly bodyBytesMax: number
  readonly connectionsMax: number
  /** 0: no limit */
  readonly requestsPerConnectionMax: number
  readonly handshakeTimeoutMs: number
  /** From the first octet, or from the opening of the connection, to the end of the head. */
  readonly headTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** How often the limits in time are looked at, and by how much they may be overrun. */
  readonly checkIntervalMs: number
  readonly lingerMs: number
}

export const SERVER_LIMITS: ServerLimits = {
  ...PACE_LIMITS,
  targetCharsMax: HTTP_RULES.targetCharsMax,
  headersMax: HTTP_RULES.headersMax,
  headBytesMax: 32 * 1024,
  bodyBytesMax: 10 * 1024 * 1024,
  connectionsMax: 2_500,
  requestsPerConnectionMax: 0,
  handshakeTimeoutMs: 5_000,
  headTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  checkIntervalMs: 1_000,
  lingerMs: 1_000,
}

/** What a running server can be given anew: PEM. */
export interface TlsMaterial {
  readonly key: string | Buffer
  /** The server's certificate with its issuing CA behind it. */
  readonly cert: string | Buffer
  /** Whose certificates of peers count as `authorized`. */
  readonly ca?: string | Buffer | ReadonlyArray<string | Buffer>
  readonly crl?: string | Buffer | ReadonlyArray<string | Buffer>
}

export interface ServerTls extends TlsMaterial {
  /** `TLSv1.3` between gateways; local systems may need 1.2. */
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly requestCert: boolean
  /** Whether the handshake fails without an `authorized` certificate. */
  readonly rejectUnauthorized: boolean
}

export interface ServerOptions {
  /** Absent: plain HTTP, which listens on loopback only. */
  readonly tls?: ServerTls
  readonly limits?: Partial<ServerLimits>
  readonly rules?: Partial<Pick<HttpRules, 'chunked' | 'upgrade'>>
  readonly badRequest: BadRequest
  readonly logger?: FastifyBaseLogger
  readonly requestId?: (request: IncomingMessage) => string
}

/**
 * A Fastify instance whose routes see only requests that passed `protocol/strict-http.ts`.
 *
 * Route parameters are raw, as sent, still percent-encoded; `request.originalUrl` is the raw target. Bodies are read
 * for every method that has one. Nothing is logged by Fastify itself: a URL may name a person.
 */
export function createServer(options: ServerOptions): FastifyInstance {
  const limits: ServerLimits = { ...SERVER_LIMITS, ...options.limits }
  const { badRequest, tls } = options
  const guards: Preflight[] = []
  const reading = { http: httpOptions(limits), limits, guards, options }

  const app = fastify({
    serverFactory: (handle) => openServer(handle as RequestListener, reading),
    // The preflight has its own, on every server that the factory makes.
    clientErrorHandler: () => {},
    rewriteUrl: (request) => routableTarget(request.url ?? ''),
    routerOptions: { maxParamLength: limits.targetCharsMax * 3 },
    bodyLimit: limits.bodyBytesMax,
    // By default Fastify's ajv changes what it validates.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, strict: true } },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    // Fastify makes a logger for every request; nothing here logs through it.
    childLoggerFactory: (logger) => logger,
    ...(options.requestId === undefined ? {} : { genReqId: options.requestId }),
  })
  for (const method of ['GET', 'HEAD', 'TRACE']) {
    app.addHttpMethod(method, { hasBody: true, overrideExisting: true })
  }
  const refuse = (reason: HttpReason, { raw }: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { status, headers, body } = badRequest(reason, raw)
    // A body that nobody wants is not read to its end: the connection goes instead.
    if (!raw.complete) void reply.header('connection', 'close')
    return reply.code(status).headers(headers).send(body)
  }
  // Before Fastify reads a body for a route that does not exist. A turn later a request that came in one piece is complete.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) queueMicrotask(() => refuse('no-route', request, reply))
    else done()
  })
  app.setNotFoundHandler((request, reply) => refuse('no-route', request, reply))
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const reason = reasonOf(error)
    if (reason === 'failed') request.log.error({ err: error }, 'a route failed')
    return refuse(reason, request, reply)
  })
  app.addHook('preClose', async () => {
    for (const guard of guards) guard.close()
  })
  if (tls !== undefined) tlsOf.set(app, tls)
  return app
}

/**
 * Gives a running server other keys, certificates, CAs; what is not given stays. New connections see them, open ones
 * live on as they are: end those that should not with `destroySockets` of `mutual-tls.ts`.
 *
 * @throws {Error} when OpenSSL does not take the material; the server keeps the old one
 */
export function setSecureContext(app: FastifyInstance, material: TlsMaterial): void {
  const tls = tlsOf.get(app)
  const server: unknown = app.server
  if (tls === undefined || !(server instanceof TlsServer)) throw new TypeError('This server has no TLS')
  const renewed = { ...tls, ...material }
  server.setSecureContext(contextOptions(renewed))
  tlsOf.set(app, renewed)
}

const tlsOf = new WeakMap<FastifyInstance, ServerTls>()

interface Reading {
  readonly http: HttpOptions
  readonly limits: ServerLimits
  readonly guards: Preflight[]
  readonly options: ServerOptions
}

function openServer(handle: RequestListener, { http, limits, guards, options }: Reading): Server {
  const { tls, badRequest } = options
  const server = tls === undefined ? createHttpServer(http) : createHttpsServer({ ...http, ...tlsOptions(tls, limits) })
  server.maxConnections = limits.connectionsMax
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax
  // 0 is no limit. Node's default drops the surplus in silence; ours is a refusal, and the head has a size anyway.
  server.maxHeadersCount = 0
  if (tls === undefined) server.prependOnceListener('listening', () => requireLoopback(server))
  else (server as unknown as TlsServer).prependListener('secureConnection', refuseResumed)

  const rules: HttpRules = {
    ...HTTP_RULES,
    ...options.rules,
    secure: tls !== undefined,
    targetCharsMax: limits.targetCharsMax,
    headersMax: limits.headersMax,
  }
  const { checkIntervalMs, lingerMs } = limits
  guards.push(preflight(server, handle, { rules, badRequest, pace: limits, checkIntervalMs, lingerMs }))
  return server
}

function httpOptions(limits: ServerLimits): HttpOptions {
  return {
    insecureHTTPParser: false,
    // The preflight asks for Host itself, and answers in our shape.
    requireHostHeader: false,
    maxHeaderSize: limits.headBytesMax,
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    // Finds the peers that vanished while we worked for them.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
  }
}

function tlsOptions(tls: ServerTls, limits: ServerLimits): TlsOptions {
  return {
    ...contextOptions(tls),
    requestCert: tls.requestCert,
    rejectUnauthorized: tls.rejectUnauthorized,
    handshakeTimeout: limits.handshakeTimeoutMs,
    ALPNProtocols: ['http/1.1'],
  }
}

function contextOptions({ key, cert, ca, crl, minVersion }: ServerTls): SecureContextOptions {
  return {
    key,
    cert,
    // An empty list, unlike none at all, does not mean the CAs that Node came with.
    ca: ca === undefined ? [] : list(ca),
    ...(crl === undefined ? {} : { crl: list(crl) }),
    minVersion,
    ciphers: SUITES,
    ecdhCurve: GROUPS,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    // Without tickets a session would have to be in Node's session store, and there is none.
    sessionIdContext: 'owl-gateway',
    sessionTimeout: 1,
  }
}

/** TR-02102-2 §3.3 and §3.4: forward secrecy and AEAD only. */
const SUITES = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

/** Hybrid first: what is recorded today must not be readable by a quantum computer of tomorrow. */
const GROUPS = 'X25519MLKEM768:X25519:P-256'

function list<T>(value: T | readonly T[]): T[] {
  return Array.isArray(value) ? [...value] : [value as T]
}

/** Should OpenSSL ever resume a session all the same: whoever resumes one has proved no key. */
function refuseResumed(socket: { isSessionReused(): boolean; destroy(): unknown }): void {
  if (socket.isSessionReused()) socket.destroy()
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

function requireLoopback(server: Server): void {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return
  if (loopback.check(bound.address, bound.family === 'IPv6' ? 'ipv6' : 'ipv4')) return
  server.emit('error', new Error('Plain HTTP listens on loopback only'))
  // Not before Fastify, called next, has looked where the server listens.
  process.nextTick(() => server.close())
}

function reasonOf({ code, statusCode = 500 }: FastifyError): HttpReason {
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'body-too-large'
  return statusCode < 500 ? 'bad-content' : 'failed'
}
