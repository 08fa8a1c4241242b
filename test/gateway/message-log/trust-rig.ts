/** The development trust service with two time-stamping units, for tests of stamping. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makePki } from '../../../certs-dev/make.ts'
import { openTrustService } from '../../../certs-dev/trust-service.ts'
import type { RegisteredAuthority } from '../../../gateway/message-log/stamping/time-stamp-client.ts'
import { copyPki } from '../../certs-dev/made-pki.ts'
import { derOf } from '../protocol/openssl-authority.ts'

export interface TrustRig {
  readonly url: string
  /** Two units of one CA: `tsa`, `tsa2`. */
  readonly authorities: readonly RegisteredAuthority[]
  /** Trust anchors for openssl, PEM. */
  readonly caFile: string
  /** @param mode e.g. `{ mode: 'wrong', kind: 'nonce' }`, `{ mode: 'silent' }`, `{ mode: 'ok' }` */
  behave(service: 'tsa' | 'tsa2' | 'crl', how: Readonly<Record<string, unknown>>): Promise<void>
  revoke(path: string): Promise<void>
  close(): Promise<void>
}

const DAY_MS = 86_400_000
/** How long certificates of time-stamping units last. */
const UNIT_DAYS = 5 * 365

export interface TrustRigOptions {
  /** Of the certificate of `tsa`; that of `tsa2` is always new. */
  readonly daysLeft?: number
  readonly crlValidityMs?: number
}

export async function openTrustRig({ daysLeft, ...lists }: TrustRigOptions = {}): Promise<TrustRig> {
  const dir = await mkdtemp(join(tmpdir(), 'owl-trust-'))
  if (daysLeft !== undefined) {
    await makePki({ dir, members: [], now: () => Date.now() - (UNIT_DAYS - daysLeft) * DAY_MS })
    await rm(join(dir, 'tsa2.pem'))
    await makePki({ dir, members: [] })
  } else await copyPki(dir, [])
  const service = await openTrustService({ dir, hugeBytes: 32 * 1024 * 1024, ...lists })
  const read = async (name: string): Promise<string> =>
    derOf(await readFile(join(dir, `${name}.pem`), 'utf8')).toString('base64')
  const { tsa, tsa2, tsaCrl: crl, control } = service.urls
  const ca = await read('tsa-ca')
  const order = async (path: string, body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const reply = await fetch(`${control}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!reply.ok) throw new Error(`The trust service answered ${reply.status}: ${await reply.text()}`)
    await reply.arrayBuffer()
  }
  return {
    url: service.url,
    authorities: [
      { url: tsa, certificate: await read('tsa'), ca, crl },
      { url: tsa2, certificate: await read('tsa2'), ca, crl },
    ],
    caFile: join(dir, 'ca.pem'),
    behave: (name, how) => order('/behaviour', { service: name, ...how }),
    revoke: (path) => order('/revoke', { cert: join(dir, path) }),
    async close() {
      await service.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
