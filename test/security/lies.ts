/** What a provider's gateway with real keys may try to make a consumer believe, and what must come of it. */

import { randomBytes, sign } from 'node:crypto'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { derToRaw } from '../../gateway/protocol/ecdsa.ts'
import { readPair, sealOf, withHeader } from './attacker.ts'
import type { Lie, ReplyOptions } from './lying-gateway.ts'
import { answerOf, httpAnswer, sealReply } from './lying-gateway.ts'
import type { Rig } from './rig.ts'

/** Fault that the local system gets → the stage after which the exchange stopped. */
export interface Row {
  readonly lie: Lie
  readonly type: string
  readonly stage?: string
}

const CLIENT = 'Server.ClientProxy.'
const VERIFICATION = `${CLIENT}SignatureVerification.`

/** @param remembered answers to earlier requests, as they went over the wire */
export function liesOf(rig: Rig, remembered: readonly Buffer[]): Readonly<Record<string, Row>> {
  const reply =
    (options: ReplyOptions): Lie =>
    (asked) =>
      answerOf(sealReply(rig, asked, options))
  const ids = (change: ReplyOptions['ids']): Lie => reply({ ids: change as NonNullable<ReplyOptions['ids']> })
  const block = (change: ReplyOptions['block']): Lie => reply({ block: change as NonNullable<ReplyOptions['block']> })
  const header = (name: string, value: string): Lie =>
    reply({
      headers: [
        ['content-type', 'application/json'],
        [name, value],
      ],
    })
  const text = JSON.stringify

  return {
    'the reply to another request': {
      lie: () => remembered[0],
      type: `${CLIENT}InconsistentResponse`,
    },
    'another request digest': {
      lie: block({ requestDigest: 'A'.repeat(43) }),
      type: `${CLIENT}InconsistentResponse`,
    },
    'no request digest': { lie: block({ requestDigest: 'none' }), type: `${CLIENT}InconsistentResponse` },
    'another request hash': { lie: ids({ requestHash: 'QUFB' }), type: `${CLIENT}InconsistentResponse` },
    'another request id': {
      lie: ids({ requestId: '01a20705-f839-7000-978d-c3d470a30a57' }),
      type: `${CLIENT}InconsistentResponse`,
    },
    'another X-Road-Id': { lie: ids({ xRoadId: 'OWL-1' }), type: `${CLIENT}InconsistentResponse` },
    'another client': { lie: ids({ client: 'OWL/GOV/05774020/PORTAL' }), type: `${CLIENT}InconsistentResponse` },
    'another service': { lie: ids({ service: 'OWL/GOV/05711000/TEST/andere' }), type: `${CLIENT}InconsistentResponse` },
    'another sender': {
      lie: block({ sender: 'OWL/GOV/05774020/gw1' }),
      type: `${CLIENT}InconsistentResponse`,
    },
    'another audience': { lie: block({ audience: 'OWL/GOV/05774020/gw1' }), type: `${CLIENT}WrongAudience` },
    'a reply 61 s old': {
      lie: (asked) => answerOf(sealReply(rig, asked, { issuedAt: Date.now() - 61_000 })),
      type: `${CLIENT}StaleMessage`,
    },
    'a reply from the future': {
      lie: (asked) => answerOf(sealReply(rig, asked, { issuedAt: Date.now() + 61_000 })),
      type: `${CLIENT}StaleMessage`,
    },
    'the seal of another member': {
      lie: (asked) => answerOf(sealReply(rig, asked, { signer: sealOf(rig, 'delbrueck') })),
      type: `${VERIFICATION}UnknownCertificate`,
    },
    'the seal of the asking member': {
      lie: (asked) => answerOf(sealReply(rig, asked, { signer: sealOf(rig, 'paderborn') })),
      type: `${VERIFICATION}UnknownCertificate`,
    },
    'the TLS key in place of the seal': {
      lie: (asked) => {
        const honest = sealReply(rig, asked)
        return answerOf(honest, honest.body, signedBy(rig, honest.signature, 'bielefeld/gw1/peer-server'))
      },
      type: `${VERIFICATION}InvalidSignatureValue`,
    },
    'the signature of another reply': {
      lie: (asked) => {
        const honest = sealReply(rig, asked)
        return answerOf(honest, honest.body, sealReply(rig, asked, { reason: 'Other' }).signature)
      },
      type: `${VERIFICATION}InvalidReference`,
    },
    'alg none': {
      lie: (asked) => {
        const honest = sealReply(rig, asked)
        return answerOf(
          honest,
          honest.body,
          withHeader(honest.signature, (it) => ({ ...it, alg: 'none' })),
        )
      },
      type: `${VERIFICATION}MalformedSignature`,
    },
    'no signature': {
      lie: (asked) => httpAnswer(answerOf(sealReply(rig, asked)), {}),
      type: `${CLIENT}InvalidMessage`,
      stage: 'sent',
    },
    'another body': {
      lie: (asked) => answerOf(sealReply(rig, asked), Buffer.from('{"antwort":2}')),
      type: `${VERIFICATION}InvalidReference`,
    },
    'no body where one is signed': {
      lie: (asked) => answerOf(sealReply(rig, asked), Buffer.alloc(0)),
      type: `${VERIFICATION}InvalidReference`,
    },
    'a body where none is signed': {
      lie: (asked) => answerOf(sealReply(rig, asked, { body: undefined }), Buffer.from('{}')),
      type: `${VERIFICATION}InvalidReference`,
    },
    'octets behind the body': {
      lie: (asked) => answerOf(sealReply(rig, asked), Buffer.from('{"antwort":1} ')),
      type: `${VERIFICATION}InvalidReference`,
    },
    'a reply that stops in its body': {
      lie: (asked, socket) => {
        const octets = answerOf(sealReply(rig, asked))
        socket.end(octets.subarray(0, octets.length - 3))
        return 'handled'
      },
      type: `${CLIENT}OutcomeUnknown`,
      stage: 'recorded',
    },
    'a large reply that stops in its body': {
      lie: (asked, socket) => {
        const octets = answerOf(sealReply(rig, asked, { body: randomBytes(1024 * 1024) }))
        socket.end(octets.subarray(0, 700_000))
        return 'handled'
      },
      type: `${CLIENT}MissingBody`,
    },
    'a large reply with another body': {
      lie: (asked) =>
        answerOf(sealReply(rig, asked, { body: Buffer.alloc(1024 * 1024) }), Buffer.alloc(1024 * 1024, 1)),
      type: `${VERIFICATION}InvalidReference`,
    },
    'a head that is longer than the message': {
      lie: () => httpAnswer(Buffer.from([0, 0, 255, 255, 1, 2]), { 'owl-signature': 'x' }),
      type: `${CLIENT}OutcomeUnknown`,
      stage: 'recorded',
    },
    'its own request back': {
      lie: ({ head, body, signature }) =>
        httpAnswer(Buffer.concat([length(head.octets), head.octets, body ?? Buffer.alloc(0)]), {
          'owl-signature': signature,
        }),
      type: `${CLIENT}InvalidMessage`,
    },
    'a body length of its own in the head': { lie: header('Content-Length', '3'), type: `${CLIENT}InvalidMessage` },
    'another framing in the head': { lie: header('Transfer-Encoding', 'chunked'), type: `${CLIENT}InvalidMessage` },
    'an error in a reply that is none': {
      lie: header('X-Road-Error', 'Server.ServerProxy.AccessDenied'),
      type: `${CLIENT}InvalidMessage`,
    },
    'a request hash of the service': { lie: header('x-road-request-hash', 'x'), type: `${CLIENT}InvalidMessage` },
    'an informational status': { lie: reply({ status: 101, body: undefined }), type: `${CLIENT}InvalidMessage` },
    'no content, and a body': { lie: reply({ status: 204, reason: 'No Content' }), type: `${CLIENT}InvalidMessage` },
    'nothing modified, and a body': { lie: reply({ status: 304, reason: '' }), type: `${CLIENT}InvalidMessage` },
    'a line too many in the block': {
      lie: reply({ forge: (head) => head.replace('owl-log-head', 'owl-purpose:X\r\nowl-log-head') }),
      type: `${CLIENT}InvalidMessage`,
    },
    'another version of the protocol': {
      lie: reply({ forge: (head) => head.replace('owl-v:1', 'owl-v:2') }),
      type: `${CLIENT}InvalidMessage`,
    },
    'a refusal without its reason': {
      lie: reply({ status: 500, error: 'Server.ServerProxy.AccessDenied', body: Buffer.from('nein') }),
      type: `${CLIENT}InconsistentResponse`,
      stage: 'verified',
    },
    'a refusal with two reasons': {
      lie: reply({
        status: 500,
        error: 'Server.ServerProxy.AccessDenied',
        body: Buffer.from(text({ type: 'Server.ServerProxy.StaleMessage', message: 'x', detail: 'y' })),
      }),
      type: `${CLIENT}InconsistentResponse`,
      stage: 'verified',
    },
    'a refusal whose reason breaks a header': {
      lie: reply({
        status: 500,
        error: 'Server.X\u00e4: y',
        body: Buffer.from(text({ type: 'Server.X\u00e4: y', message: 'x', detail: 'y' })),
      }),
      type: `${CLIENT}InconsistentResponse`,
      stage: 'verified',
    },
    'a refusal that names another request': {
      lie: reply({
        status: 500,
        error: 'Server.ServerProxy.AccessDenied',
        body: Buffer.from(
          text({ type: 'Server.ServerProxy.AccessDenied', message: 'x', detail: 'y\r\nSet-Cookie: a=b' }),
        ),
      }),
      type: `${CLIENT}InconsistentResponse`,
      stage: 'verified',
    },
    'a refusal in the name of the consumer’s own gateway': {
      lie: (asked) =>
        answerOf(
          sealReply(rig, asked, {
            status: 500,
            error: 'Server.ClientProxy.LoggingFailed',
            body: Buffer.from(
              text({ type: 'Server.ClientProxy.LoggingFailed', message: 'x', detail: asked.head.requestId }),
            ),
          }),
        ),
      type: `${CLIENT}InconsistentResponse`,
      stage: 'verified',
    },
    'an unsigned fault that breaks a header': {
      lie: () =>
        httpAnswer(
          Buffer.from(text({ type: 'Server.X\r\nSet-Cookie: a=b', message: 'x', detail: 'y' })),
          { 'content-type': 'application/json' },
          500,
        ),
      type: `${CLIENT}InvalidMessage`,
      stage: 'sent',
    },
    'an unsigned answer without end': {
      lie: (_asked, socket) => {
        socket.write('HTTP/1.1 500 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n')
        const timer = setInterval(() => socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`), 5)
        socket.on('close', () => clearInterval(timer))
        return 'handled'
      },
      type: `${CLIENT}OutcomeUnknown`,
      stage: 'recorded',
    },
    'an answer that is not HTTP': {
      lie: (_asked, socket) => {
        socket.end('SSH-2.0-OpenSSH_9.2\r\n')
        return 'handled'
      },
      type: `${CLIENT}OutcomeUnknown`,
      stage: 'recorded',
    },
    silence: { lie: () => 'handled', type: `${CLIENT}OutcomeUnknown`, stage: 'recorded' },
    'a large reply that stands still': {
      lie: (asked, socket) => {
        socket.write(answerOf(sealReply(rig, asked, { body: randomBytes(1024 * 1024) })).subarray(0, 700_000))
        return 'handled'
      },
      type: `${CLIENT}MissingBody`,
    },
    'interim answers without end': {
      lie: (_asked, socket) => every(300, socket, () => 'HTTP/1.1 103 Early Hints\r\n\r\n'),
      type: `${CLIENT}OutcomeUnknown`,
      stage: 'recorded',
    },
    'a reply an octet at a time': {
      lie: (asked, socket) => octetByOctet(socket, answerOf(sealReply(rig, asked)), 500),
      type: `${CLIENT}OutcomeUnknown`,
      stage: 'recorded',
    },
    'a large reply an octet at a time': {
      lie: (asked, socket) =>
        octetByOctet(socket, answerOf(sealReply(rig, asked, { body: randomBytes(1024 * 1024) })), 500_000),
      type: `${CLIENT}MissingBody`,
    },
    'nothing at all': { lie: () => undefined, type: `${CLIENT}OutcomeUnknown`, stage: 'recorded' },
  }
}

/** @param octets what is written next */
function every(ms: number, socket: Socket, octets: () => string | Buffer): 'handled' {
  const timer = setInterval(() => socket.write(octets()), ms)
  socket.on('close', () => clearInterval(timer))
  return 'handled'
}

/** @param begun so many octets at once */
function octetByOctet(socket: Socket, octets: Buffer, begun: number): 'handled' {
  socket.write(octets.subarray(0, begun))
  let sent = begun
  return every(300, socket, () => octets.subarray(sent, ++sent))
}

function length({ length }: Buffer): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(length)
  return octets
}

/** The same claims, their value made with another key. @param path below `members`, without extension */
function signedBy(rig: Rig, signature: string, path: string): string {
  const [header = ''] = signature.split('.')
  const { key } = readPair(join(rig.pki, 'members', path))
  return `${header}..${derToRaw(sign('sha256', Buffer.from(`${header}.`), key), 32).toString('base64url')}`
}
