/** Security rows 1 and 2: who somebody is follows from keys and the signed registry, never from what he says. */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import type { Signer } from '../../gateway/trust/keys.ts'
import { makeSigner } from '../../gateway/trust/keys.ts'
import type { Answer, Message, TlsIdentity } from './attacker.ts'
import {
  frameOf,
  makeMessage,
  readPair,
  sealOf,
  sendFrame,
  sendMessage,
  symmetric,
  tlsOf,
  unsecured,
} from './attacker.ts'
import { issueWrong, PADERBORN, registered } from './certificates.ts'
import { exchanged, outline, refused } from './records.ts'
import type { Slug } from './region.ts'
import type { Rig } from './rig.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const YEAR_MS = 365 * 86_400_000
const CLAIMS = ['paderborn', 'delbrueck'] as const
const SEALS = ['paderborn', 'delbrueck', 'unregistered', 'none', 'alg:none', 'HS256'] as const
type SealKind = (typeof SEALS)[number]

let expiredButRegistered: TlsIdentity

const rig = await openRig(t, {
  start: ['bielefeld'],
  async content(content, pki) {
    expiredButRegistered = await issueWrong(pki, { profile: 'tls-client', of: PADERBORN, ageMs: 3 * YEAR_MS })
    const entry = { ...registered(expiredButRegistered), use: 'client' as const }
    const gateways = content.gateways.map((gateway) =>
      gateway.id.startsWith(`${PADERBORN.id}/`) ? { ...gateway, tls: [...gateway.tls, entry] } : gateway,
    )
    return { ...content, gateways }
  },
})
const { bielefeld } = rig.gateways
const certificates = await certificatesOf(rig)
const signers = await signersOf(rig)

t.test('of all keys, seals and claims exactly one combination passes', async (t) => {
  const passed: string[] = []
  for (const [tls, identity] of Object.entries(certificates)) {
    for (const kind of SEALS) {
      for (const claim of CLAIMS) {
        const cell = `TLS ${tls} × seal ${kind} × client of ${claim}`
        const signer = signers[kind] ?? (signers[claim] as Signer)
        const message = makeMessage(rig, signer, { from: claim })
        const headers = signatureHeaders(message, kind, signers[claim] as Signer)

        const answer = await sendFrame(rig, frameOf(message), { tls: identity, headers })

        const outcome = outcomeOf(answer)
        if (outcome === 'passes') passed.push(cell)
        t.equal(outcome, expectedOf(tls, kind, claim), cell)
      }
    }
  }

  t.strictSame(passed, ['TLS paderborn × seal paderborn × client of paderborn'])
  t.equal(rig.service.delivered.length, 1, 'and is delivered')
  t.strictSame(
    bielefeld.records().map(outline),
    [...exchanged('provider', 'TEST'), ...refused('Server.ServerProxy.AccessDenied', 'fresh')],
    'strangers, and those who are not who they say, leave no record',
  )
})

t.test('a message that names another gateway as its sender is refused', async (t) => {
  const before = bielefeld.records().length
  for (const [tls, sender] of [
    ['paderborn', 'delbrueck'],
    ['delbrueck', 'paderborn'],
    ['paderborn', 'bielefeld'],
  ] as const) {
    const message = makeMessage(rig, sealOf(rig, 'paderborn'), { block: { sender: rig.gateways[sender].id } })

    const answer = await sendMessage(rig, message, { tls: tlsOf(rig, tls) })

    t.equal(outcomeOf(answer), 'unsigned Server.ServerProxy.SslAuthenticationFailed', `${tls} as ${sender}`)
    t.equal(answer.fault.stage, 'opened')
  }
  t.equal(bielefeld.records().length, before)
})

t.test('a client that its gateway is not registered for is refused', async (t) => {
  const before = bielefeld.records().length
  for (const client of ['OWL/GOV/05774032/NIEMAND', 'OWL/GOV/05711000/TEST', 'OWL/GOV/05774', 'X/GOV/05774032']) {
    const message = makeMessage(rig, sealOf(rig, 'paderborn'), { client })

    const answer = await sendMessage(rig, message, { tls: tlsOf(rig, 'paderborn') })

    t.equal(outcomeOf(answer), 'unsigned Server.ServerProxy.SslAuthenticationFailed', client)
  }
  t.equal(bielefeld.records().length, before)
})

t.test('strangers get one constant answer, and nothing of theirs is read', async (t) => {
  const { none: _, paderborn: _a, delbrueck: _b, expired: _e, ...unknown } = certificates
  const answers = new Set<string>()
  const kinds = [...Object.entries(unknown), ['none', undefined] as const]
  const asked = [
    // 1 GiB is announced and not a single octet of it sent.
    'POST /owl/v1/exchange HTTP/1.1\r\nhost: x\r\ncontent-type: application/owl-message\r\ncontent-length: 1073741824\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
    'POST /somewhere HTTP/1.1\r\nhost: x\r\ncontent-length: 1073741824\r\n\r\n',
  ]
  for (const [[name, identity], request] of kinds.flatMap((kind) => asked.map((request) => [kind, request] as const))) {
    const socket = connect({
      port: bielefeld.ports.provider,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...identity,
    })
    await once(socket, 'secureConnect')
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})

    socket.write(request)
    await Promise.race([once(socket, 'close'), sleep(5000)])

    t.ok(socket.closed, `${name}: the connection ends`)
    t.match(text, /^HTTP\/1\.1 403 /, name)
    answers.add(text.replace(/date: .*\r\n/i, ''))
  }
  t.equal(answers.size, 1, 'the same for all')
  const [answer = ''] = answers
  t.match(answer, /connection: close/i)
  t.match(answer, /content-length: 0/i)
  t.notMatch(answer, /x-road|owl/i, 'it does not even say what answers')
})

async function certificatesOf({ pki }: Rig): Promise<Readonly<Record<string, TlsIdentity | undefined>>> {
  return {
    paderborn: tlsOf(rig, 'paderborn'),
    delbrueck: tlsOf(rig, 'delbrueck'),
    none: undefined,
    expired: expiredButRegistered,
    unregistered: await issueWrong(pki, { profile: 'tls-client', of: PADERBORN }),
    'of another CA': await issueWrong(pki, { profile: 'tls-client', of: PADERBORN, ofOtherCa: true }),
    'of a local system': readPair(join(pki, 'members/paderborn/clients/BUERGERBUERO')),
    'of an operator': readPair(join(pki, 'members/paderborn/operator')),
    'of the provider port': tlsOf(rig, 'paderborn', 'peer-server'),
    'of the consumer port': tlsOf(rig, 'paderborn', 'local'),
    'of the seal': readPair(join(pki, 'members/paderborn/seal')),
  }
}

async function signersOf(rig: Rig): Promise<Readonly<Record<string, Signer>>> {
  const { key, cert } = await issueWrong(rig.pki, { profile: 'seal', of: PADERBORN })
  return {
    paderborn: sealOf(rig, 'paderborn'),
    delbrueck: sealOf(rig, 'delbrueck'),
    unregistered: makeSigner(createPrivateKey(key), new X509Certificate(cert)),
  }
}

function signatureHeaders(message: Message, kind: SealKind, signer: Signer): Record<string, string> {
  if (kind === 'none') return {}
  if (kind === 'alg:none') return { 'owl-signature': unsecured(message, message.signature.split('.')[2]) }
  if (kind === 'HS256') return { 'owl-signature': symmetric(message, signer) }
  return { 'owl-signature': message.signature }
}

/** `passes`, `stranger`, or the fault and whether it came signed. */
function outcomeOf({ status, octets, signed, fault }: Answer): string {
  if (status === 403) return octets.length === 0 ? 'stranger' : 'a stranger who is told something'
  if (signed === undefined) return `unsigned ${fault.type}`
  return signed.head.block.kind === 'reply' ? 'passes' : `signed ${fault.type}`
}

function expectedOf(tls: string, kind: SealKind, claim: Slug): string {
  if (!['paderborn', 'delbrueck', 'expired'].includes(tls)) return 'stranger'
  const fault = (code: string): string => `unsigned Server.ServerProxy.${code}`
  if (kind === 'none') return fault('MissingSignature')
  if (kind === 'alg:none' || kind === 'HS256') return fault('SignatureVerification.MalformedSignature')
  if (tls !== claim) return fault('SslAuthenticationFailed')
  if (kind !== claim) return fault('SignatureVerification.UnknownCertificate')
  return claim === 'paderborn' ? 'passes' : 'signed Server.ServerProxy.AccessDenied'
}
