/**
 * Verifies one message's evidence with nothing but its files and the anchors: no gateway, no network, no database. Design
 * of the evidence, section 6. The order of work stands in `verifyFiles`.
 */

import type { EvidenceRecord, Group } from '../protocol/evidence-record-reader.ts'
import type { DigestName } from '../protocol/signed-data.ts'
import type { Checks, Outcome } from './checks.ts'
import { openChecks, reasonOf } from './checks.ts'
import { DRAFT_HEAD_NAME } from './draft-signature.ts'
import type { EvidenceFile } from './files.ts'
import {
  BODY_NAME,
  checkBasis,
  checkBatch,
  checkMessage,
  checkObjects,
  HEAD_NAME,
  LOG_RECORD_NAME,
  leafOf,
  SIGNATURE_NAME,
} from './log-record-checks.ts'
import type { ReadRecord } from './log-record-reader.ts'
import { LOG_RECORD_BYTES_MAX, readLogRecord } from './log-record-reader.ts'
import { EVIDENCE_RECORD_NAME, META, RECORD_MANIFEST_NAME } from './manifest.ts'
import type { MessageHead } from './message-head.ts'
import { HEAD_BYTES_MAX, readHead } from './message-head.ts'
import type { Sealed } from './origin-checks.ts'
import { checkOrigin } from './origin-checks.ts'
import type { Proof } from './record-checks.ts'
import { checkRecord, checkRecordForm, RECORD_BYTES_MAX } from './record-checks.ts'
import type { Registry } from './registry-checks.ts'
import type { Signature } from './signature-checks.ts'
import { checkSignature, checkSigner } from './signature-checks.ts'
import { judgeGap } from './time-rules.ts'
import type { JudgedToken, Trust } from './trust.ts'

export interface Verifying {
  readonly trust: Trust
  /** Stored states of the registry, when given. */
  readonly registry?: Registry
  /** When it is verified, milliseconds since the Unix epoch. */
  readonly at: number
  /** What the body is known by where its octets are gone, hex of SHA-256. */
  readonly bodyDigest?: string
  /** Proven later than this after it was claimed, it is not proven; `PROVEN_WITHIN_DAYS_DEFAULT` without. */
  readonly provenWithinDays?: number
  /** Forms from before the design was final. */
  readonly isDraft: boolean
}

/** What evidence says, when it holds, and what other evidence can be compared with. */
export interface Statement {
  readonly record?: ReadRecord
  /** Of the record, hex. */
  readonly leaf?: string
  readonly head?: MessageHead
  readonly bodySha256?: Buffer
  /** Of a request's, for X-Road's hash. */
  readonly bodySha512?: Buffer
  readonly signature?: Signature
  readonly proof?: Proof
  readonly sealed?: Sealed
}

export interface Verified {
  readonly outcome: Outcome
  readonly checks: Checks['list']
  readonly statement: Statement
  /** What it was made of, by name. */
  readonly files?: ReadonlyMap<string, EvidenceFile>
}

const ARCHIVE_FORM_BYTES_MAX = 1024 * 1024

/** @param files of one group and its record, by name; `checks` may hold what was found about their container, and `sealed` is its seal, when that holds */
export function verifyFiles(
  files: ReadonlyMap<string, EvidenceFile>,
  verifying: Verifying,
  checks: Checks = openChecks(),
  sealed?: Sealed,
): Verified {
  let statement: Statement = {}
  try {
    statement = examine(files, verifying, sealed, checks)
  } catch (error) {
    checks.fail('container.files', reasonOf(error))
  }
  return { outcome: checks.outcome(), checks: checks.list, statement, files }
}

function examine(
  files: ReadonlyMap<string, EvidenceFile>,
  verifying: Verifying,
  sealed: Sealed | undefined,
  checks: Checks,
): Statement {
  const { trust, registry, isDraft, provenWithinDays } = verifying
  const ers = files.get(EVIDENCE_RECORD_NAME)
  const evidence = ers && checkRecordForm(ers.octets(RECORD_BYTES_MAX), trust, checks)
  if (evidence !== undefined && files.has(RECORD_MANIFEST_NAME)) checkDigest(evidence, checks)
  const record = readRecord(files, isDraft, checks)
  const members = [...files.values()].filter(({ name }) => !name.startsWith(META) && name !== 'mimetype')
  const hashed = hashAll(members, evidence?.chains.map(({ digest }) => digest) ?? [])
  const digests = new Map([...hashed.sha256].filter(([name]) => name !== LOG_RECORD_NAME))

  if (record !== undefined) checkObjects(record, digests, checks)
  else if (!isDraft && !checks.has('log-record.form', 'failed')) {
    checks.skip('log-record.objects', 'there is no log-record.json')
  }
  const body = bodyOf(digests, record, verifying, checks)
  const proof = prove(evidence, { hashed, body, archive: sealed?.archive }, verifying, checks)

  const head = headOf(files, isDraft, checks)
  const signature = head && signatureOf(files, head, body, verifying, checks)
  if (signature !== undefined) {
    const provenAt = proof?.provenAt ?? signature.stampedAt
    const context = { head: head?.message, provenAt, provenWithinDays, isDraft }
    checkSigner(signature, context, trust, checks)
  }
  const octets = files.get(LOG_RECORD_NAME)?.octets(LOG_RECORD_BYTES_MAX)
  const leaf = record && octets && leafOf(record, octets)
  if (record !== undefined && head?.message !== undefined) {
    checkMessage(record, head.message, checks)
    if (signature !== undefined) checkBasis(record, head.message, signature, checks)
  }
  if (record?.kind === 'batch') checkBatch(files, record, checks)
  if (!isDraft && (record !== undefined || sealed !== undefined)) checkOrigin(record, sealed, checks)
  if (record !== undefined && proof !== undefined) {
    checks.add('log-record.time', judgeGap(record.at, proof.provenAt, provenWithinDays))
  }
  if (head?.message !== undefined && signature !== undefined) registry?.check(head.message, signature, record, checks)
  registry?.checkOrigin({ record, sealed, tokens: proof?.tokens ?? [] }, checks)
  const bodySha512 = head?.message?.kind === 'request' ? hashed.bodySha512() : undefined
  return {
    ...(record !== undefined && { record }),
    ...(leaf !== undefined && { leaf }),
    ...(head?.message !== undefined && { head: head.message }),
    ...(body !== undefined && { bodySha256: body }),
    ...(bodySha512 !== undefined && { bodySha512 }),
    ...(signature !== undefined && { signature }),
    ...(proof !== undefined && { proof }),
    ...(sealed !== undefined && { sealed }),
  }
}

function readRecord(
  files: ReadonlyMap<string, EvidenceFile>,
  isDraft: boolean,
  checks: Checks,
): ReadRecord | undefined {
  const file = files.get(LOG_RECORD_NAME)
  if (file === undefined) return undefined
  try {
    const record = readLogRecord(file.octets(LOG_RECORD_BYTES_MAX), isDraft)
    checks.ok('log-record.form', `${record.log}, epoch ${record.epoch}, record ${record.seq}`)
    return record
  } catch (error) {
    checks.fail('log-record.form', reasonOf(error))
    return undefined
  }
}

/** The manifest has the digests of the record's first algorithm, SHA-256. EN 319 162-1 §A.7 */
function checkDigest({ chains }: EvidenceRecord, checks: Checks): void {
  const [first] = chains
  if (first?.digest !== 'sha256')
    checks.fail('record.manifest', 'its digests are of another algorithm than the record’s')
}

interface Hashed {
  /** By name. */
  readonly sha256: ReadonlyMap<string, Buffer>
  under(digest: DigestName): ReadonlyMap<string, Buffer>
  bodySha512(): Buffer | undefined
}

/** Each file once, under every digest that the record uses. */
function hashAll(members: readonly EvidenceFile[], used: readonly DigestName[]): Hashed {
  const names = [...new Set<DigestName>(['sha256', ...used])]
  const all = new Map(names.map((digest) => [digest, new Map<string, Buffer>()]))
  let sha512: Buffer | undefined
  for (const file of members) {
    const isBody = BODY_NAME.test(file.name)
    const wanted = isBody && !names.includes('sha512') ? [...names, 'sha512' as const] : names
    const made = file.digests(wanted)
    for (const [index, digest] of wanted.entries()) {
      if (isBody && digest === 'sha512') sha512 = made[index] as Buffer
      all.get(digest)?.set(file.name, made[index] as Buffer)
    }
  }
  const under = (digest: DigestName): ReadonlyMap<string, Buffer> => all.get(digest) ?? new Map()
  return { sha256: under('sha256'), under, bodySha512: () => sha512 }
}

/** SHA-256 of the body: of its octets, or where these are gone as recorded or given. */
function bodyOf(
  digests: ReadonlyMap<string, Buffer>,
  record: ReadRecord | undefined,
  { bodyDigest }: Verifying,
  checks: Checks,
): Buffer | undefined {
  const given = bodyDigest === undefined ? undefined : Buffer.from(bodyDigest, 'hex')
  const [here] = [...digests].filter(([name]) => BODY_NAME.test(name)).map(([, digest]) => digest)
  const recorded = record?.objects.find(({ name }) => BODY_NAME.test(name))?.sha256
  const known = here ?? recorded ?? given
  if (given !== undefined && known?.equals(given) !== true)
    checks.fail('body', 'it has another digest than the one given')
  else if (here !== undefined) checks.ok('body')
  else if (known !== undefined) checks.warn('body', 'known by digest only')
  return known
}

interface Provable {
  readonly hashed: Hashed
  readonly body: Buffer | undefined
  /** A time-stamp over everything. */
  readonly archive: JudgedToken | undefined
}

function prove(
  evidence: EvidenceRecord | undefined,
  { hashed, body, archive }: Provable,
  { trust, at, isDraft }: Verifying,
  checks: Checks,
): Proof | undefined {
  if (evidence === undefined) {
    if (!checks.has('record.form', 'failed')) checks.skip('record.form', 'there is no evidence record')
    return undefined
  }
  const names = [...hashed.sha256.keys()]
  const isBodyGone = body !== undefined && !names.some((name) => BODY_NAME.test(name))
  const group: Group = {
    sha256: [...names.map((name) => hashed.sha256.get(name) as Buffer), ...(isBodyGone ? [body] : [])],
    under: (digest) => [...names.map((name) => hashed.under(digest).get(name)), ...(isBodyGone ? [undefined] : [])],
  }
  return checkRecord(evidence, group, { trust, checks, at, isDraft, archive })
}

interface Head {
  readonly octets: Buffer
  readonly message: MessageHead | undefined
}

function headOf(files: ReadonlyMap<string, EvidenceFile>, isDraft: boolean, checks: Checks): Head | undefined {
  const draft = isDraft ? files.get(DRAFT_HEAD_NAME) : undefined
  if (draft !== undefined) return { octets: draft.octets(HEAD_BYTES_MAX), message: undefined }
  const file = files.get(HEAD_NAME)
  if (file === undefined) {
    if (files.has(SIGNATURE_NAME)) checks.fail('signature.form', `there is no ${HEAD_NAME}: it is not of this profile`)
    return undefined
  }
  const octets = file.octets(HEAD_BYTES_MAX)
  try {
    return { octets, message: readHead(octets) }
  } catch (error) {
    checks.fail('signature.references', reasonOf(error))
    return undefined
  }
}

function signatureOf(
  files: ReadonlyMap<string, EvidenceFile>,
  { octets, message }: Head,
  bodySha256: Buffer | undefined,
  { trust, isDraft }: Verifying,
  checks: Checks,
): Signature | undefined {
  const file = files.get(SIGNATURE_NAME)
  if (file === undefined) {
    checks.fail('signature.form', 'there is no signature')
    return undefined
  }
  const signature = file.octets(ARCHIVE_FORM_BYTES_MAX)
  return checkSignature({ signature, head: message, headOctets: octets, bodySha256, isDraft }, trust, checks)
}
