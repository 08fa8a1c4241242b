/** Security row 8: of a message between gateways every octet is flipped by one bit, on both ways, and none passes. */

import type { Test } from 'tap'
import type { Message } from './attacker.ts'
import { frameOf, makeMessage, sealOf, sendFrame, sendMessage, tlsOf } from './attacker.ts'
import type { Asked, SealedReply } from './lying-gateway.ts'
import { answerOf, openLyingGateway, sealReply } from './lying-gateway.ts'
import { openRig } from './rig.ts'

export interface Tampering {
  /** Every so many octets. */
  readonly every: number
  readonly seed: number
}

const PARALLEL = 8

/** Where in a message: in the frame (length, head, body) or in the signature beside it. */
interface Place {
  readonly part: 'frame' | 'signature'
  readonly at: number
  readonly bit: number
}

/** In a request, at the provider's gateway. Each has an id of its own, so that none is refused for a replay alone. */
export async function tamperRequests(t: Test, { every, seed }: Tampering): Promise<void> {
  t.comment(`seed ${seed}`)
  const rig = await openRig(t, { start: ['bielefeld'] })
  const signer = sealOf(rig, 'paderborn')
  const tls = tlsOf(rig, 'paderborn')
  const faults = new Map<string, number>()
  const passed: Place[] = []
  const places = placesIn(wireOf(makeMessage(rig, signer)), every, seed)

  await inParallel(places, async (place) => {
    const { frame, signature } = flipped(wireOf(makeMessage(rig, signer)), place)
    const answer = await sendFrame(rig, frame, {
      tls,
      headers: { 'owl-signature': signature },
    })
    if (answer.signed?.head.block.kind === 'reply') passed.push(place)
    const code = answer.fault.type ?? 'none'
    faults.set(code, (faults.get(code) ?? 0) + 1)
  })

  t.comment([...faults].map(([code, count]) => `${count} × ${code}`).join(', '))
  t.strictSame(passed, [])
  t.strictSame(rig.service.delivered, [], 'nothing was delivered')
  t.equal(
    [...faults.values()].reduce((a, b) => a + b, 0),
    places.length,
    'each was answered',
  )
  t.notOk(faults.has('none') || faults.has('Server.ServerProxy.InternalError'), 'each with a fault that is a verdict')
  const untouched = await sendMessage(rig, makeMessage(rig, signer), { tls })
  t.equal(untouched.signed?.head.block.kind, 'reply', 'an untouched one passes')
}

/** In a reply, at the consumer's gateway. */
export async function tamperReplies(t: Test, { every, seed }: Tampering): Promise<void> {
  t.comment(`seed ${seed}`)
  const rig = await openRig(t, { start: ['paderborn'] })
  const { paderborn } = rig.gateways
  const liar = await openLyingGateway(t, rig)
  const queue: Place[] = []
  const faults = new Map<string, number>()
  const passed: string[] = []
  liar.lie = (asked) => {
    const reply = sealReply(rig, asked)
    const place = queue.shift()
    if (place === undefined) return answerOf(reply)
    const { frame, signature } = flipped(wireOf(reply), place)
    return Buffer.concat([Buffer.from(headerOf(frame.length, signature), 'latin1'), frame])
  }
  const first = await paderborn.call()
  t.equal(first.status, 200, 'an untouched one passes')
  const places = placesIn(wireOf(sealReply(rig, liar.asked[0] as Asked)), every, seed)

  await inParallel(places, async (place) => {
    queue.push(place)
    const answer = await paderborn.call()
    if (answer.status === 200) passed.push(JSON.stringify(place))
    faults.set(answer.error ?? 'none', (faults.get(answer.error ?? 'none') ?? 0) + 1)
  })

  t.comment([...faults].map(([code, count]) => `${count} × ${code}`).join(', '))
  t.strictSame(passed, [])
  t.notOk(faults.has('none') || faults.has('Server.ClientProxy.InternalError'), 'each was refused by a verdict')
  const failures = paderborn.records().filter(({ kind }) => kind === 'failure')
  t.equal(failures.length, places.length, 'each is on record')
  t.equal(paderborn.records().filter(({ kind }) => kind === 'reply').length, 1, 'and no reply but the first')
}

type Wire = { readonly frame: Buffer; readonly signature: string }

function wireOf(message: Message | SealedReply): Wire {
  return { frame: frameOf(message), signature: message.signature }
}

function placesIn({ frame, signature }: Wire, every: number, seed: number): Place[] {
  const places: Place[] = []
  for (let at = seed % every; at < frame.length; at += every) {
    places.push({ part: 'frame', at, bit: (at + seed) % 8 })
  }
  // Low bits only: a header with a control character would not leave the client.
  for (let at = seed % every; at < signature.length; at += every) {
    places.push({ part: 'signature', at, bit: (at + seed) % 3 })
  }
  return places
}

function flipped({ frame, signature }: Wire, { part, at, bit }: Place): Wire {
  const octets = part === 'frame' ? Buffer.from(frame) : Buffer.from(signature, 'latin1')
  octets[at] = (octets[at] as number) ^ (1 << bit)
  return part === 'frame' ? { frame: octets, signature } : { frame, signature: octets.toString('latin1') }
}

function headerOf(length: number, signature: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/owl-message\r\ncontent-length: ${length}\r\nowl-signature: ${signature}\r\n\r\n`
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items]
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}
