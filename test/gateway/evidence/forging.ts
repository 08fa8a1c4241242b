/**
 * Makes evidence as somebody could who holds keys of the development CAs and answers of their services: of any time, with
 * any answer, sealed by anybody. Nothing but the verifier stands between it and a reader who believes it.
 */

import 'reflect-metadata'
import { createPrivateKey, hash, randomBytes, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509'
import { X509Certificate } from '@peculiar/x509'
import type { Test } from 'tap'
import { formatCrl } from '../../../certs-dev/crl.ts'
import { openIssued } from '../../../certs-dev/issued.ts'
import { answerOcsp } from '../../../certs-dev/ocsp.ts'
import { openRevocations } from '../../../certs-dev/revocations.ts'
import type { Signer as DevSigner } from '../../../certs-dev/signer.ts'
import { openSigner } from '../../../certs-dev/signer.ts'
import { openTimeStamper } from '../../../certs-dev/time-stamps.ts'
import { readAnchors } from '../../../gateway/evidence/anchors.ts'
import { sourceOf } from '../../../gateway/evidence/byte-source.ts'
import { formatContainer, formatSealedContainer } from '../../../gateway/evidence/container.ts'
import { verifyContainer } from '../../../gateway/evidence/container-checks.ts'
import { contentOf } from '../../../gateway/evidence/content.ts'
import { signSeal } from '../../../gateway/evidence/seal.ts'
import { openTrust } from '../../../gateway/evidence/trust.ts'
import type { Verified, Verifying } from '../../../gateway/evidence/verify.ts'
import { readCall } from '../../../gateway/protocol/call.ts'
import { formatArchiveTimeStamp, formatEvidence, renewedLeaf } from '../../../gateway/protocol/evidence-record.ts'
import { sha256 } from '../../../gateway/protocol/hash-tree.ts'
import { formatRequestHead } from '../../../gateway/protocol/head.ts'
import type { Signer } from '../../../gateway/protocol/sealing.ts'
import { seal as sealMessage } from '../../../gateway/protocol/sealing.ts'
import { hashOf } from '../../../gateway/protocol/sha2.ts'
import type { DigestName } from '../../../gateway/protocol/signed-data.ts'
import { formatTimeStampRequest, openTimeStampReply } from '../../../gateway/protocol/time-stamp.ts'
import { completeToken } from '../../../gateway/protocol/time-stamp-token.ts'
import { parseCertificate } from '../../../gateway/trust/certificate-profile.ts'
import { formatOcspRequest } from '../../../gateway/trust/ocsp.ts'
import { nextRequestId } from '../message-log/messages.ts'
import { makeRegion, removeRegion } from '../registry/region.ts'
import type { Issued, Wish } from '../trust/pki.ts'
import { certify, EXTENSIONS, P256, privateKeyPem } from '../trust/pki.ts'
import { octetsOf } from './outside-tools.ts'

/** A revocation answer's validity, milliseconds since the Unix epoch. */
export interface Span {
  readonly thisUpdate: number
  readonly nextUpdate: number
}

/** Whose certificate and key. */
export interface Holder {
  readonly der: Buffer
  readonly signer: Signer
}

export interface Unit {
  readonly unit: DevSigner
  readonly authority: DevSigner
}

export interface Forgery {
  /** When the request says it was sent, was recorded, and was stamped. */
  readonly claimedAt: number
  readonly recordedAt: number
  readonly provenAt: number
  readonly log: string
  readonly signer: Holder
  readonly ocsp: Span | undefined
  readonly unit: Unit
  /** Of the record's token. */
  readonly list: Span | undefined
  readonly digest: DigestName
  readonly seal: ForgedSeal | undefined
}

export interface ForgedSeal {
  readonly by: Holder
  readonly claimedAt: number
  readonly stampedAt: number | undefined
  readonly answer: (Span & { readonly kind: 'ocsp' | 'crl' }) | undefined
  readonly list: Span | undefined
  readonly archive: { readonly at: number; readonly unit: Unit } | undefined
}

export const MINUTE_MS = 60_000
export const DAY_MS = 86_400_000
export const LOG = 'OWL/GOV/05711000/gw1/n1'
const PROVIDER = 'OWL/GOV/05711000/gw1'
const SERVICE = 'OWL/GOV/05711000/MELDEWESEN/vams'
const CLIENT = 'OWL/GOV/05774032/BUERGERBUERO'

export interface Forge {
  readonly directory: string
  readonly pki: string
  readonly now: number
  /** By slug; `stranger` has a certificate of the same CA and is no member. */
  readonly holders: Readonly<Record<'paderborn' | 'bielefeld' | 'stranger', Holder>>
  readonly verifying: Verifying
  /** A container as an honest gateway would leave it, but for what is wished. */
  make(wish?: Partial<Forgery>): Promise<Buffer>
  seal(wish?: Partial<ForgedSeal>): ForgedSeal
  /** A certificate of the issuing CA. */
  holder(wish: Wish): Promise<Holder>
  /** A certificate of the time-stamping CA, good but for what is wished. */
  unit(wish?: Wish): Promise<Unit>
  /** Of the CA that issues seals. */
  sealCaUnit(): Promise<Unit>
  verify(octets: Buffer, other?: Partial<Verifying>): Verified
}

export async function openForge(t: Test): Promise<Forge> {
  const region = await makeRegion()
  t.teardown(() => removeRegion(region))
  const { pki, directory } = region
  const now = Math.floor(Date.now() / 1000) * 1000
  const issuing = await openSigner(pki, 'issuing')
  const tsaCa = await openSigner(pki, 'tsa-ca')
  const responder = await openSigner(pki, 'ocsp')
  const issued = await openIssued(pki)
  const ocspDeps = { responder, impostor: responder, issuing, revocations: openRevocations(join(directory, 'r.json')) }
  const issuer = parseCertificate(Buffer.from(issuing.der))
  const usual: Unit = { unit: await openSigner(pki, 'tsa2'), authority: tsaCa }

  /** Good, whatever the certificate. */
  async function ocspOf(der: Buffer, { thisUpdate, nextUpdate }: Span): Promise<Buffer> {
    const { request } = formatOcspRequest(parseCertificate(der), issuer)
    const known = { ...issued, has: async () => true }
    const deps = { ...ocspDeps, issued: known, now: () => thisUpdate, validityMs: nextUpdate - thisUpdate }
    return Buffer.from(await answerOcsp(deps, request))
  }

  function listOf(authority: DevSigner, span: Span): Buffer {
    return Buffer.from(formatCrl(authority, { revoked: [], number: 1, ...span }))
  }

  function stamp(imprint: Buffer, at: number, { unit, authority }: Unit, list?: Span, digest: DigestName = 'sha256') {
    const { der } = formatTimeStampRequest(imprint, randomBytes(16), digest)
    const stamper = openTimeStamper({ unit, impostor: unit, authority, now: () => at, ordering: true })
    const token = openTimeStampReply(Buffer.from(stamper(der)))
    const certificates = [Buffer.from(unit.der), Buffer.from(authority.der)]
    return list === undefined ? token : completeToken(token, certificates, listOf(authority, list))
  }

  const holders = {
    paderborn: holderIn(pki, 'paderborn'),
    bielefeld: holderIn(pki, 'bielefeld'),
    stranger: await holderBy({ subject: { O: 'Nobody GmbH', '2.5.4.97': 'OWL/COM/1', CN: 'x' } }),
  }

  async function holderBy(wish: Wish): Promise<Holder> {
    return holderOf(await certify({ extensions: EXTENSIONS.seal, ...wish }, caIn(pki, 'issuing')))
  }

  async function unitBy(ca: 'tsa-ca' | 'issuing', authority: DevSigner, wish: Wish): Promise<Unit> {
    const made = await certify({ subject: { CN: 'Unit' }, extensions: EXTENSIONS.tsa, ...wish }, caIn(pki, ca))
    return { unit: await devSigner(made), authority }
  }

  const fresh: Span = { thisUpdate: now - 5 * MINUTE_MS, nextUpdate: now + DAY_MS }
  function sealBy(wish: Partial<ForgedSeal> = {}): ForgedSeal {
    const at = wish.claimedAt ?? now + MINUTE_MS
    return {
      ...{ by: holders.bielefeld, claimedAt: at, stampedAt: at + 1000, list: fresh },
      ...{ answer: { kind: 'ocsp', ...fresh }, archive: { at: at + 2000, unit: usual } },
      ...wish,
    }
  }

  async function make(wish: Partial<Forgery> = {}): Promise<Buffer> {
    const made: Forgery = {
      ...{
        claimedAt: now,
        recordedAt: wish.claimedAt ?? now,
        provenAt: now + 1000,
        log: LOG,
        signer: holders.paderborn,
      },
      ...{ ocsp: fresh, unit: usual, list: fresh, digest: 'sha256', seal: undefined },
      ...wish,
    }
    const group = await groupOf(made, issuer.der, ocspOf)
    const { digest, provenAt, unit, list, seal } = made
    const hashes = [...group.values()].map((octets) => hashOf(digest, octets)).sort(Buffer.compare)
    const token = stamp(renewedLeaf(digest, hashes), provenAt, unit, list, digest)
    const stamps = [formatArchiveTimeStamp([hashes], token)]
    const from = {
      files: [...group].map(([name, octets]) => ({ name, sha256: sha256(octets), content: contentOf(octets) })),
      evidenceRecord: formatEvidence([{ digest, stamps }]),
      at: made.recordedAt,
    }
    if (seal === undefined) return octetsOf(formatContainer(from))
    const by = {
      async seal(manifest: Buffer): Promise<Buffer> {
        const bare = signSeal(
          seal.by.signer,
          { certificate: seal.by.der, issuer: issuer.der },
          manifest,
          seal.claimedAt,
        )
        const { stampedAt, answer } = seal
        const timeStamp = stampedAt === undefined ? undefined : stamp(bare.imprint, stampedAt, usual, seal.list)
        const response =
          answer && (answer.kind === 'ocsp' ? await ocspOf(seal.by.der, answer) : listOf(issuing, answer))
        return bare.complete({
          ...(timeStamp && { timeStamp }),
          ...(answer && response && { revocation: { source: answer.kind, response } }),
        })
      },
      async archive(imprint: Buffer): Promise<Buffer | undefined> {
        const { archive } = seal
        if (archive === undefined) return undefined
        const at = { thisUpdate: archive.at - MINUTE_MS, nextUpdate: archive.at + DAY_MS }
        return stamp(imprint, archive.at, archive.unit, seal.list && at)
      },
    }
    return octetsOf(await formatSealedContainer(from, by))
  }

  const anchors = (name: string) => readAnchors([join(pki, `${name}.pem`)]).certificates
  const verifying: Verifying = {
    ...{ trust: openTrust(anchors('issuing'), anchors('tsa-ca')), at: now + 10 * MINUTE_MS, isDraft: false },
  }
  return {
    ...{ directory, pki, now, holders, verifying, make, seal: sealBy, holder: holderBy },
    unit: (wish = {}) => unitBy('tsa-ca', tsaCa, wish),
    sealCaUnit: () => unitBy('issuing', issuing, {}),
    verify: (octets, other = {}) => verifyContainer(sourceOf(octets), { ...verifying, ...other }),
  }
}

/** Head, body, signature and record of one request, as the provider's log has them. */
async function groupOf(
  { claimedAt, recordedAt, log, signer, ocsp }: Forgery,
  issuer: Buffer,
  ocspOf: (der: Buffer, span: Span) => Promise<Buffer>,
): Promise<ReadonlyMap<string, Buffer>> {
  const body = Buffer.from('{"person":"x"}')
  const requestId = nextRequestId()
  const headers = [
    ['X-Road-Client', CLIENT],
    ['Content-Type', 'application/json'],
  ] as const
  const configuration = hash('sha256', 'configuration', 'buffer')
  const block = {
    ...{ sender: 'OWL/GOV/05774032/gw1', audience: PROVIDER, issuedAt: new Date(claimedAt).toISOString() },
    ...{ config: { version: 7, sha256: configuration.toString('base64url') }, agreement: 'none' },
    ...{ purpose: 'MELDE_VAMS', logHead: 'none' },
  }
  const head = formatRequestHead(readCall('POST', `/r1/${SERVICE}/v1`, headers), requestId, block, `OWL-${requestId}`)
  const answer = ocsp && (await ocspOf(signer.der, ocsp))
  const wire = sealMessage(signer.signer, head, sha256(body), Math.floor(claimedAt / 1000))
  const [protectedHeader, , signature] = wire.split('.')
  const etsiU = [
    { xVals: [signer.der, issuer].map((der) => ({ x509Cert: { val: der.toString('base64') } })) },
    ...(answer === undefined ? [] : [{ rVals: { ocspVals: [{ val: answer.toString('base64') }] } }]),
  ].map((member) => Buffer.from(JSON.stringify(member)).toString('base64url'))
  const archived = { payload: '', protected: protectedHeader, header: { etsiU }, signature }
  const group = new Map([
    ['message-head.txt', head.octets],
    ['message-body.json', body],
    ['signature.jades.json', Buffer.from(JSON.stringify(archived))],
  ])
  const cert = parseCertificate(signer.der).sha256
  const record = {
    ...{ v: 1, log, epoch: 1, seq: 2, prev: 'a'.repeat(64), salt: 'b'.repeat(64), id: requestId, kind: 'request' },
    ...{ direction: 'in', side: 'provider', at: new Date(recordedAt).toISOString(), outcome: null, request: null },
    objects: [...group].map(([name, octets]) => ({ name, sha256: sha256(octets).toString('hex') })),
    basis: {
      config: { version: 7, sha256: configuration.toString('hex') },
      ...{ agreement: null, purpose: 'MELDE_VAMS', seal: cert },
      revocation: [{ cert, sha256: answer === undefined ? null : sha256(answer).toString('hex') }],
    },
  }
  return group.set('log-record.json', Buffer.from(JSON.stringify(record)))
}

function holderIn(pki: string, slug: string): Holder {
  const home = join(pki, 'members', slug)
  const der = Buffer.from(new X509Certificate(readFileSync(join(home, 'seal.pem'), 'utf8')).rawData)
  return { der, signer: signerWith(der, readFileSync(join(home, 'seal.key'), 'utf8')) }
}

async function holderOf(made: Issued): Promise<Holder> {
  return { der: made.parsed.der, signer: signerWith(made.parsed.der, await privateKeyPem(made)) }
}

function signerWith(der: Buffer, pem: string): Signer {
  const key = createPrivateKey(pem)
  return {
    algorithm: 'ES256',
    x5t: hash('sha256', der, 'base64url'),
    sign: (input) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
  }
}

async function devSigner(made: Issued): Promise<DevSigner> {
  const { der } = made.parsed
  const isRsa = made.algorithm.name !== 'ECDSA'
  const algorithm = isRsa
    ? new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null })
    : new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' })
  const key = createPrivateKey(await privateKeyPem(made))
  return { certificate: AsnConvert.parse(der, Certificate), der, algorithm, key }
}

/** One of the development CAs, to certify what it would never. */
function caIn(pki: string, name: 'issuing' | 'tsa-ca'): Issued {
  const pem = readFileSync(join(pki, `${name}.pem`), 'utf8')
  const certificate = new X509Certificate(pem)
  const privateKey = createPrivateKey(readFileSync(join(pki, `${name}.key`))).toCryptoKey(P256, true, ['sign'])
  const parsed = parseCertificate(Buffer.from(certificate.rawData))
  return { parsed, certificate, keys: { privateKey, publicKey: privateKey }, algorithm: P256 }
}
