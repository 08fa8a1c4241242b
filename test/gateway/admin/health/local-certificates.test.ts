/** What is told of the certificates of local systems and operators, and when. */

import t from 'tap'
import { readiness } from '../../../../gateway/admin/health/health.ts'
import { endingCounts, localCertificates, statusCounts } from '../../../../gateway/admin/health/local-certificates.ts'
import { makeMetrics } from '../../../../gateway/admin/health/metrics.ts'
import type { ShownCertificate } from '../../../../gateway/trust/local-certificates.ts'
import { HEALTHY, LIMITS, NOW } from '../healthy.ts'

const DAY_MS = 86_400_000

function shown(days: number, status: ShownCertificate['status'] = 'good'): ShownCertificate {
  return { use: 'client', sha256: 'ab'.repeat(32), validTo: NOW + days * DAY_MS, status }
}

t.test('warns 30, 14 and 3 days before the end, of the end, and of what is not good', async (t) => {
  const cases: [ShownCertificate, RegExp | undefined][] = [
    [shown(31), undefined],
    [shown(31, 'none'), undefined],
    [shown(30), /^client abababababab… ends within 30 days, on 2026-03-31$/],
    [shown(14.1), /within 30 days/],
    [shown(14), /within 14 days/],
    [shown(3.1), /within 14 days/],
    [shown(3), /within 3 days/],
    [shown(0), /within 3 days/],
    [shown(-1), /ended on 2026-02-28/],
    [shown(31, 'revoked'), /is revoked/],
    [shown(31, 'stale'), /has a revocation status that is stale/],
    [shown(31, 'unknown'), /has a revocation status that is unknown/],
  ]
  for (const [certificate, detail] of cases) {
    const local = [shown(100), certificate]
    const check = localCertificates(local, NOW)
    t.equal(check.state, detail === undefined ? 'ok' : 'warn')
    if (detail !== undefined) t.match(check.detail, detail)
    const { ready, checks } = readiness({ ...HEALTHY, local }, LIMITS, NOW)
    t.same([ready, checks.localCertificates], [true, check], 'it stays ready')
  }
})

t.test('many findings are cut, not counted out', async (t) => {
  const { detail = '' } = localCertificates(
    Array.from({ length: 9 }, () => shown(1)),
    NOW,
  )
  t.equal(detail.split('; ').length, 6)
  t.match(detail, /; and 4 more$/)
})

t.test('the metrics say the same, without naming anybody', async (t) => {
  const local = [shown(40), shown(20), shown(10, 'none'), shown(2, 'revoked'), shown(-2)]
  t.same(Object.fromEntries(endingCounts(local, NOW)), { 30: 4, 14: 3, 3: 2, 0: 1 })
  t.same(Object.fromEntries(statusCounts(local)), { good: 3, revoked: 1, stale: 0, unknown: 0, none: 1 })
  const text = await makeMetrics({ processMetrics: false }).text({ ...HEALTHY, local }, NOW)
  t.match(text, 'owl_local_certificates_ending{days="14"} 3')
  t.match(text, 'owl_local_certificates{status="revoked"} 1')
  t.notMatch(text, /abab/)
})
