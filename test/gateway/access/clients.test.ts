/** Who may speak for a subsystem. Contract §4.1 rows 6–7. */

import t from 'tap'
import { localClients } from '../../../gateway/access/clients.ts'

const [listed, other] = ['aa'.repeat(32), 'bb'.repeat(32)]
const clients = localClients([
  { id: 'O/G/1/MTLS', auth: 'mtls', certificates: [listed] },
  { id: 'O/G/1/HTTPS', auth: 'https', certificates: [] },
  { id: 'O/G/1/HTTP', auth: 'http', certificates: [] },
])

const cases: [id: string, connection: { secure: boolean; certificate?: string }, code: string | undefined][] = [
  ['O/G/1/MTLS', { secure: true, certificate: listed }, undefined],
  ['O/G/1/MTLS', { secure: true, certificate: other }, 'SslAuthenticationFailed'],
  ['O/G/1/MTLS', { secure: true }, 'SslAuthenticationFailed'],
  ['O/G/1/MTLS', { secure: false }, 'SslAuthenticationFailed'],
  ['O/G/1/HTTPS', { secure: true }, undefined],
  ['O/G/1/HTTPS', { secure: true, certificate: other }, undefined],
  ['O/G/1/HTTPS', { secure: false }, 'SslAuthenticationFailed'],
  ['O/G/1/HTTP', { secure: false }, undefined],
  ['O/G/1/HTTP', { secure: true }, undefined],
  ['O/G/1/NOBODY', { secure: true, certificate: listed }, 'UnknownMember'],
  ['O/G/1', { secure: true, certificate: listed }, 'UnknownMember'],
]
for (const [id, connection, code] of cases) {
  const { secure, certificate } = connection
  const how = `${secure ? 'HTTPS' : 'HTTP'} and ${certificate === undefined ? 'no' : certificate === listed ? 'the listed' : 'another'} certificate`
  t.test(`${id} with ${how}: ${code ?? 'admitted'}`, async (t) => {
    if (code === undefined) t.doesNotThrow(() => clients.admit(id, connection))
    else t.throws(() => clients.admit(id, connection), { code })
  })
}
