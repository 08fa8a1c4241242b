/**
 * The revocation lists of time-stamp authorities: fetched, kept while they are current, and for how long the last one known
 * serves when no newer one is to be had. RFC 5280 §5.1.
 */

import type { CertificateFields } from '../../protocol/authority-certificates.ts'
import type { RevocationList } from '../../protocol/revocation-list.ts'
import { readRevocationList } from '../../protocol/revocation-list.ts'
import type { TimeStampAuthority } from '../../protocol/time-stamp.ts'

export interface RevocationListsOptions {
  readonly fetch: (url: string) => Promise<Buffer>
  readonly now: () => number
  /** A list is fetched anew after this time; while that fails, the one at hand serves until its nextUpdate. */
  readonly listAgeMsMax: number
  /** After its nextUpdate, for tokens that no authority with a current list gives. */
  readonly listGraceMs: number
  readonly offsetMsMax: number
  /** Lists known from before, DER: those in the latest tokens. */
  readonly known: readonly Buffer[]
}

/** Where the list of an authority's CA lies; it has to be for the certificate of its unit. */
export interface ListPlace extends TimeStampAuthority {
  readonly url: string
}

export interface RevocationLists {
  /** @throws {Error} when there is none that is current */
  current(place: ListPlace): Promise<RevocationList>
  /** The last one known, current or not for too long. */
  last(place: ListPlace): RevocationList | undefined
}

interface Held {
  readonly list: RevocationList
  /** 0: not fetched by this process. */
  readonly fetchedAt: number
}

/** Certification authorities of time-stamp authorities there are a handful of. */
const LISTS_MAX = 16

export function openRevocationLists(options: RevocationListsOptions): RevocationLists {
  const { fetch, now, listAgeMsMax, listGraceMs, offsetMsMax, known } = options
  const held = new Map<string, Held>()
  const failedAt = new Map<string, number>()

  async function current(place: ListPlace): Promise<RevocationList> {
    const id = idOf(place)
    const found = find(place)
    const serves = found !== undefined && isCurrent(found.list)
    const isYoung = (at: number | undefined): boolean => at !== undefined && now() - at < listAgeMsMax
    // Who did not answer just now is not waited for again while there is a list.
    if (serves && (isYoung(found.fetchedAt) || isYoung(failedAt.get(id)))) return found.list
    try {
      const list = readListFor(place, await fetch(place.url))
      if (!isCurrent(list)) throw new Error('The revocation list is not current')
      failedAt.delete(id)
      // A list that is older than one already seen would take a revocation back.
      if (found !== undefined && list.thisUpdate < found.list.thisUpdate) {
        if (!isCurrent(found.list)) throw new Error('The revocation list is older than the one before')
        return found.list
      }
      keep(id, { list, fetchedAt: now() })
      return list
    } catch (error) {
      failedAt.set(id, now())
      if (serves) return found.list
      throw error
    }
  }

  function find(place: ListPlace): Held | undefined {
    const id = idOf(place)
    const found = held.get(id)
    if (found !== undefined) return found
    for (const der of known) {
      const list = attempt(() => readListFor(place, der))
      const before = held.get(id)
      if (list === undefined || (before !== undefined && before.list.thisUpdate >= list.thisUpdate)) continue
      keep(id, { list, fetchedAt: 0 })
    }
    return held.get(id)
  }

  function keep(id: string, list: Held): void {
    if (held.size >= LISTS_MAX && !held.has(id)) held.clear()
    held.set(id, list)
  }

  function isCurrent({ thisUpdate, nextUpdate }: RevocationList): boolean {
    return thisUpdate <= now() + offsetMsMax && now() <= nextUpdate
  }

  return {
    current,
    last(place) {
      const list = find(place)?.list
      return list !== undefined && now() <= list.nextUpdate + listGraceMs ? list : undefined
    },
  }
}

function readListFor({ unit, ca }: ListPlace, der: Buffer): RevocationList {
  const list = readRevocationList(der, ca)
  // Whether it is revoked is for who uses the list; here it only has to be able to tell.
  list.isRevoked(unit)
  return list
}

function idOf({ url, unit, ca }: ListPlace): string {
  return [url, ...[unit, ca].map(nameOf)].join(' ')
}

function nameOf({ issuer, serial }: CertificateFields): string {
  return `${issuer.toString('base64')} ${serial.toString('base64')}`
}

/** A list of another authority is none. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
