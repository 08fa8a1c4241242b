/** A small region for tests: a real PKI in a folder, and the content its registry would hold. */

import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Member } from '../../../certs-dev/members.ts'
import type { Content } from '../../../gateway/registry/store.ts'
import type { RegisteredCertificate } from '../../../gateway/trust/configuration.ts'
import { copyPki } from '../../certs-dev/made-pki.ts'

export const MEMBERS: readonly Member[] = [
  {
    code: '05774032',
    name: 'Stadt Paderborn',
    id: 'OWL/GOV/05774032',
    slug: 'paderborn',
    subsystems: ['BUERGERBUERO'],
  },
  { code: '05711000', name: 'Stadt Bielefeld', id: 'OWL/GOV/05711000', slug: 'bielefeld', subsystems: ['MELDEWESEN'] },
]

export interface TestRegion {
  readonly directory: string
  readonly pki: string
  readonly content: Content
  path(name: string): string
}

/** @param urls where trust services answer; anything when nobody asks */
export async function makeRegion(
  urls: { ocsp?: string; crl?: string; tsa?: string; tsaCrl?: string } = {},
  made?: string,
): Promise<TestRegion> {
  const directory = made ?? mkdtempSync(join(tmpdir(), 'owl-region-'))
  const pki = join(directory, 'pki')
  await copyPki(pki, MEMBERS)
  return { directory, pki, content: contentOf(pki, urls), path: (name) => join(directory, name) }
}

export function removeRegion({ directory }: TestRegion): void {
  rmSync(directory, { recursive: true })
}

export function contentOf(pki: string, urls: { ocsp?: string; crl?: string; tsa?: string; tsaCrl?: string }): Content {
  const certificate = (path: string) => registered(join(pki, path))
  const crl = urls.crl ?? 'http://127.0.0.1:1/crl'
  return {
    instance: 'OWL',
    authorities: {
      issuing: [
        { certificate: certificate('issuing.pem').certificate, ocsp: urls.ocsp ?? 'http://127.0.0.1:1/ocsp', crl },
      ],
      tsa: [
        {
          url: urls.tsa ?? 'http://127.0.0.1:1/tsa',
          certificate: certificate('tsa.pem').certificate,
          ca: certificate('tsa-ca.pem').certificate,
          crl: urls.tsaCrl ?? 'http://127.0.0.1:1/tsa-crl',
        },
      ],
    },
    members: MEMBERS.map(({ id, name, slug, subsystems }) => ({
      id,
      name,
      seals: [certificate(`members/${slug}/seal.pem`)],
      subsystems: subsystems.map((code) => ({ code, name: code })),
    })),
    gateways: MEMBERS.map(({ id, slug, subsystems }, i) => ({
      id: `${id}/gw1`,
      address: `https://127.0.0.1:${7150 + i}`,
      tls: [
        { use: 'server' as const, ...certificate(`members/${slug}/gw1/peer-server.pem`) },
        { use: 'client' as const, ...certificate(`members/${slug}/gw1/peer-client.pem`) },
      ],
      subsystems: subsystems.map((code) => `${id}/${code}`),
      logs: [`${id}/gw1/n1`],
    })),
    services: [
      {
        id: 'OWL/GOV/05711000/MELDEWESEN/vams',
        title: 'Vorausgefüllter Meldeschein',
        type: 'REST',
        endpoints: [{ method: 'POST', path: '/v1' }],
      },
    ],
    purposes: [
      {
        code: 'MELDE_VAMS',
        title: 'Anmeldung',
        legalBasis: '§ 23 BMG',
        dataCategories: ['Grunddaten'],
        bodyRetentionDays: 30,
        recordRetentionDays: 365,
        requires: ['issue'],
      },
    ],
    agreements: [
      {
        id: 'OWL-2026-001',
        client: 'OWL/GOV/05774032/BUERGERBUERO',
        service: 'OWL/GOV/05711000/MELDEWESEN/vams',
        validFrom: '2026-01-01T00:00:00.000Z',
        endpoints: [{ method: 'POST', path: '/v1', purposes: ['MELDE_VAMS'] }],
      },
    ],
  }
}

function registered(path: string): RegisteredCertificate {
  const { raw, fingerprint256 } = new X509Certificate(readFileSync(path))
  return { sha256: fingerprint256.replaceAll(':', '').toLowerCase(), certificate: raw.toString('base64') }
}
