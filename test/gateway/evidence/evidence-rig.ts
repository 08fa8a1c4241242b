/** A provider's log with real seals, revocation answers and time-stamps, and all that an export of it needs. */

import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openTrustService } from '../../../certs-dev/trust-service.ts'
import type { GatewaySealing } from '../../../gateway/admin/evidence/sealing.ts'
import { openGatewaySealing } from '../../../gateway/admin/evidence/sealing.ts'
import type { Appended, NewRecord } from '../../../gateway/message-log/message-log.ts'
import type { SqliteLog } from '../../../gateway/message-log/open-log.ts'
import type { LogReader } from '../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../gateway/message-log/reading/reader.ts'
import { messageDigest, requestHash } from '../../../gateway/protocol/digests.ts'
import type { ReplyBlock } from '../../../gateway/protocol/head.ts'
import { formatReplyHead } from '../../../gateway/protocol/head.ts'
import { parseReplyHead, parseRequestHead } from '../../../gateway/protocol/head-parser.ts'
import { seal } from '../../../gateway/protocol/sealing.ts'
import { etsiUText } from '../../../gateway/trust/basis.ts'
import type { Configuration } from '../../../gateway/trust/configuration.ts'
import type { Signer } from '../../../gateway/trust/keys.ts'
import { loadSigner } from '../../../gateway/trust/keys.ts'
import type { RevocationMemory } from '../../../gateway/trust/revocation.ts'
import { openRevocation } from '../../../gateway/trust/revocation.ts'
import { openRevocationSources } from '../../../gateway/trust/revocation-sources.ts'
import type { RegisteredSeal, Snapshot } from '../../../gateway/trust/snapshot.ts'
import { makeSnapshot } from '../../../gateway/trust/snapshot.ts'
import type { LogRig } from '../message-log/log-rig.ts'
import { makeLogRig } from '../message-log/log-rig.ts'
import type { EndOptions, MessageOptions } from '../message-log/messages.ts'
import { basis, endRecord, requestRecord } from '../message-log/messages.ts'
import { contentOf, makeRegion, removeRegion } from '../registry/region.ts'

/** What a log that lies makes of a record. */
export type Edit = (record: NewRecord) => NewRecord

export interface EvidenceRig {
  readonly directory: string
  readonly logRig: LogRig
  readonly log: SqliteLog
  readonly reader: LogReader
  readonly snapshot: Snapshot
  /** seq of the configuration's record. */
  readonly configurationSeq: number
  readonly sealing: GatewaySealing
  /** Trust anchors for openssl, PEM. */
  readonly caFile: string
  /** A request of Paderborn and its end by Bielefeld, signed by their seals. */
  exchange(request?: MessageOptions, end?: EndOptions, edit?: Edit): Promise<readonly [Appended, Appended]>
  request(options?: MessageOptions): Promise<readonly [NewRecord, Appended]>
  /** The seal of the member whose client asks, from now on: known at once. */
  revokeClient(): Promise<void>
  /** @param how e.g. `{ mode: 'silent' }` */
  behave(service: 'tsa' | 'ocsp' | 'crl', how: Readonly<Record<string, unknown>>): Promise<void>
}

const QUIET = { info() {}, warn() {}, error() {} }

export async function openEvidenceRig(t: Test): Promise<EvidenceRig> {
  const region = await makeRegion()
  const service = await openTrustService({ dir: region.pki })
  const { urls } = service
  const content = contentOf(region.pki, urls)
  const configuration: Configuration = { ...content, version: 7, issued: new Date().toISOString() }
  const octets = Buffer.from(JSON.stringify(configuration))
  const sha256 = hash('sha256', octets, 'hex')
  const snapshot = makeSnapshot(configuration, sha256)
  const revocation = await openRevocation({
    ...{ sources: openRevocationSources(), directory: join(region.directory, 'revocation'), log: QUIET },
    ...{ now: Date.now, random: Math.random },
  })
  await revocation.watch(snapshot)
  const [client, provider] = [await signerOf(region.pki, 'paderborn'), await signerOf(region.pki, 'bielefeld')]
  const sealing = openGatewaySealing(provider, () => snapshot, revocation, Date.now)

  const logRig = await makeLogRig()
  const log = await logRig.open({
    ...{ authorities: () => configuration.authorities.tsa, stampIntervalMs: 3_600_000, stampRetryMs: 60_000 },
    timeStamps: { timeoutMs: 500 },
  })
  const { seq: configurationSeq } = await log.appendConfiguration({ version: 7, sha256, octets })
  const reader = openLogReader(logRig.options)
  t.teardown(async () => {
    reader.close()
    await logRig.close()
    await sealing.close()
    await revocation.close()
    await service.close()
    removeRegion(region)
  })

  const judged = { snapshot, revocation }
  // Late enough for a warning, soon enough to be proven.
  const issuedAt = new Date(Date.now() - 2 * 3_600_000).toISOString()
  async function request(options: MessageOptions = {}): Promise<readonly [NewRecord, Appended]> {
    const record = resealed(requestRecord({ purpose: 'MELDE_VAMS', issuedAt, ...options }), client, judged)
    return [record, await log.append(record)]
  }
  return {
    ...{ directory: logRig.directory, logRig, log, reader, snapshot, configurationSeq, sealing },
    caFile: join(region.pki, 'ca.pem'),
    request,
    async exchange(options = {}, end = {}, edit = (record) => record) {
      const [record, recorded] = await request(options)
      const receipt = `${log.id};${recorded.leaf.toString('base64url')}`
      const reply = answering(endRecord(record, recorded, { issuedAt, ...end }), record, {
        receipt,
        config: snapshot.reference,
      })
      return [recorded, await log.append(edit(resealed(reply, provider, judged)))]
    },
    async revokeClient() {
      await order('revoke', { cert: join(region.pki, 'members', 'paderborn', 'seal.pem') })
      await revocation.refreshNow()
    },
    behave: (name, how) => order('behaviour', { service: name, ...how }),
  }

  async function order(path: string, what: object): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const reply = await fetch(`${urls.control}/${path}`, { method: 'POST', headers, body: JSON.stringify(what) })
    if (!reply.ok) throw new Error(`The trust service answered ${reply.status}`)
    await reply.arrayBuffer()
  }
}

/** The same reply, to this request and no other, by the configuration that it is judged by. */
function answering(end: NewRecord, request: NewRecord, by: Pick<ReplyBlock, 'receipt' | 'config'>): NewRecord {
  const [head, asked] = [parseReplyHead(end.head), parseRequestHead(request.head)]
  const answered = head.block.kind === 'refusal' ? undefined : request.body
  const ids = { ...head.ids, requestHash: requestHash(asked.hx, answered) }
  const block = { ...head.block, requestDigest: messageDigest(asked.sha256, request.body?.sha256), ...by }
  return { ...end, head: formatReplyHead({ ...head, ids, block }).octets }
}

interface Judged {
  readonly snapshot: Snapshot
  readonly revocation: RevocationMemory
}

/** The same message with a signature and a basis that hold. */
function resealed(record: NewRecord, signer: Signer, { snapshot, revocation }: Judged): NewRecord {
  const head = record.outcome === 'request' ? parseRequestHead(record.head) : parseReplyHead(record.head)
  const registered = snapshot.seal(signer.x5t) as RegisteredSeal
  const status = revocation.statusOf(registered.sha256, Date.now())
  const judgedBy = JSON.parse(basis(record.purpose)) as object
  return {
    ...record,
    etsiU: etsiUText(registered, status),
    signature: seal(signer, head, record.body?.sha256, Math.floor(Date.parse(head.block.issuedAt) / 1000)),
    basis: JSON.stringify({
      ...judgedBy,
      config: { version: snapshot.version, sha256: snapshot.sha256 },
      seal: registered.sha256,
      revocation: [
        {
          cert: registered.sha256,
          status: status.status,
          source: status.source,
          sha256: status.sha256,
          thisUpdate: null,
        },
      ],
    }),
  }
}

function signerOf(pki: string, slug: string): Promise<Signer> {
  const home = join(pki, 'members', slug)
  return loadSigner({ key: join(home, 'seal.key'), certificate: join(home, 'seal.pem') }, () => {})
}
