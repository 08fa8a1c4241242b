/** The small region that is attacked: three agencies, one service, one agreement. */

import type { Agency, Region } from '../../gateway/region/owl-region.ts'
import type { Content } from '../../gateway/registry/store.ts'

export type Slug = 'paderborn' | 'delbrueck' | 'bielefeld'

/** Paderborn may call the service, Delbrück may not; both are registered. */
export const CLIENTS: Readonly<Record<Slug, string>> = {
  paderborn: 'OWL/GOV/05774032/BUERGERBUERO',
  delbrueck: 'OWL/GOV/05774020/PORTAL',
  bielefeld: 'OWL/GOV/05711000/TEST',
}
export const PROVIDER = 'OWL/GOV/05711000'
export const SERVICE = `${PROVIDER}/TEST/echo`
export const PURPOSE = 'TEST'

const agency = (slug: Slug, code: string, name: string, subsystem: string): Agency => ({
  id: `OWL/GOV/${code}`,
  code,
  name,
  slug,
  dvdv: `ags:${code}`,
  subsystems: [{ code: subsystem, name: subsystem, auth: 'http' }],
  services: [],
  systems: [],
})

export const REGION: Region = {
  instance: 'OWL',
  agencies: [
    agency('paderborn', '05774032', 'Stadt Paderborn', 'BUERGERBUERO'),
    agency('delbrueck', '05774020', 'Stadt Delbrück', 'PORTAL'),
    agency('bielefeld', '05711000', 'Stadt Bielefeld', 'TEST'),
  ],
  purposes: [
    {
      code: PURPOSE,
      title: 'Prüfung',
      legalBasis: 'keine: erfundene Daten',
      dataCategories: ['erfundene Daten'],
      bodyRetentionDays: 1,
      recordRetentionDays: 1,
      requires: [],
    },
  ],
  agreements: [],
}

/** Registers the service and lets Paderborn call it any way, for the one purpose. */
export function withService(content: Content): Content {
  const rights = [{ method: '*', path: '**', purposes: [PURPOSE] }]
  return {
    ...content,
    services: [{ id: SERVICE, title: 'Echo', type: 'REST', endpoints: [] }],
    agreements: [
      {
        id: 'TEST-1',
        client: CLIENTS.paderborn,
        service: SERVICE,
        validFrom: '2026-01-01T00:00:00.000Z',
        endpoints: rights,
      },
    ],
  }
}
