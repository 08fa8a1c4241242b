/** How the trust service behaves while a test looks: well, late, wrong, or not at all. */

import type { OcspLie } from './ocsp.ts'
import type { TsaLie } from './time-stamps.ts'

export type ServiceName = 'ocsp' | 'crl' | 'tsa' | 'tsa2'

/** `users` is right: a list for certificates of users, which is critical in it; `authorities` leaves them out. */
export type CrlLie = 'expired' | 'other-signer' | 'users' | 'authorities'

/** Answers that are none: random octets, or more of them than anybody should read. */
export type Noise = 'garbage' | 'huge'

export type Behaviour<Lie = OcspLie | CrlLie | TsaLie> =
  | { readonly mode: 'ok' }
  | { readonly mode: 'silent' }
  | { readonly mode: 'late'; readonly delayMs: number }
  | { readonly mode: 'wrong'; readonly kind: Noise | Lie }

export interface Behaviours {
  readonly ocsp: Behaviour<OcspLie>
  readonly crl: Behaviour<CrlLie>
  readonly tsa: Behaviour<TsaLie>
  readonly tsa2: Behaviour<TsaLie>
}

type Kind<Lie> = Noise | Lie

// The first of each row is what `wrong` means when no kind is named.
const OCSP: readonly Kind<OcspLie>[] = [
  'other-signer',
  'garbage',
  'other-serial',
  'expired',
  'unknown',
  'try-later',
  'huge',
]
const CRL: readonly Kind<CrlLie>[] = ['other-signer', 'garbage', 'expired', 'huge', 'users', 'authorities']
const TSA: readonly Kind<TsaLie>[] = [
  'imprint',
  'garbage',
  'nonce',
  'time',
  'other-signer',
  'huge',
  'reject',
  'qualified',
  'critical-extension',
]

const KINDS: Readonly<Record<ServiceName, readonly (Noise | OcspLie | CrlLie | TsaLie)[]>> = {
  ocsp: OCSP,
  crl: CRL,
  tsa: TSA,
  tsa2: TSA,
}

const OK = { mode: 'ok' } as const
export const WELL_BEHAVED: Behaviours = { ocsp: OK, crl: OK, tsa: OK, tsa2: OK }

const DELAY_MS_DEFAULT = 10_000
const DELAY_MS_MAX = 3_600_000

/**
 * @param order `{ service, mode, kind?, delayMs? }`
 * @returns all behaviours with the one ordered
 * @throws {TypeError} naming what is possible
 */
export function withBehaviour(before: Behaviours, order: Readonly<Record<string, unknown>>): Behaviours {
  const { service } = order
  if (!isServiceName(service)) throw new TypeError(`service is one of ${Object.keys(KINDS).join(', ')}`)
  return { ...before, [service]: parseBehaviour(KINDS[service], order) }
}

function parseBehaviour(kinds: readonly string[], order: Readonly<Record<string, unknown>>): unknown {
  const { mode, kind = kinds[0], delayMs = DELAY_MS_DEFAULT } = order
  switch (mode) {
    case 'ok':
    case 'silent':
      return { mode }
    case 'late':
      if (typeof delayMs !== 'number' || !(delayMs >= 0 && delayMs <= DELAY_MS_MAX)) {
        throw new TypeError(`delayMs is a number from 0 to ${DELAY_MS_MAX}`)
      }
      return { mode, delayMs }
    case 'wrong':
      if (!kinds.some((known) => known === kind)) throw new TypeError(`kind is one of ${kinds.join(', ')}`)
      return { mode, kind }
    default:
      throw new TypeError('mode is one of ok, late, wrong, silent')
  }
}

function isServiceName(value: unknown): value is ServiceName {
  return typeof value === 'string' && Object.hasOwn(KINDS, value)
}
