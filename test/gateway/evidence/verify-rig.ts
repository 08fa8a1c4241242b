/** Containers of a real log to be verified, and what an attacker could make of them. */

import type { Test } from 'tap'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import { openSealing } from '../../../gateway/admin/evidence/sealing.ts'
import { readAnchors } from '../../../gateway/evidence/anchors.ts'
import { sourceOf } from '../../../gateway/evidence/byte-source.ts'
import type { CheckId, Verdict } from '../../../gateway/evidence/checks.ts'
import { formatContainer, formatSealedContainer } from '../../../gateway/evidence/container.ts'
import { verifyContainer } from '../../../gateway/evidence/container-checks.ts'
import { contentOf, joined } from '../../../gateway/evidence/content.ts'
import type { EvidenceFile } from '../../../gateway/evidence/files.ts'
import { evidenceFile } from '../../../gateway/evidence/files.ts'
import {
  EVIDENCE_RECORD,
  EVIDENCE_RECORD_NAME,
  formatManifest,
  META,
  RECORD_MANIFEST_NAME,
} from '../../../gateway/evidence/manifest.ts'
import { openTrust } from '../../../gateway/evidence/trust.ts'
import type { Verified, Verifying } from '../../../gateway/evidence/verify.ts'
import { readZip } from '../../../gateway/evidence/zip-reader.ts'
import { openZipWriter } from '../../../gateway/evidence/zip-writer.ts'
import { sha256 } from '../../../gateway/protocol/hash-tree.ts'
import type { EvidenceRig } from './evidence-rig.ts'
import { openEvidenceRig } from './evidence-rig.ts'
import { octetsOf } from './outside-tools.ts'

export interface VerifyRig {
  readonly rig: EvidenceRig
  readonly request: Buffer
  readonly reply: Buffer
  readonly sealed: Buffer
  readonly verifying: Verifying
  container(seq: number): Promise<Buffer>
  verify(octets: Buffer, other?: Partial<Verifying>): Verified
}

/** One exchange in a stamped log. */
export async function openVerifyRig(t: Test): Promise<VerifyRig> {
  const rig = await openEvidenceRig(t)
  const [request, reply] = await rig.exchange()
  await rig.log.stampNow()
  const packages = openPackages(rig.reader)
  const container = async (seq: number): Promise<Buffer> => octetsOf(formatContainer(await packages.read(seq)))
  const sealed = await formatSealedContainer(await packages.read(request.seq), openSealing(rig.sealing))
  const verifying = { trust: openTrust(readAnchors([rig.caFile]).certificates), at: Date.now(), isDraft: false }
  return {
    rig,
    request: await container(request.seq),
    reply: await container(reply.seq),
    sealed: await octetsOf(sealed),
    verifying,
    container,
    verify: (octets, other = {}) => verifyContainer(sourceOf(octets), { ...verifying, ...other }),
  }
}

export type Files = ReadonlyMap<string, Buffer>

export function filesIn(octets: Buffer): Map<string, Buffer> {
  const entries = readZip(sourceOf(octets), { entriesMax: 99, isLenient: false })
  return new Map([...entries].map(({ name, content }) => [name, content.read(0, content.size)]))
}

export function evidenceFiles(files: Files): Map<string, EvidenceFile> {
  return new Map([...files].map(([name, octets]) => [name, evidenceFile(name, sourceOf(octets))]))
}

/** The files of the group and the record alone: what nothing but evidence covers. */
export function loose(files: Files): Map<string, Buffer> {
  const isKept = (name: string): boolean =>
    name === EVIDENCE_RECORD_NAME || (name !== 'mimetype' && !name.startsWith(META))
  return new Map([...files].filter(([name]) => isKept(name)))
}

/** As somebody would pack it who can make checksums and manifests anew, but no evidence. @param at of the headers */
export async function repacked(files: Files, at: number): Promise<Buffer> {
  const zip = openZipWriter()
  const group = [...files].filter(([name]) => name !== 'mimetype' && !name.startsWith(META))
  const manifest = formatManifest(
    EVIDENCE_RECORD,
    group.map(([name, octets]) => ({ name, sha256: sha256(octets) })),
  )
  const made = new Map([...files, [RECORD_MANIFEST_NAME, manifest] as const])
  const parts = [...made].flatMap(([name, octets]) => zip.entry(name, contentOf(octets), at))
  return octetsOf(joined([...parts, zip.end()]))
}

/** Time of the record, for the headers. */
export function timeOf(files: Files): number {
  const { at } = JSON.parse((files.get('log-record.json') as Buffer).toString()) as { at: string }
  return Date.parse(at)
}

export function withVerdict({ checks }: Pick<Verified, 'checks'>, wanted: Verdict): CheckId[] {
  return [...new Set(checks.flatMap(({ id, verdict }) => (verdict === wanted ? [id] : [])))]
}
