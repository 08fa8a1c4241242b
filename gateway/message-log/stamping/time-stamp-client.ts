/**
 * Asks the registered time-stamp authorities, one after the other until a token holds, and completes the token with its
 * CA's revocation list. RFC 3161 §3.4; security.md row 25. Addresses and certificates come from the global configuration,
 * never from a certificate or an answer.
 */

import { randomBytes } from 'node:crypto'
import { Agent, request } from 'undici'
import { readCertificate } from '../../protocol/authority-certificates.ts'
import type { RevocationList } from '../../protocol/revocation-list.ts'
import type { DigestName } from '../../protocol/signed-data.ts'
import type { TimeStampAuthority } from '../../protocol/time-stamp.ts'
import {
  checkNotRevoked,
  formatTimeStampRequest,
  NONCE_BYTES,
  openTimeStampReply,
  verifyTimeStamp,
} from '../../protocol/time-stamp.ts'
import { completeToken, readToken, TimeStampError } from '../../protocol/time-stamp-token.ts'
import type { Authorities } from '../../trust/configuration.ts'
import type { Batches } from '../store/log-store.ts'
import { DAY_MS } from '../time-of-day.ts'
import type { ListPlace } from './revocation-lists.ts'
import { openRevocationLists } from './revocation-lists.ts'

export type RegisteredAuthority = Authorities['tsa'][number]

export interface TimeStampClientOptions {
  /** Of the current configuration. */
  readonly authorities: () => readonly RegisteredAuthority[]
  readonly now: () => number
  /** For a whole answer of a time-stamp authority or list. */
  readonly timeoutMs?: number
  readonly tokenBytesMax?: number
  readonly listBytesMax?: number
  /** A list is fetched anew after this time; while that fails, the one at hand serves until its nextUpdate. */
  readonly listAgeMsMax?: number
  /** How long after its end a list still serves, when there is no current one of any authority. */
  readonly listGraceMs?: number
  /** Lists known from before, DER: those in the latest tokens. */
  readonly known?: readonly Buffer[]
  /** How far the time of a token may be from ours. */
  readonly offsetMsMax?: number
  /** Told how far an authority's clock is from ours, also when that is too far for its token: then most of all. */
  readonly observed?: (offsetMs: number) => void
}

export interface Stamped {
  /** DER, complete. */
  readonly token: Buffer
  /** Milliseconds since the Unix epoch. */
  readonly genTime: number
  /** When the first of the certificates ends that the token rests on. */
  readonly until: number
  /** Who stamped. */
  readonly url: string
  /** Their clock less ours, to the precision of their time. */
  readonly offsetMs: number
  /** The revocation list in the token was the last one known, and no longer current. */
  readonly isListOld?: true
}

export interface TimeStampClient {
  /** @param imprint SHA-256 where `digest` does not say else @throws {AggregateError} what each authority did wrong */
  stamp(imprint: Buffer, digest?: DigestName): Promise<Stamped>
  close(): Promise<void>
}

interface Question {
  readonly imprint: Buffer
  readonly digest: DigestName
}

type ListOf = (place: ListPlace) => Promise<RevocationList>

/** The authority may be well; its list is not to be had. */
class ListError extends Error {
  override readonly name = 'ListError'
}

const CONNECTIONS_MAX = 4

export function openTimeStampClient(options: TimeStampClientOptions): TimeStampClient {
  const { authorities, now, timeoutMs = 10_000, tokenBytesMax = 64 * 1024, listBytesMax = 16 * 1024 * 1024 } = options
  const { listAgeMsMax = 600_000, listGraceMs = DAY_MS, offsetMsMax = 60_000, observed = () => {} } = options
  const { known = [] } = options
  const agent = new Agent({ connections: CONNECTIONS_MAX, pipelining: 1, maxHeaderSize: 16 * 1024 })
  const closing = new AbortController()
  const fetch = (url: string): Promise<Buffer> => fetchOctets(url, listBytesMax)
  const lists = openRevocationLists({ fetch, now, listAgeMsMax, listGraceMs, offsetMsMax, known })
  /** The one that answered last is asked first. */
  let preferred: string | undefined

  async function stamp(imprint: Buffer, digest: DigestName = 'sha256'): Promise<Stamped> {
    const problems: Error[] = []
    const listless: RegisteredAuthority[] = []
    const registered = [...authorities()].sort((a, b) => Number(b.url === preferred) - Number(a.url === preferred))
    const attempt = async (row: RegisteredAuthority, listOf: ListOf): Promise<Stamped | undefined> => {
      try {
        const stamped = await stampBy(row, { imprint, digest }, listOf)
        preferred = row.url
        return stamped
      } catch (error) {
        problems.push(error as Error)
        if (error instanceof ListError) listless.push(row)
        return undefined
      }
    }
    for (const row of registered) {
      const stamped = await attempt(row, currentList)
      if (stamped !== undefined) return stamped
      if (closing.signal.aborted) break
    }
    // A list that does not come must not stop stamping at once: the last one known serves for some time.
    for (const row of closing.signal.aborted ? [] : listless.splice(0)) {
      const stamped = await attempt(row, lastList)
      if (stamped !== undefined) return { ...stamped, isListOld: true }
    }
    throw new AggregateError(problems, problems.map(problemOf).join('; ') || 'No authority is registered')
  }

  async function stampBy(row: RegisteredAuthority, { imprint, digest }: Question, listOf: ListOf): Promise<Stamped> {
    const authority = authorityOf(row)
    const list = await listOf({ ...authority, url: row.crl })
    checkNotRevoked(authority, list)
    const asked = formatTimeStampRequest(imprint, randomBytes(NONCE_BYTES), digest)
    const sentAt = now()
    const answer = await fetchOctets(row.url, tokenBytesMax, asked.der)
    const receivedAt = now()
    const bare = openTimeStampReply(answer)
    const { genTime } = verifyTimeStamp(bare, authority, { imprint, digest, nonce: asked.nonce })
    const offsetMs = Math.round(genTime - (sentAt + receivedAt) / 2)
    observed(offsetMs)
    if (genTime < sentAt - offsetMsMax || genTime > receivedAt + offsetMsMax) {
      throw new TimeStampError('time', 'The time is not the present one')
    }
    const token = completeToken(bare, [authority.unit.der, authority.ca.der], list.der)
    return { token, genTime, until: readCertificateEnds(row), url: row.url, offsetMs }
  }

  function currentList(place: ListPlace): Promise<RevocationList> {
    return lists.current(place).catch((cause: Error) => {
      throw new ListError(problemOf(cause), { cause })
    })
  }

  async function lastList(place: ListPlace): Promise<RevocationList> {
    const list = lists.last(place)
    if (list === undefined) throw new Error('No revocation list is known, or it ended too long ago')
    return list
  }

  /** No redirects, no decompression, no more octets than allowed, no longer than allowed. */
  async function fetchOctets(url: string, bytesMax: number, question?: Buffer): Promise<Buffer> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)])
    const asking =
      question === undefined
        ? { method: 'GET' as const }
        : { method: 'POST' as const, body: question, headers: { 'content-type': 'application/timestamp-query' } }
    const reply = await request(url, { dispatcher: agent, signal, ...asking })
    const parts: Buffer[] = []
    let size = 0
    for await (const part of reply.body as AsyncIterable<Buffer>) {
      size += part.length
      if (size > bytesMax) {
        reply.body.destroy()
        throw new Error('The answer is larger than allowed')
      }
      parts.push(part)
    }
    if (reply.statusCode !== 200) throw new Error(`The answer has HTTP status ${reply.statusCode}`)
    return Buffer.concat(parts)
  }

  return {
    stamp,
    close() {
      closing.abort()
      return agent.destroy()
    },
  }
}

/** Authorities take turns. */
const NEWEST_TOKENS = 4

/** The revocation lists in the newest tokens of a log: what is known of them after a start. @returns DER */
export function listsInTokens(batches: Pick<Batches, 'latest' | 'unstamped' | 'tokens'>): Buffer[] {
  const stamped = (batches.unstamped()[0]?.number ?? (batches.latest()?.number ?? 0) + 1) - 1
  const tokens = [...batches.tokens(stamped - NEWEST_TOKENS + 1, stamped)].reverse()
  return tokens.flatMap((token) => {
    try {
      return readToken(token).revocationLists
    } catch {
      // A damaged token is for who verifies the log; here it knows nothing.
      return []
    }
  })
}

const read = new Map<string, TimeStampAuthority>()
const READ_MAX = 64

/** Certificates read before; the configuration names the same few again and again. */
function authorityOf({ certificate, ca }: RegisteredAuthority): TimeStampAuthority {
  const id = `${certificate} ${ca}`
  const known = read.get(id)
  if (known !== undefined) return known
  const authority = {
    unit: readCertificate(Buffer.from(certificate, 'base64')),
    ca: readCertificate(Buffer.from(ca, 'base64')),
  }
  if (read.size >= READ_MAX) read.clear()
  read.set(id, authority)
  return authority
}

/** When the first certificate of an authority ends. */
export function readCertificateEnds(row: RegisteredAuthority): number {
  const { unit, ca } = authorityOf(row)
  return Math.min(unit.notAfter, ca.notAfter)
}

/** For the operator's log: what went wrong, no octets of an answer. */
function problemOf(error: Error): string {
  if (error instanceof TimeStampError) return `${error.flaw}: ${error.message}`
  const { code } = error as Error & { code?: string }
  return code === undefined ? error.message : `${code}: ${error.message}`
}
