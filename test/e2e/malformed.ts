/**
 * Requests damaged at random, at the ports of real gateways: local systems that cannot speak HTTP or X-Road, and a
 * registered gateway that damages what it seals, or seals what it damaged. The gateways live, say nothing but proper
 * faults, and nothing is delivered.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Test } from 'tap'
import { parseCall } from '../../gateway/protocol/call.ts'
import { sha256 } from '../../gateway/protocol/digests.ts'
import { formatRequestHead } from '../../gateway/protocol/head.ts'
import { parseReplyHead } from '../../gateway/protocol/head-parser.ts'
import { requestIds } from '../../gateway/protocol/request-id.ts'
import { seal } from '../../gateway/protocol/sealing.ts'
import type { Signer } from '../../gateway/trust/keys.ts'
import { makeSigner } from '../../gateway/trust/keys.ts'
import { damaged, noise } from '../gateway/malformed.ts'
import type { Rig } from './rig.ts'
import { pemOf, startRig } from './rig.ts'
import { CLIENT, DOPPEL, WEST } from './rig-region.ts'
import type { Endpoint, Response } from './wire.ts'
import { openWire, readResponse } from './wire.ts'

export interface Bombardment {
  readonly count: number
  readonly seed: number
}

/** Nobody has a right to it: what is sound in spite of its damage is denied. */
const SERVICE = `${WEST}/DIENSTE/forbidden`
const PARALLEL = 16
const ANSWER_MS_MAX = 400
const newRequestId = requestIds(() => Date.now())

interface Shot {
  readonly at: Endpoint
  /** latin1 */
  readonly octets: string
}

export async function bombard(t: Test, { count, seed }: Bombardment): Promise<void> {
  t.comment(`seed ${seed}`)
  const rig = await startRig(t)
  rig.service.answer({})
  const shots = [
    ...(await atConsumer(rig, Math.ceil(count / 2), seed)),
    ...(await atProvider(rig, Math.floor(count / 2), seed)),
  ]
  const improper: string[] = []
  const types = new Map<string, number>()
  let [unanswered, done] = [0, 0]

  const worker = async (): Promise<void> => {
    for (let shot = shots.pop(); shot !== undefined; shot = shots.pop()) {
      const { answers, rest } = await hurl(shot)
      if (answers.length === 0) unanswered++
      if (rest !== '') improper.push(JSON.stringify([shot.octets, rest]))
      for (const answer of answers) {
        const type = faultOf(answer)
        if (type === undefined) improper.push(JSON.stringify([shot.octets, answer]))
        else types.set(type, (types.get(type) ?? 0) + 1)
      }
      done++
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))

  t.comment([...types].map(([type, times]) => `${type} ${times}`).join(', '), `no answer ${unanswered}`)
  t.strictSame(improper.slice(0, 3), [], 'every answer is a proper fault')
  t.equal(done, count)
  t.equal(rig.service.seen.length, 0, 'nothing is delivered')
  t.ok(unanswered < count / 8, `${unanswered} said too little to be answered`)
  for (const type of ['Client.BadRequest', 'Server.ServerProxy.InvalidMessage', 'Server.ServerProxy.AccessDenied']) {
    t.ok((types.get(type) ?? 0) > count / 100, `${types.get(type)} times ${type}`)
  }
  t.notOk(
    types.has('Server.ClientProxy.InternalError') || types.has('Server.ServerProxy.InternalError'),
    'no fault of ours',
  )
  const { response, seen } = await rig.exchange({ path: '/alive' })
  t.same([response.status, seen?.target], [200, '/alive'], 'the gateways live')
}

/** As a local system of OST would ask, over plain HTTP and over TLS. */
async function atConsumer(rig: Rig, count: number, seed: number): Promise<Shot[]> {
  const head = `Host: gw.example\r\nX-Road-Client: ${CLIENT}\r\n`
  const sound = [
    `GET /r1/${SERVICE}/v1/x?y=1 HTTP/1.1\r\n${head}Accept: */*\r\nX-Road-Represented-Party: COM/1\r\n\r\n`,
    `POST /r1/${SERVICE} HTTP/1.1\r\n${head}Content-Type: a/b\r\nX-Road-Id: 1\r\nContent-Length: 5\r\n\r\nabcde`,
    `PUT /r1/${SERVICE}/%C3%A4 HTTP/1.1\r\n${head}OWL-Purpose: ZWECK_A\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    `DELETE /r1/${SERVICE}/a;b/c HTTP/1.1\r\n${head}X-Road-Security-Server: ${WEST}/gw1\r\nConnection: close\r\n\r\n`,
  ]
  const request = fc.oneof({ weight: 9, arbitrary: damaged(sound) }, { weight: 1, arbitrary: noise })
  const ports = [rig.ost.http, await rig.ost.https()] as const
  return fc.sample(request, { numRuns: count, seed }).map((octets, i) => ({ at: ports[i % 2] as Endpoint, octets }))
}

/** As the gateway of DOPPEL would send, with its TLS key and its seal. */
async function atProvider(rig: Rig, count: number, seed: number): Promise<Shot[]> {
  const tls = { ...(await pemOf(rig.federation, 'members/doppel/gw1/peer-client')), rejectUnauthorized: false }
  const at = { port: Number(new URL(rig.west.provider).port), tls }
  const { key, cert } = await pemOf(rig.federation, 'members/doppel/seal')
  const signer = makeSigner(createPrivateKey(key), new X509Certificate(cert))
  const head = headText()
  const sealing = (damages: fc.Arbitrary<string>) => damages.map((text) => packed(signer, text))
  const whole = Array.from({ length: 50 }, () => packed(signer, headText()))
  const request = fc.oneof(
    { weight: 3, arbitrary: sealing(damaged([head])) },
    { weight: 3, arbitrary: damaged(whole) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...whole).map((octets) => octets.replace(/(owl-signature: .{40})./i, '$1_')),
    },
    { weight: 1, arbitrary: sealing(noise) },
    // Sound but for their age, their sender's honesty, or that they come again.
    { weight: 1, arbitrary: fc.constantFrom(...whole) },
  )
  return fc.sample(request, { numRuns: count, seed }).map((octets) => ({ at, octets }))
}

function headText(): string {
  const requestId = newRequestId()
  const rawHeaders = ['X-Road-Client', `${DOPPEL}/TEST`, 'Content-Type', 'text/plain']
  const call = parseCall({ method: 'POST', target: `/r1/${SERVICE}/v1?x`, rawHeaders })
  const block = {
    sender: `${DOPPEL}/gw1`,
    audience: `${WEST}/gw1`,
    issuedAt: new Date().toISOString(),
    config: { version: 1, sha256: 'A'.repeat(43) },
    agreement: 'none',
    purpose: 'none',
    logHead: 'none',
  }
  return formatRequestHead(call, requestId, block, `OWL-${requestId}`).octets.toString('latin1')
}

/** A message as it lies on the wire, its signature good for exactly these octets. */
function packed(signer: Signer, text: string): string {
  const [octets, body] = [Buffer.from(text, 'latin1'), 'hallo']
  const media = { type: 'text/plain', extension: 'bin' } as const
  const signed = { octets, sha256: sha256(octets), hx: octets, media }
  const signature = seal(signer, signed, sha256(body), Math.floor(Date.now() / 1000))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(octets.length)
  return (
    'POST /owl/v1/exchange HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/owl-message\r\n' +
    `Content-Length: ${4 + octets.length + body.length}\r\nOWL-Signature: ${signature}\r\n\r\n` +
    `${length.toString('latin1')}${text}${body}`
  )
}

/** Sends it and waits for an answer; for some time only, as it may be a beginning. Then says that nothing more comes. */
async function hurl({ at, octets }: Shot): Promise<{ readonly answers: readonly Response[]; readonly rest: string }> {
  const socket = await openWire(at)
  let received = Buffer.alloc(0)
  const ended = new Promise<void>((resolve) => socket.once('close', resolve))
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      if (answersIn(received).answers.length > 0) resolve()
    })
  })
  socket.write(Buffer.from(octets, 'latin1'))
  await Promise.race([answered, ended, sleep(ANSWER_MS_MAX)])
  socket.end()
  await Promise.race([ended, sleep(ANSWER_MS_MAX)])
  socket.destroy()
  return answersIn(received)
}

/** All whole answers; 1xx are none. */
function answersIn(octets: Buffer): { readonly answers: readonly Response[]; readonly rest: string } {
  const answers: Response[] = []
  for (let rest = octets; ; ) {
    const answer = readResponse(rest)
    if (answer === undefined) return { answers, rest: rest.toString('latin1') }
    rest = rest.subarray(rest.indexOf('\r\n\r\n') + 4 + answer.body.length)
    if (answer.status >= 200) answers.push(answer)
  }
}

/** @returns the type of a proper fault: X-Road's shape, or a refusal that is signed */
function faultOf(answer: Response): string | undefined {
  const isMessage = answer.header('content-type') === 'application/owl-message'
  return isMessage ? refusalOf(answer) : unsignedOf(answer)
}

function refusalOf({ status, body, header }: Response): string | undefined {
  const headEnd = 4 + body.readUInt32BE(0)
  const head = parseReplyHead(body.subarray(4, headEnd))
  const { type } = JSON.parse(body.subarray(headEnd).toString()) as { readonly type?: string }
  const isProper = status === 200 && header('owl-signature') !== undefined && head.block.kind === 'refusal'
  return isProper && head.error === type ? type : undefined
}

function unsignedOf(answer: Response): string | undefined {
  const type = answer.header('x-road-error')
  if (type === undefined || answer.header('content-type') !== 'application/json; charset=utf-8') return undefined
  const fault = answer.json() as Readonly<Record<string, unknown>>
  const expected = type.endsWith('.TooManyRequests') ? [429, 500] : [type.startsWith('Client.') ? 400 : 500]
  const isProper = expected.includes(answer.status) && fault['type'] === type && typeof fault['message'] === 'string'
  return isProper && /^[0-9a-f-]{36}$/.test(String(fault['detail'])) ? type : undefined
}
