/** Does the evidence record prove that these octets existed, and when? RFC 4998 §4.3 and §5.3; design of the evidence, sections 4 and 6. */

import type { ArchiveTimeStamp, EvidenceRecord, Group } from '../protocol/evidence-record-reader.ts'
import { followRecord, RecordError, readEvidenceRecord } from '../protocol/evidence-record-reader.ts'
import type { Checks } from './checks.ts'
import { instant, reasonOf } from './checks.ts'
import { SKEW_MS_MAX } from './signature-checks.ts'
import type { JudgedToken, Trust } from './trust.ts'

/** What a record proves, when it holds. */
export interface Proof {
  /** Of the first token, milliseconds since the Unix epoch. */
  readonly provenAt: number
  readonly isAnchored: boolean
}

export const RECORD_BYTES_MAX = 8 * 1024 * 1024

/** @returns nothing when it is no record at all */
export function checkRecordForm(octets: Buffer, trust: Trust, checks: Checks): EvidenceRecord | undefined {
  try {
    const record = readEvidenceRecord(octets, trust.readToken)
    const renewals = record.chains.reduce((sum, { timeStamps }) => sum + timeStamps.length, -1)
    const algorithms = record.chains.map(({ digest }) => digest.replace('sha', 'SHA-')).join(', ')
    checks.ok('record.form', `${algorithms}, ${renewals === 0 ? 'not renewed' : `renewed ${renewals}×`}`)
    return record
  } catch (error) {
    checks.fail('record.form', reasonOf(error))
    return undefined
  }
}

/** @param at when the record is verified, milliseconds since the Unix epoch */
export function checkRecord(
  record: EvidenceRecord,
  group: Group,
  { trust, checks, at }: { readonly trust: Trust; readonly checks: Checks; readonly at: number },
): Proof | undefined {
  if (!checkHashes(record, group, trust, checks)) return undefined
  const judged: JudgedToken[] = []
  for (const { digest, timeStamps } of record.chains) {
    for (const timeStamp of timeStamps) {
      try {
        const { imprint } = trust.readToken(timeStamp.token).stamp
        judged.push(trust.judgeToken(timeStamp.token, { imprint, digest }))
      } catch (error) {
        checks.fail('record.token', reasonOf(error))
        return undefined
      }
    }
  }
  const [first] = judged as [JudgedToken]
  const isAnchored = judged.every((token) => token.isAnchored)
  if (isAnchored) checks.ok('record.token', judged.map(({ genTime }) => instant(genTime)).join(', '))
  else checks.skip('record.token', 'the signature holds; no anchor says whose it is')
  checkLifetime(judged, checks, at)
  return { provenAt: first.genTime, isAnchored }
}

function checkHashes(record: EvidenceRecord, group: Group, trust: Trust, checks: Checks): boolean {
  try {
    const unknown = followRecord(record, group, trust.readToken)
    if (unknown === 0) checks.ok('record.group', `${group.sha256.length} objects, and no other`)
    else checks.warn('record.group', `${unknown} of them known by its first digest only, not by that of the renewal`)
    const heights = record.chains.flatMap(({ timeStamps }) => timeStamps).map(levels)
    checks.ok('record.tree', `${heights.join(', ')} ${heights.at(-1) === 1 ? 'level' : 'levels'}`)
    checks.ok('record.order')
    return true
  } catch (error) {
    const flaw = error instanceof RecordError ? error.flaw : 'malformed'
    const id = { group: 'record.group', root: 'record.tree', order: 'record.order', malformed: 'record.form' } as const
    checks.fail(id[flaw], reasonOf(error))
    return false
  }
}

function levels({ tree }: ArchiveTimeStamp): number {
  return tree.length - 1
}

/** A token is renewed before its certificate ends; what it has inside must then still tell that it was not revoked. */
function checkLifetime(judged: readonly JudgedToken[], checks: Checks, at: number): void {
  const last = judged.at(-1) as JudgedToken
  if (judged.some(({ revocation }) => revocation === 'revoked')) {
    checks.fail('record.revocation', 'a certificate is revoked')
  } else if (judged.some(({ revocation }) => revocation === 'none')) {
    const end = instant(last.notAfter)
    checks.warn('record.revocation', `a token has none: not verifiable after the certificate’s end, ${end}`)
  } else if (judged.some(({ revocation }) => revocation === 'late')) {
    checks.warn('record.revocation', 'a list had ended when its token was made')
  } else checks.ok('record.revocation')

  for (const [index, { notAfter }] of judged.entries()) {
    const next = judged[index + 1]?.genTime
    if (next !== undefined && next > notAfter) {
      checks.fail('record.lifetime', 'a token was renewed only after its certificate had ended')
      return
    }
  }
  const end = instant(last.notAfter)
  // The authority's clock may be a little ahead of the one that verifies.
  if (at < last.genTime - SKEW_MS_MAX)
    checks.fail('record.lifetime', 'it is verified for a time before the latest token')
  else if (at <= last.notAfter) checks.ok('record.lifetime', `until ${end}`)
  else if (last.revocation === 'good') checks.warn('record.lifetime', `ended ${end}: it should have been renewed`)
  else checks.fail('record.lifetime', `ended ${end}, and nothing tells whether it was revoked`)
}
