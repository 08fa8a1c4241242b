/** Does the evidence record prove that these octets existed, and when? RFC 4998 §4.3 and §5.3; design of the evidence, sections 4 and 6. */

import type { ArchiveTimeStamp, EvidenceRecord, Group } from '../protocol/evidence-record-reader.ts'
import { followRecord, RecordError, readEvidenceRecord } from '../protocol/evidence-record-reader.ts'
import type { Checks, Verdict } from './checks.ts'
import { instant, reasonOf } from './checks.ts'
import type { Judgement } from './time-rules.ts'
import { judgeAnswer, SKEW_MS_MAX } from './time-rules.ts'
import type { JudgedToken, Trust } from './trust.ts'

/** What a record proves, when it holds. */
export interface Proof {
  /** Of the first token, milliseconds since the Unix epoch. */
  readonly provenAt: number
  readonly isAnchored: boolean
  /** The oldest first. */
  readonly tokens: readonly JudgedToken[]
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

export interface RecordContext {
  readonly trust: Trust
  readonly checks: Checks
  /** When the record is verified, milliseconds since the Unix epoch. */
  readonly at: number
  readonly isDraft: boolean
  /** A time-stamp that holds over the whole container, record included. */
  readonly archive: JudgedToken | undefined
}

export function checkRecord(record: EvidenceRecord, group: Group, context: RecordContext): Proof | undefined {
  const { trust, checks } = context
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
  checkRevocation(judged, context)
  checkLifetime(judged, context)
  return { provenAt: first.genTime, isAnchored, tokens: judged }
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

/** The worst answer decides. */
function checkRevocation(judged: readonly JudgedToken[], { checks, at, isDraft }: RecordContext): void {
  checks.add('record.revocation', worstAnswer(judged, at, isDraft))
}

const ORDER: readonly Verdict[] = ['ok', 'warning', 'not-proven', 'failed']

/** What the revocation lists inside these tokens say, for as many as there are. @param at when they are verified */
export function worstAnswer(tokens: readonly JudgedToken[], at: number, isDraft: boolean): Judgement {
  const judgements = tokens.map((token) => judgeToken(token, at, isDraft))
  const rank = ({ verdict }: Judgement): number => ORDER.indexOf(verdict)
  return judgements.reduce((worst, each) => (rank(each) > rank(worst) ? each : worst))
}

function judgeToken(token: JudgedToken, at: number, isDraft: boolean): Judgement {
  const { answer, notBefore, genTime, notAfter } = token
  if (answer === undefined) {
    const detail = `a token has no list: not verifiable after the certificate’s end, ${instant(notAfter)}`
    return { verdict: 'not-proven', detail }
  }
  return judgeAnswer(answer, { notBefore, usedAt: genTime, knownBy: at, isDraft })
}

/** A token is renewed before its certificate ends; what it has inside must then still tell that it was not revoked. */
function checkLifetime(judged: readonly JudgedToken[], { checks, at, isDraft, archive }: RecordContext): void {
  for (const [index, { notAfter }] of judged.entries()) {
    const next = judged[index + 1]?.genTime
    if (next !== undefined && next > notAfter) {
      checks.fail('record.lifetime', 'a token was renewed only after its certificate had ended')
      return
    }
  }
  const last = judged.at(-1) as JudgedToken
  // The container's own time-stamp renews everything in it, when it came in time.
  const isKept = archive?.isAnchored === true && archive.genTime >= last.genTime && archive.genTime <= last.notAfter
  const end = isKept ? Math.max(archive.notAfter, last.notAfter) : last.notAfter
  const until = instant(end)
  // The authority's clock may be a little ahead of the one that verifies.
  if (at < last.genTime - SKEW_MS_MAX)
    checks.fail('record.lifetime', 'it is verified for a time before the latest token')
  else if (at <= end) checks.ok('record.lifetime', `until ${until}`)
  else if (judgeToken(last, at, isDraft).verdict === 'ok')
    checks.add('record.lifetime', { verdict: 'not-proven', detail: `ended ${until}: it should have been renewed` })
  else checks.fail('record.lifetime', `ended ${until}, and nothing tells whether it was revoked`)
}
