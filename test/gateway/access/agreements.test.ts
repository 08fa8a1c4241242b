/** Who may call what for which purpose: at the consumer a look ahead, at the provider the judgement. */

import t from 'tap'
import type { Rights } from '../../../gateway/access/agreements.ts'
import {
  checkAge,
  choosePurpose,
  permissionOnRecord,
  permit,
  permittedEndpoints,
} from '../../../gateway/access/agreements.ts'
import { parseCall } from '../../../gateway/protocol/call.ts'
import type { Agreement, Purpose } from '../../../gateway/trust/configuration.ts'

const now = Date.parse('2026-11-23T12:00:00Z')

function callTo(path: string, extra: string[] = [], method = 'POST', service = 'vams') {
  return parseCall({
    method,
    target: `/r1/OWL/GOV/05711000/MELDEWESEN/${service}${path}`,
    rawHeaders: ['X-Road-Client', 'OWL/GOV/05774032/BUERGERBUERO', ...extra],
  })
}

function purpose(code: string, more: Partial<Purpose> = {}): Purpose {
  return {
    code,
    title: code,
    legalBasis: '§',
    dataCategories: [],
    bodyRetentionDays: 1,
    recordRetentionDays: 1,
    requires: [],
    ...more,
  }
}

function rightsOf(endpoints: Agreement['endpoints'], more: Partial<Agreement> = {}): Rights {
  const agreement: Agreement = {
    id: 'A1',
    client: 'OWL/GOV/05774032/BUERGERBUERO',
    service: 'OWL/GOV/05711000/MELDEWESEN/vams',
    validFrom: '2026-01-01T00:00:00Z',
    endpoints,
    ...more,
  }
  const purposes = new Map(
    [
      purpose('MOVE'),
      purpose('OTHER'),
      purpose('CASE', { requires: ['issue', 'userId'] }),
      purpose('FRESH', { maxStalenessS: 60 }),
    ].map((p) => [p.code, p]),
  )
  const registered = {
    agreement,
    reference: 'A1;digest',
    validFromAt: Date.parse(agreement.validFrom),
    validUntilAt: Date.parse(agreement.validUntil ?? '9999-12-31T00:00:00Z'),
  }
  return {
    agreementsOf: ({ service, client }) =>
      service === agreement.service && client === agreement.client ? [registered] : [],
    purpose: (code) => purposes.get(code),
  }
}

t.test('a purpose that the agreement lists is permitted', async (t) => {
  const rights = rightsOf([{ method: 'POST', path: '/v1', purposes: ['MOVE', 'OTHER'] }])

  t.same(permit(rights, callTo('/v1'), 'MOVE', now), { agreement: 'A1;digest', purpose: 'MOVE', purposeBy: 'caller' })
})

const denied: Record<
  string,
  {
    endpoints?: Agreement['endpoints']
    more?: Partial<Agreement>
    path?: string
    method?: string
    service?: string
    purpose?: string
    extra?: string[]
    code: string
  }
> = {
  'another path': { path: '/v2', code: 'AccessDenied' },
  'a longer path': { path: '/v1/x', code: 'AccessDenied' },
  'another method': { method: 'GET', code: 'AccessDenied' },
  'another service': { service: 'rueckmeldung', code: 'AccessDenied' },
  'an encoded path that reads the same': { path: '/%761', code: 'AccessDenied' },
  'an agreement that is over': { more: { validUntil: '2026-11-23T12:00:00Z' }, code: 'AccessDenied' },
  'an agreement that has not begun': { more: { validFrom: '2026-11-23T12:00:01Z' }, code: 'AccessDenied' },
  'an agreement that begins on no day': { more: { validFrom: '2026-13-01T00:00:00Z' }, code: 'AccessDenied' },
  'an agreement that ends on no day': { more: { validUntil: '2026-13-01T00:00:00Z' }, code: 'AccessDenied' },
  'an agreement without rights': { endpoints: [], code: 'AccessDenied' },
  'another purpose': { purpose: 'OTHER', code: 'PurposeNotAllowed' },
  'no purpose': { purpose: 'none', code: 'PurposeNotAllowed' },
  'a purpose that is not in the catalogue': {
    endpoints: [{ method: '*', path: '**', purposes: ['GONE'] }],
    purpose: 'GONE',
    code: 'PurposeNotAllowed',
  },
  'a purpose whose headers are missing': {
    endpoints: [{ method: '*', path: '**', purposes: ['CASE'] }],
    purpose: 'CASE',
    extra: ['X-Road-Issue', '1'],
    code: 'PurposeNotAllowed',
  },
}
for (const [name, row] of Object.entries(denied)) {
  t.test(`denies ${name}`, async (t) => {
    const rights = rightsOf(row.endpoints ?? [{ method: 'POST', path: '/v1', purposes: ['MOVE'] }], row.more)

    t.throws(
      () => permit(rights, callTo(row.path ?? '/v1', row.extra, row.method, row.service), row.purpose ?? 'MOVE', now),
      { code: row.code },
    )
  })
}

t.test('an endpoint without purposes may be called with none, or with any that exists', async (t) => {
  const rights = rightsOf([{ method: '*', path: '**', purposes: [] }])

  t.equal(permit(rights, callTo('/v1'), 'none', now).purpose, 'none')
  t.equal(permit(rights, callTo('/v1'), 'MOVE', now).purpose, 'MOVE')
  t.throws(() => permit(rights, callTo('/v1'), 'GONE', now), { code: 'PurposeNotAllowed' })
})

t.test('metaservices need no agreement', async (t) => {
  const rights = rightsOf([])

  t.equal(permit(rights, callTo('', [], 'GET', 'listMethods'), 'none', now).agreement, 'none')
})

t.test('the consumer sets the purpose where the agreement names just one', async (t) => {
  const rights = rightsOf([{ method: 'POST', path: '/v1', purposes: ['MOVE'] }])

  t.same(choosePurpose(rights, callTo('/v1'), undefined, now), {
    agreement: 'A1;digest',
    purpose: 'MOVE',
    purposeBy: 'agreement',
  })
})

t.test('the consumer asks which, where there are several, and names them', async (t) => {
  const rights = rightsOf([{ method: 'POST', path: '/v1', purposes: ['MOVE', 'OTHER'] }])

  t.throws(() => choosePurpose(rights, callTo('/v1'), undefined, now), { code: 'BadRequest', message: /MOVE, OTHER/ })
  t.equal(choosePurpose(rights, callTo('/v1'), 'OTHER', now).purposeBy, 'caller')
})

t.test('the consumer asks for the headers that a purpose requires', async (t) => {
  const rights = rightsOf([{ method: 'POST', path: '/v1', purposes: ['CASE'] }])

  t.throws(() => choosePurpose(rights, callTo('/v1'), undefined, now), { code: 'BadRequest', message: /X-Road-Issue/ })
  t.throws(() => choosePurpose(rights, callTo('/v1', ['X-Road-Issue', '1']), 'CASE', now), {
    code: 'BadRequest',
    message: /X-Road-UserId/,
  })
  t.equal(
    choosePurpose(rights, callTo('/v1', ['X-Road-Issue', '1', 'X-Road-UserId', 'DE1']), undefined, now).purpose,
    'CASE',
  )
})

t.test('the consumer lets the provider judge what it knows nothing of', async (t) => {
  t.same(choosePurpose(rightsOf([]), callTo('/v1'), undefined, now), {
    agreement: 'none',
    purpose: 'none',
    purposeBy: 'none',
  })
  t.same(choosePurpose(rightsOf([]), callTo('/v1'), 'MOVE', now), {
    agreement: 'none',
    purpose: 'MOVE',
    purposeBy: 'caller',
  })
})

t.test('what is kept is kept under a purpose of the catalogue, or as a refusal', async (t) => {
  const rights = rightsOf([{ method: '*', path: '**', purposes: ['MOVE'] }])
  for (const named of ['MOVE', 'OTHER', 'none', undefined]) {
    const chosen = choosePurpose(rights, callTo('/v1'), named, now)
    t.equal(permissionOnRecord(rights, chosen), chosen, named ?? 'by the agreement')
  }
  for (const named of ['move', 'MOVE ', 'INVENTED', 'refusal', 'constructor', '__proto__']) {
    t.same(permissionOnRecord(rights, choosePurpose(rights, callTo('/v1'), named, now)), {
      agreement: 'A1;digest',
      purpose: 'refusal',
      purposeBy: 'none',
    })
  }
})

t.test('a purpose can demand a fresh configuration', async (t) => {
  checkAge(rightsOf([]), 'MOVE', Number.POSITIVE_INFINITY)
  checkAge(rightsOf([]), 'FRESH', 60_000)
  t.throws(() => checkAge(rightsOf([]), 'FRESH', 60_001), { code: 'OutdatedGlobalConf' })
})

t.test('what a client may call is what a service offers, as narrow as its rights', async (t) => {
  for (const [right, offered, permitted] of [
    ['POST /v1', 'POST /v1', 'POST /v1'],
    ['POST /v1', 'GET /v1', undefined],
    ['POST /v1', '* /v1', 'POST /v1'],
    ['* /v1', 'GET /v1', 'GET /v1'],
    ['* **', 'GET /v1/*', 'GET /v1/*'],
    ['GET **', 'POST /v1', undefined],
    ['GET /v1/*', '* **', 'GET /v1/*'],
    ['GET /v1/*', 'GET /v1/**', 'GET /v1/*'],
    ['GET /v1/**', 'GET /v1/*', 'GET /v1/*'],
    ['GET /v1/*', 'GET /v1/a/b', undefined],
    ['GET /v1/*', 'GET /v2/*', undefined],
  ] as const) {
    const [method = '', path = ''] = right.split(' ')
    const [offeredMethod = '', offeredPath = ''] = offered.split(' ')
    const rights = rightsOf([{ method, path, purposes: ['MOVE'] }])
    const endpoints = [{ method: offeredMethod, path: offeredPath }]

    const both = permittedEndpoints(rights, callTo('/v1'), endpoints, now).map((it) => `${it.method} ${it.path}`)

    t.same(both, permitted === undefined ? [] : [permitted], `${right} of ${offered}`)
    t.same(permittedEndpoints(rights, callTo('/v1'), [], now), [{ method, path }], 'nothing named: the right')
  }
  const over = rightsOf([{ method: '*', path: '**', purposes: [] }], { validUntil: '2026-11-23T12:00:00Z' })
  t.same(permittedEndpoints(over, callTo('/v1'), [], now), [])
})
