/**
 * Somebody who holds real keys and keeps to no rule: seals whatever he likes with any seal, sends it under any TLS
 * certificate, to any port. The honest parts of a message come from the gateway's own protocol.
 */

import { createHmac, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, request as requestHttps } from 'node:https'
import { join } from 'node:path'
import type { Body } from '../../gateway/protocol/body.ts'
import { parseCall } from '../../gateway/protocol/call.ts'
import { sha256 } from '../../gateway/protocol/digests.ts'
import type { Head, ReplyHead, RequestBlock, RequestHead } from '../../gateway/protocol/head.ts'
import { formatRequestHead } from '../../gateway/protocol/head.ts'
import { parseReplyHead } from '../../gateway/protocol/head-parser.ts'
import { mediaTypeOf } from '../../gateway/protocol/headers.ts'
import { requestIds } from '../../gateway/protocol/request-id.ts'
import { holds, readSignature, seal } from '../../gateway/protocol/sealing.ts'
import { bodyOf } from '../../gateway/transport/spool.ts'
import type { Signer } from '../../gateway/trust/keys.ts'
import { makeSigner } from '../../gateway/trust/keys.ts'
import { parseObject } from './local-call.ts'
import type { Slug } from './region.ts'
import { PURPOSE, SERVICE } from './region.ts'
import type { Rig } from './rig.ts'

/** PEM. */
export interface TlsIdentity {
  readonly key: string
  readonly cert: string
}

export interface MessageOptions {
  /** Whose gateway it says to come from, and whose client. */
  readonly from?: Slug
  readonly client?: string
  readonly service?: string
  readonly path?: string
  readonly method?: string
  /** Name, value, name, value …; beside X-Road-Client. */
  readonly headers?: readonly string[]
  /** Absent: none. */
  readonly body?: Buffer | undefined
  readonly requestId?: string
  readonly block?: Partial<RequestBlock>
  readonly issuedAt?: number
  /** In seconds, where it shall differ from the head's. */
  readonly iat?: number
}

/** A message as it lies on the wire. */
export interface Message {
  readonly head: RequestHead
  readonly body: Body | undefined
  readonly signature: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly octets: Buffer
  /** When it is signed by Bielefeld's seal over just these octets. */
  readonly signed?: { readonly head: ReplyHead; readonly body: Buffer }
  readonly fault: { readonly type?: string; readonly stage?: string; readonly detail?: string }
}

export const newRequestId = requestIds(() => Date.now())

export function tlsOf(rig: Rig, slug: Slug, use: 'peer-client' | 'peer-server' | 'local' = 'peer-client'): TlsIdentity {
  return readPair(join(rig.pki, 'members', slug, 'gw1', use))
}

/** @param path without extension */
export function readPair(path: string): TlsIdentity {
  return { key: readFileSync(`${path}.key`, 'utf8'), cert: readFileSync(`${path}.pem`, 'utf8') }
}

export function sealOf(rig: Rig, slug: Slug): Signer {
  const { key, cert } = readPair(join(rig.pki, 'members', slug, 'seal'))
  return makeSigner(createPrivateKey(key), new X509Certificate(cert))
}

/** An honest message of Paderborn to Bielefeld, but for what the options change. */
export function makeHead(rig: Rig, options: MessageOptions = {}): RequestHead {
  const { from = 'paderborn', service = SERVICE, path = '/v1', method = 'POST', headers = JSON_TYPE } = options
  const { issuedAt = Date.now(), requestId = newRequestId() } = options
  const { version, sha256: digest } = rig.configuration()
  const rawHeaders = ['X-Road-Client', options.client ?? rig.gateways[from].client, ...headers]
  const call = parseCall({ method, target: `/r1/${service}${path}`, rawHeaders })
  return formatRequestHead(
    call,
    requestId,
    {
      sender: rig.gateways[from].id,
      audience: rig.gateways.bielefeld.id,
      issuedAt: new Date(issuedAt).toISOString(),
      config: { version, sha256: Buffer.from(digest, 'hex').toString('base64url') },
      agreement: 'none',
      purpose: PURPOSE,
      logHead: 'none',
      ...options.block,
    },
    `OWL-${requestId}`,
  )
}

const JSON_TYPE = ['Content-Type', 'application/json']
export const BODY = Buffer.from('{"frage":1}')

export function makeMessage(rig: Rig, signer: Signer, options: MessageOptions = {}): Message {
  const head = makeHead(rig, options)
  return { head, ...sealed(signer, head, 'body' in options ? options.body : BODY, options.iat) }
}

/** @param iat seconds; that of the head when absent */
export function sealed(
  signer: Signer,
  head: Head & { readonly block: { readonly issuedAt: string } },
  octets: Buffer | undefined,
  iat = Math.floor(Date.parse(head.block.issuedAt) / 1000),
): { body: Body | undefined; signature: string } {
  const body = octets === undefined ? undefined : bodyOf(octets)
  return { body, signature: seal(signer, head, body?.sha256, iat) }
}

/** A head of any octets, sealed as if it were one: what no gateway would write. */
export function forge(head: RequestHead, edit: (text: string) => string): RequestHead {
  const octets = Buffer.from(edit(head.octets.toString('latin1')), 'latin1')
  return { ...head, octets, sha256: sha256(octets), media: mediaTypeOf(head.call.headers) }
}

export function frameOf({ head, body }: { head: Head; body?: Body | Buffer | undefined }): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.octets.length)
  const octets = body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : (body.bytes as Buffer)
  return Buffer.concat([length, head.octets, octets])
}

export interface Sending {
  /** Absent: none is shown. */
  readonly tls?: TlsIdentity | undefined
  readonly to?: Slug
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly agent?: Agent
}

/** Sends one message as a gateway would. */
export function sendMessage(rig: Rig, message: Message, sending: Sending = {}): Promise<Answer> {
  const { signature } = message
  return sendFrame(rig, frameOf(message), { ...sending, headers: { 'owl-signature': signature, ...sending.headers } })
}

/** Sends any octets; a connection of their own unless an agent is given. */
export function sendFrame(
  rig: Rig,
  frame: Buffer,
  { tls, to = 'bielefeld', headers, agent }: Sending,
): Promise<Answer> {
  const own = agent ?? new Agent({ keepAlive: false, maxCachedSessions: 0 })
  return new Promise((resolve, reject) => {
    const request = requestHttps({
      host: '127.0.0.1',
      port: rig.gateways[to].ports.provider,
      path: '/owl/v1/exchange',
      method: 'POST',
      agent: own,
      rejectUnauthorized: false,
      timeout: 15_000,
      ...tls,
      headers: { 'content-type': 'application/owl-message', 'content-length': frame.length, ...headers },
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(readAnswer(rig, to, response, Buffer.concat(chunks))))
    })
    request.end(frame)
  })
}

interface Received {
  readonly statusCode?: number | undefined
  readonly headers: Answer['headers']
}

function readAnswer(rig: Rig, to: Slug, { statusCode = 0, headers }: Received, octets: Buffer): Answer {
  const signature = headers['owl-signature']
  if (typeof signature !== 'string') {
    return { status: statusCode, headers, octets, fault: parseObject(octets.toString()) }
  }
  const headBytes = octets.readUInt32BE(0)
  const head = parseReplyHead(octets.subarray(4, 4 + headBytes))
  const body = octets.subarray(4 + headBytes)
  const claims = readSignature(signature, head)
  const { cert } = readPair(join(rig.pki, 'members', to, 'seal'))
  if (!holds(claims, new X509Certificate(cert).publicKey)) throw new Error('The answer is not signed by who answers')
  const digest = body.length === 0 ? undefined : sha256(body).toString('base64url')
  if (claims.bodySha256 !== digest) throw new Error('The signature is about another body')
  return { status: statusCode, headers, octets, signed: { head, body }, fault: parseObject(body.toString()) }
}

/** `alg: none`, RFC 7515 A.5, as an attacker hopes for it: the same header, no signature or a meaningless one. */
export function unsecured({ signature }: Message, value = ''): string {
  return withHeader(signature, (header) => ({ ...header, alg: 'none' }), value)
}

/** HS256 keyed with what everybody knows: the PEM of the public key. */
export function symmetric({ signature }: Message, signer: Signer): string {
  const pem = createPublicKey(signer.certificate.publicKey.export({ type: 'spki', format: 'pem' }) as string)
  const secret = pem.export({ type: 'spki', format: 'pem' })
  const text = withHeader(signature, (header) => ({ ...header, alg: 'HS256' }), '')
  return (
    text +
    createHmac('sha256', secret)
      .update(text.slice(0, text.indexOf('.') + 1))
      .digest('base64url')
  )
}

/** Another protected header, its signature value given or left as it was. */
export function withHeader(
  signature: string,
  edit: (header: Record<string, unknown>) => Record<string, unknown> | string,
  value = signature.split('.')[2] ?? '',
): string {
  const header = JSON.parse(Buffer.from(signature.split('.')[0] as string, 'base64url').toString())
  const edited = edit(header)
  const text = typeof edited === 'string' ? edited : JSON.stringify(edited)
  return `${Buffer.from(text).toString('base64url')}..${value}`
}
