/** Sends answers through the register's own gateway, again and again with growing pauses, but not for ever. */

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { AuswertungAnfrage } from '../../../schemas/meldewesen/payloads.ts'

/** Where the consumer port of the own gateway is and how the register proves itself there. */
export interface Gateway {
  readonly url: string
  /** `INSTANCE/CLASS/MEMBER/SUBSYSTEM` */
  readonly client?: string
  readonly purpose?: string
  /** Paths of PEM files; none for a port without TLS. */
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

export interface Sendung {
  /** Kept as made: every attempt carries the same UUID. */
  readonly auswertung: AuswertungAnfrage
  zustand: 'offen' | 'zugestellt' | 'aufgegeben'
  versuche: number
  /** Status of the last attempt; absent when there was no answer. */
  antwort?: number
}

export interface Outbox {
  /** Takes up everything that was not delivered, also what was given up. */
  connect(gateway: Gateway): void
  deliver(): void
  close(): Promise<void>
}

const ATTEMPTS_MAX = 12
const PAUSE_FIRST_MS = 200
const PAUSE_MAX_MS = 5_000
const ATTEMPT_MS = 10_000

export function openOutbox(sendungen: readonly Sendung[], save: () => void): Outbox {
  const closing = new AbortController()
  let gateway: Gateway | undefined
  let agent: Agent | undefined
  const running = new Set<Sendung>()

  async function send(sendung: Sendung): Promise<void> {
    for (let pauseMs = PAUSE_FIRST_MS; sendung.zustand === 'offen'; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
      sendung.versuche += 1
      sendung.antwort = await attempt(sendung.auswertung).catch(() => undefined)
      if (closing.signal.aborted) return
      if (sendung.antwort !== undefined && sendung.antwort < 300) sendung.zustand = 'zugestellt'
      else if (sendung.versuche >= ATTEMPTS_MAX) sendung.zustand = 'aufgegeben'
      save()
      if (sendung.zustand === 'offen') await sleep(pauseMs, undefined, { signal: closing.signal })
    }
  }

  async function attempt(auswertung: AuswertungAnfrage): Promise<number> {
    const { url, client = 'OWL/GOV/05711000/MELDEWESEN', purpose = 'UMZUG_RUECKMELDUNG' } = gateway ?? { url: '' }
    const [instance, memberClass] = client.split('/')
    const member = auswertung.kopf.leser.kennung.split(':')[1]
    const { statusCode, body } = await request(
      new URL(`/r1/${instance}/${memberClass}/${member}/MELDEWESEN/auswertung/v1`, url),
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-road-client': client,
          'x-road-issue': auswertung.kopf.aktenzeichen ?? auswertung.kopf.referenzUUID ?? '',
          'owl-purpose': purpose,
        },
        body: JSON.stringify(auswertung),
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ATTEMPT_MS)]),
        ...(agent === undefined ? {} : { dispatcher: agent }),
      },
    )
    await body.dump()
    return statusCode
  }

  function deliver(): void {
    if (gateway === undefined) return
    for (const sendung of sendungen.filter((each) => each.zustand === 'offen' && !running.has(each))) {
      running.add(sendung)
      void send(sendung)
        .catch(() => undefined)
        .finally(() => running.delete(sendung))
    }
  }

  return {
    connect(next) {
      gateway = next
      void agent?.close()
      agent = new Agent({ connect: { cert: pem(next.cert), key: pem(next.key), ca: pem(next.ca) } })
      for (const sendung of sendungen.filter(({ zustand }) => zustand === 'aufgegeben')) {
        sendung.zustand = 'offen'
        sendung.versuche = 0
      }
      deliver()
    },
    deliver,
    async close() {
      closing.abort()
      await agent?.destroy()
    },
  }
}

function pem(file: string | undefined): Buffer | undefined {
  return file === undefined ? undefined : readFileSync(file)
}
