/** Whom a message is about, as far as the shared schemas and the adapter of the service say it. Art. 15 DSGVO. */

import type { AdapterSubjects } from '../adapters/adapter.ts'
import { parseReference, REFERENCE_FORMS, subjectsIn } from '../adapters/subjects.ts'
import type { SubjectLookUp } from './admin/subject/routes.ts'
import type { FindSubjects } from './message-log/keys/pseudonyms.ts'
import { openPseudonyms } from './message-log/keys/pseudonyms.ts'
import type { SqliteLog } from './message-log/open-log.ts'
import type { Identifier } from './protocol/identifiers.ts'
import { decodeText, isUtf16, likelyText } from './protocol/text.ts'

/** Without one of these members nothing in a payload names anybody: then it is not even parsed. */
const WORDS = ['"geburtsdatum"', '"idnr"', '"kennzeichen"'].map((word) => Buffer.from(word))

/** @param adapterOf what the adapter of a service that is answered here says besides */
export function subjectFinder(adapterOf: (service: Identifier) => AdapterSubjects | undefined): FindSubjects {
  return ({ part, service, extension, body }) => {
    // A spooled body is no message of an adapter's.
    if (extension !== 'json' || body?.bytes === undefined) return NOBODY
    const own = adapterOf(service)?.[part]
    const { bytes } = body
    if (own === undefined && !isUtf16(bytes) && !WORDS.some((word) => bytes.includes(word))) return NOBODY
    const payload = parsed(bytes)
    if (payload === undefined) return NOBODY
    const found = subjectsIn(payload)
    for (const text of own === undefined ? NOBODY : named(own, payload)) {
      const reference = parseReference(text)
      if (reference !== undefined && !found.includes(reference)) found.push(reference)
    }
    return found
  }
}

const NOBODY: readonly string[] = []

/** An answer that is no JSON, or not what the schema says, is the exchange's affair: here it names nobody. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(isUtf16(bytes) ? decodeText(bytes) : likelyText(bytes))
  } catch {
    return undefined
  }
}

function named(own: (payload: unknown) => readonly string[], payload: unknown): readonly string[] {
  try {
    return own(payload)
  } catch {
    return NOBODY
  }
}

/** What the admin port needs to look somebody up. @param name of the log, `gateway/node` */
export function subjectLookUp(
  { masterKey }: { readonly masterKey: string },
  { appendAccess }: Pick<SqliteLog, 'appendAccess'>,
  name: string,
): SubjectLookUp {
  return {
    pseudonyms: openPseudonyms(masterKey, name),
    parseReference,
    referenceForms: REFERENCE_FORMS,
    appendAccess,
  }
}
