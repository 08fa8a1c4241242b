/** The message head on arrival and in the answer. Source: XÖV basic message G2G, domain section 0.1. */

import type { Behoerde, Nachrichtenkopf } from '../schemas/gemeinsam/payloads.ts'
import type { Caller } from './adapter.ts'
import type { Refusal } from './refusal.ts'
import { refuse } from './refusal.ts'

/** Standard → the versions of it that are served. */
const SERVED: Readonly<Record<string, readonly string[]>> = {
  XMeld: ['25.11a', '26.05'],
  'OWL-Kfz': ['1'],
  XGewerbeordnung: ['1.4'],
}

/** An agency as its messages name it: the DVDV key, not an invented name. */
export function agency(kennung: string, name: string): Behoerde {
  return { verzeichnisdienst: 'DVDV', kennung, name }
}

/** T070 the author is not the caller, T080 the message is for somebody else, V000 the version is not served. */
export function checkHead(kopf: Nachrichtenkopf, caller: Caller, self: Behoerde): Refusal | undefined {
  const [, , member] = caller.client.split('/')
  if (kopf.autor.kennung.split(':')[1] !== member) return refuse(kopf, 'T070', { feldpfad: '/kopf/autor/kennung' })
  if (kopf.leser.kennung !== self.kennung) return refuse(kopf, 'T080', { feldpfad: '/kopf/leser/kennung' })
  if (!SERVED[kopf.standard]?.includes(kopf.version)) return refuse(kopf, 'V000', { feldpfad: '/kopf/version' })
  return undefined
}

/** A test message must not be processed; a query has no other answer to it. */
export function refuseTest(kopf: Nachrichtenkopf): Refusal | undefined {
  return kopf.test ? refuse(kopf, 'S999', { feldpfad: '/kopf/test', hinweis: 'Testnachricht' }) : undefined
}

/** The head of an answer by `self` to who asked: the UUID asked with becomes the reference. */
export function replyHead(
  self: Behoerde,
  asked: Nachrichtenkopf,
  { typ, uuid, at }: { readonly typ: string; readonly uuid: string; readonly at: number },
): Nachrichtenkopf {
  const { standard, version, anlass, rechtsgrundlage, test } = asked
  return {
    nachrichtenUUID: uuid,
    nachrichtentyp: { code: typ },
    erstellungszeitpunkt: new Date(at).toISOString(),
    autor: self,
    leser: asked.autor,
    referenzUUID: asked.nachrichtenUUID,
    standard,
    version,
    ...(test === undefined ? {} : { test }),
    anlass,
    ...(asked.aktenzeichen === undefined ? {} : { aktenzeichen: asked.aktenzeichen }),
    rechtsgrundlage,
  }
}
