/**
 * One issuing CA and its two ways to say what is revoked: OCSP first, its CRL where nobody gives a believable answer.
 *
 * `unknown` is an answer: the CA does not know the certificate, and no list heals that.
 */

import type { RevocationList } from '../protocol/revocation-list.ts'
import { readRevocationList } from '../protocol/revocation-list.ts'
import type { OcspQuestion } from './ocsp.ts'
import { readOcspResponse } from './ocsp.ts'
import type { RevocationCache } from './revocation-cache.ts'
import type { RevocationSources } from './revocation-sources.ts'
import type { Answer } from './revocation-status.ts'
import type { IssuingCa } from './snapshot.ts'

export interface AuthorityDeps {
  readonly sources: RevocationSources
  readonly cache: RevocationCache
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** Oldest answer that is one. */
  readonly ageMsMax: number
  /** A responder or list that failed is left alone for so long. */
  readonly retryMs: number
  /** A list that came is used again for so long. */
  readonly listMs: number
}

export interface RevocationAuthority extends IssuingCa {
  /** @returns an answer, where there is one, and what went wrong on the way to it */
  ask(sha256: string, question: OcspQuestion): Promise<Asked>
  /** What an earlier run was told. */
  recall(sha256: string, question: OcspQuestion): Promise<Asked>
  /** The next questions go out, whatever failed or came before. */
  forget(): void
}

export interface Asked {
  readonly answers: readonly Answer[]
  readonly failures: readonly string[]
}

interface HeldList {
  readonly der: Buffer
  readonly list: RevocationList
}

const SKEW_MS_MAX = 60_000

export function openAuthority(issuing: IssuingCa, deps: AuthorityDeps): RevocationAuthority {
  const { certificate, ocsp, crl } = issuing
  const { sources, cache, now, ageMsMax, retryMs, listMs } = deps
  // Both on the monotonic clock.
  let silentUntil = 0
  let list: { readonly answer: Promise<HeldList>; goodUntil: number } | undefined
  let stored: Promise<HeldList | undefined> | undefined

  async function askResponder(sha256: string, question: OcspQuestion): Promise<Answer> {
    if (performance.now() < silentUntil) throw new Error('the responder was silent a moment ago')
    let response: Buffer
    try {
      response = await sources.askOcsp(ocsp, question.request)
    } catch (error) {
      // One time-out is enough for all: the others turn to the list at once.
      silentUntil = performance.now() + retryMs
      throw error
    }
    const answer = answered(response, question)
    refuseOld(answer)
    await keep(cache.keepOcsp(sha256, response))
    return answer
  }

  function answered(response: Buffer, question: OcspQuestion): Answer {
    return { ...readOcspResponse(response, question, now()), source: 'ocsp', response }
  }

  async function askList(question: OcspQuestion): Promise<Answer> {
    const at = performance.now()
    if (list === undefined || list.goodUntil < at) {
      const asked = { answer: fetchList(), goodUntil: at + listMs }
      asked.answer.catch(() => {
        asked.goodUntil = performance.now() + retryMs / 2
      })
      list = asked
    }
    const answer = listed(await list.answer, question)
    refuseOld(answer)
    return answer
  }

  async function fetchList(): Promise<HeldList> {
    const der = await sources.fetchCrl(crl)
    const held = { der, list: readRevocationList(der, certificate.fields) }
    await keep(cache.keepCrl(certificate.sha256, der))
    return held
  }

  async function readStored(): Promise<HeldList | undefined> {
    const der = await cache.crl(certificate.sha256)
    return der && { der, list: readRevocationList(der, certificate.fields) }
  }

  /** What is too old to be relied on is no answer, unless it is a revocation. */
  function refuseOld({ status, thisUpdate, nextUpdate = Number.POSITIVE_INFINITY }: Answer): void {
    const at = now()
    if (thisUpdate > at + SKEW_MS_MAX) throw new Error('the answer is from the future')
    if (status !== 'revoked' && (thisUpdate < at - ageMsMax || nextUpdate < at)) throw new Error('the answer is old')
  }

  return {
    ...issuing,
    async ask(sha256, question) {
      const failures: string[] = []
      const note = (error: unknown) => {
        failures.push((error as Error).message)
        return undefined
      }
      const answer = (await askResponder(sha256, question).catch(note)) ?? (await askList(question).catch(note))
      return { answers: answer === undefined ? [] : [answer], failures }
    },
    async recall(sha256, question) {
      const failures: string[] = []
      const answers: Answer[] = []
      try {
        const response = await cache.ocsp(sha256)
        if (response !== undefined) answers.push(answered(response, question))
      } catch (error) {
        failures.push((error as Error).message)
      }
      try {
        stored ??= readStored()
        const held = await stored
        if (held !== undefined) answers.push(listed(held, question))
      } catch (error) {
        failures.push((error as Error).message)
      }
      return { answers, failures }
    },
    forget() {
      silentUntil = 0
      list = undefined
    },
  }
}

/** Only the next start needs what is on disk: a full one must not hide a revocation. */
async function keep(writing: Promise<void>): Promise<void> {
  await writing.catch(() => {})
}

/** @throws {Error} when the list is not for such certificates */
function listed({ der, list }: HeldList, { certificate }: OcspQuestion): Answer {
  const { thisUpdate, nextUpdate } = list
  const status = list.isRevoked(certificate) ? 'revoked' : 'good'
  return { status, source: 'crl', response: der, thisUpdate, nextUpdate }
}
