/** Bielefeld's population register: REST with JSON behind OAuth2 client credentials (RFC 6749 §4.4). */

import { readFile } from 'node:fs/promises'
import type { RueckmeldungAnfrage } from '../../../schemas/meldewesen/payloads.ts'
import type { AdapterOptions } from '../../adapter.ts'
import { AdapterError } from '../../adapter-error.ts'
import { decodeText } from '../../charset.ts'
import { fromLocal, toLocal } from '../../field-map.ts'
import type { LocalHttp, LocalReply } from '../../local-http.ts'
import { openLocalHttp } from '../../local-http.ts'
import type { Einwohner, Melderegister } from '../../meldewesen/melderegister.ts'
import { einwohnerOf } from '../../meldewesen/melderegister.ts'
import { textOption } from '../../options.ts'
import type { Delivery, StoredReceipt } from '../../receipt.ts'
import { EINWOHNER, PERSON } from './fields.ts'

export interface BielefeldRegister extends Melderegister {
  /** Hands over a Rückmeldung; the register answers it later, on its own. */
  melde(delivery: Delivery, meldung: RueckmeldungAnfrage, signal: AbortSignal): Promise<StoredReceipt>
}

/** Options: those of `openLocalHttp`, `clientId` and `clientSecretFile`. @throws {TypeError} naming the wrong option */
export function openRegister(options: AdapterOptions): BielefeldRegister {
  const http = openLocalHttp(options)
  const token = openTokens(http, textOption(options, 'clientId'), textOption(options, 'clientSecretFile'))

  async function post(path: string, content: unknown, signal: AbortSignal): Promise<unknown> {
    const send = async (): Promise<LocalReply> =>
      http.request(
        { method: 'POST', path, headers: { ...JSON_TYPE, authorization: `Bearer ${await token.get()}` }, body },
        signal,
      )
    const body = JSON.stringify(content)
    let reply = await send()
    if (reply.status === 401) {
      // The token may have been withdrawn before its time: once more with a new one.
      token.forget()
      reply = await send()
    }
    if (reply.status !== 200) throw new AdapterError('unavailable', `status-${reply.status}`)
    return parse(reply.text())
  }

  return {
    async find(auswahl, signal) {
      const { einwohner } = (await post('/api/einwohner/suche', auswahl, signal)) as { einwohner?: unknown }
      return readEinwohner(einwohner)
    },
    async knowsStreet(name, signal) {
      const { bekannt } = (await post('/api/strassen/suche', { name }, signal)) as { bekannt?: unknown }
      if (typeof bekannt !== 'boolean') throw new AdapterError('response', 'malformed')
      return bekannt
    },
    async refer({ kopf, auswahldaten }, signal) {
      const { nachrichtenUUID: nachricht, autor, aktenzeichen } = kopf
      await post('/api/vorgaenge', { nachricht, absender: autor.kennung, aktenzeichen, auswahldaten }, signal)
    },
    async melde({ key, digest }, { kopf, person, art }, signal) {
      const meldung = { schluessel: key, pruefsumme: digest, art, kopf, person: toLocal(PERSON, person) }
      const { uuid, zeitpunkt, pruefsumme } = (await post('/api/rueckmeldungen', meldung, signal)) as Partial<Eingang>
      if (typeof uuid !== 'string' || typeof zeitpunkt !== 'number' || typeof pruefsumme !== 'string') {
        throw new AdapterError('response', 'malformed')
      }
      return { uuid, at: zeitpunkt, digest: pruefsumme }
    },
    close: () => http.close(),
  }
}

/** What the register answers to a Rückmeldung. */
export interface Eingang {
  readonly uuid: string
  /** Milliseconds since the Unix epoch. */
  readonly zeitpunkt: number
  readonly pruefsumme: string
}

const JSON_TYPE = { 'content-type': 'application/json' }
/** A token is asked for once for all who wait: none of them may abort it for the others. */
const NEVER = new AbortController().signal
/** A token is renewed this long before it expires. */
const TOKEN_EARLY_MS = 5_000

interface Tokens {
  get(): Promise<string>
  forget(): void
}

function openTokens(http: LocalHttp, clientId: string, clientSecretFile: string): Tokens {
  let held: { readonly token: string; readonly until: number } | undefined
  let asked: Promise<string> | undefined

  async function ask(): Promise<string> {
    // Read when needed: the local system may be set up after the gateway.
    const secret = await readSecret(clientSecretFile)
    const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret.trim())}`).toString('base64')
    const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' }
    const body = 'grant_type=client_credentials'
    const { status, text } = await http.request({ method: 'POST', path: '/oauth/token', headers, body }, NEVER)
    if (status !== 200) throw new AdapterError('unavailable', `oauth2-status-${status}`)
    const { access_token: token, expires_in: seconds } = parse(text()) as {
      access_token?: unknown
      expires_in?: unknown
    }
    if (typeof token !== 'string' || typeof seconds !== 'number') throw new AdapterError('response', 'oauth2-malformed')
    held = { token, until: performance.now() + seconds * 1000 - TOKEN_EARLY_MS }
    return token
  }

  return {
    async get() {
      if (held !== undefined && performance.now() < held.until) return held.token
      asked ??= ask().finally(() => {
        asked = undefined
      })
      return asked
    },
    forget() {
      held = undefined
    },
  }
}

async function readSecret(file: string): Promise<string> {
  const octets = await readFile(file).catch((error) => Promise.reject(AdapterError.of(error)))
  try {
    return decodeText(octets)
  } catch {
    throw new AdapterError('unavailable', 'client-secret-charset')
  }
}

/** Without the parser's message: it quotes the text. */
function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Told below, like JSON that is no object.
  }
  throw new AdapterError('response', 'malformed')
}

function readEinwohner(records: unknown): Einwohner[] {
  if (!Array.isArray(records)) throw new AdapterError('response', 'malformed')
  try {
    return records.map((record) => einwohnerOf(fromLocal(EINWOHNER, record)))
  } catch (error) {
    throw AdapterError.of(error, 'response')
  }
}
