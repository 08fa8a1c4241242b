/** What agreements say of identification numbers, one change after another. */

import t from 'tap'
import type { NewAgreement } from '../../../gateway/registry/commands.ts'
import { addAgreement } from '../../../gateway/registry/commands.ts'
import type { Content } from '../../../gateway/registry/store.ts'

const RIGHT: NewAgreement = {
  client: 'OWL/GOV/05774032/BUERGERBUERO',
  service: 'OWL/GOV/05711000/TEST/echo',
  method: '*',
  path: '/a',
  purposes: [],
  validFrom: '2026-01-01T00:00:00.000Z',
}

t.test('where an identification number may be is said with the agreement, kept, and taken back', async (t) => {
  let content = { agreements: [] as const } as unknown as Content
  const agree = (wish: Partial<NewAgreement>) => {
    content = addAgreement(content, { ...RIGHT, ...wish })
    const [agreement] = content.agreements
    return { idnr: agreement?.idnr, rights: agreement?.endpoints.length }
  }

  t.same(agree({}), { idnr: undefined, rights: 1 })
  t.notOk('idnr' in (content.agreements[0] ?? {}), 'an agreement that says nothing is the same octets as ever')
  t.same(agree({ idnr: ['reply'] }), { idnr: ['reply'], rights: 1 })
  t.same(agree({ path: '/b' }), { idnr: ['reply'], rights: 2 }, 'one more right changes nothing of it')
  t.same(agree({ idnr: ['request', 'reply'] }), { idnr: ['request', 'reply'], rights: 2 })
  t.same(agree({ idnr: [] }), { idnr: undefined, rights: 2 })
  t.notOk('idnr' in (content.agreements[0] ?? {}))
})
