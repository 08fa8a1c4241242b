/** Who may speak for a subsystem. Contract §4.1 rows 6–7. */

import t from 'tap'
import { localClients } from '../../../gateway/access/clients.ts'
import type { LocalFlaw, Shown } from '../../../gateway/trust/local-certificates.ts'
import { certify, EXTENSIONS } from '../trust/pki.ts'

const [listed, other, flawed] = await Promise.all([shown('listed'), shown('other'), shown('flawed')])
const flaws = new Map<string, LocalFlaw>()
const asked: string[] = []
const clients = localClients(
  [
    { id: 'O/G/1/MTLS', auth: 'mtls', certificates: [listed.sha256, flawed.sha256] },
    { id: 'O/G/1/HTTPS', auth: 'https', certificates: [] },
    { id: 'O/G/1/HTTP', auth: 'http', certificates: [] },
  ],
  {
    flawOf: ({ sha256 }) => {
      asked.push(sha256)
      return flaws.get(sha256)
    },
  },
)

async function shown(CN: string): Promise<Shown> {
  const { x509, sha256 } = (await certify({ subject: { CN }, extensions: EXTENSIONS.client }, undefined)).parsed
  return { sha256, certificate: x509 }
}

const cases: [id: string, connection: { secure: boolean; peer?: Shown }, code: string | undefined][] = [
  ['O/G/1/MTLS', { secure: true, peer: listed }, undefined],
  ['O/G/1/MTLS', { secure: true, peer: other }, 'SslAuthenticationFailed'],
  ['O/G/1/MTLS', { secure: true }, 'SslAuthenticationFailed'],
  ['O/G/1/MTLS', { secure: false }, 'SslAuthenticationFailed'],
  ['O/G/1/HTTPS', { secure: true }, undefined],
  ['O/G/1/HTTPS', { secure: true, peer: other }, undefined],
  ['O/G/1/HTTPS', { secure: false }, 'SslAuthenticationFailed'],
  ['O/G/1/HTTP', { secure: false }, undefined],
  ['O/G/1/HTTP', { secure: true }, undefined],
  ['O/G/1/NOBODY', { secure: true, peer: listed }, 'UnknownMember'],
  ['O/G/1', { secure: true, peer: listed }, 'UnknownMember'],
]
for (const [id, connection, code] of cases) {
  const { secure, peer } = connection
  const how = `${secure ? 'HTTPS' : 'HTTP'} and ${peer === undefined ? 'no' : peer === listed ? 'the listed' : 'another'} certificate`
  t.test(`${id} with ${how}: ${code ?? 'admitted'}`, async (t) => {
    if (code === undefined) t.doesNotThrow(() => clients.admit(id, connection))
    else t.throws(() => clients.admit(id, connection), { code })
  })
}

t.test('a listed certificate that does not hold now is refused, saying why', async (t) => {
  for (const flaw of ['expired', 'not valid yet', 'revoked'] as const) {
    flaws.set(flawed.sha256, flaw)
    t.throws(() => clients.admit('O/G/1/MTLS', { secure: true, peer: flawed }), {
      code: 'SslAuthenticationFailed',
      message: new RegExp(`the TLS certificate is ${flaw}`),
    })
  }
  flaws.clear()
  t.doesNotThrow(() => clients.admit('O/G/1/MTLS', { secure: true, peer: flawed }), 'and well again')
})

t.test('nobody is asked about certificates that are not listed, or prove nothing here', async (t) => {
  asked.length = 0
  t.throws(() => clients.admit('O/G/1/MTLS', { secure: true, peer: other }))
  clients.admit('O/G/1/HTTPS', { secure: true, peer: other })
  t.same(asked, [])
})
