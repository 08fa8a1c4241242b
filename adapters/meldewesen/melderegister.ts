/** A population register as the services of MELDEWESEN see it, whatever system holds it. */

import type { Angehoeriger, Person, Sperre } from '../../schemas/gemeinsam/payloads.ts'
import type { PersonensucheAnfrage } from '../../schemas/meldewesen/payloads.ts'
import { schema } from '../../schemas/schema.ts'
import type { Local } from '../adapter.ts'
import { AdapterError } from '../adapter-error.ts'

/** By search form or phonetic code of any of the person's names, or by the register's own number. */
export type Auswahl = { readonly suchname: string } | { readonly phonetik: string } | { readonly id: string }

/** Two systems implement it: REST in Bielefeld, SOAP in Paderborn. */
export interface Melderegister extends Local {
  /**
   * Candidates: the register's own coarse search. Locks are not applied; the caller must.
   *
   * @throws {AdapterError} `response`, `unavailable`
   */
  find(auswahl: Auswahl, signal: AbortSignal): Promise<readonly Einwohner[]>
  /** Whether the register's municipality has this street. */
  knowsStreet(strasse: string, signal: AbortSignal): Promise<boolean>
  /** Leaves a query that got the neutral answer to a clerk. */
  refer(anfrage: PersonensucheAnfrage, signal: AbortSignal): Promise<void>
}

/** What protects a person's data. §§ 51, 52 BMG; § 53: witness protection. */
export interface Schutz {
  readonly sperren?: readonly Sperre[]
  readonly bedingterSperrvermerk?: boolean
  readonly zeugenschutz?: boolean
}

/** A resident. Relatives stand apart from the person, each with the locks that decide whether they may be told. */
export interface Einwohner {
  readonly id: string
  readonly zeugenschutz?: boolean
  readonly person: Person
  readonly partner?: Bezug
  readonly kinder?: readonly Bezug[]
  readonly vertreter?: readonly Bezug[]
}

export interface Bezug extends Schutz {
  /** Number in the same register; absent when the relative lives elsewhere. */
  readonly id?: string
  readonly angehoeriger: Angehoeriger
}

const person = schema('urn:owl:gemeinsam:person:1')

/**
 * What a register's answer says once its fields are ours; nothing in it is believed before.
 *
 * @throws {AdapterError} `response`
 */
export function einwohnerOf(record: Readonly<Record<string, unknown>>): Einwohner {
  const einwohner = record as unknown as Einwohner
  if (typeof einwohner.id !== 'string') throw new AdapterError('response', 'malformed')
  const { partner, kinder = [], vertreter = [] } = einwohner
  const whole = {
    ...einwohner.person,
    partner: partner?.angehoeriger,
    kinder: kinder.map(({ angehoeriger }) => angehoeriger),
    gesetzlicheVertreter: vertreter.map(({ angehoeriger }) => vertreterOf(angehoeriger)),
  }
  const locks = [partner ?? {}, ...kinder, ...vertreter].map(({ sperren }: Schutz) => ({
    ...einwohner.person,
    sperren,
  }))
  const problems = [whole, ...locks].flatMap((each) => person.check(each))
  if (problems.length > 0) throw new AdapterError('response', 'schema', problems)
  return einwohner
}

/** The person of a resident without any relative; the services add back those that may be told. */
export function vertreterOf(angehoeriger: Angehoeriger): NonNullable<Person['gesetzlicheVertreter']>[number] {
  const { familienname, vornamen, doktorgrad, geburtsdatum, geschlecht, anschrift } = angehoeriger
  return { familienname, vornamen, doktorgrad, geburtsdatum, geschlecht, anschrift }
}
