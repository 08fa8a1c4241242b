/** Who asks, and how a local system proves that it may: contract §2.2 (X-Road-Client), §4.1 rows 5 to 7. */

import type { Test } from 'tap'
import type { Rig } from '../rig.ts'
import { pemOf } from '../rig.ts'
import { CLIENT, CLIENT_HTTPS, CLIENT_MTLS, OST, WEST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import { isRefused } from './fault.ts'

export async function identity(t: Test, rig: Rig): Promise<void> {
  t.test('4 without X-Road-Client there is nothing to judge', async (t) => {
    isRefused(t, await rig.exchange({ client: null }), 'Client.BadRequest')
    isRefused(t, await rig.exchange({ client: '' }), 'Client.BadRequest', 'an empty one')
  })

  t.test('5 the name of the header is of any case', async (t) => {
    for (const name of ['x-road-client', 'X-ROAD-CLIENT', 'x-Road-cLIENT']) {
      const { response, seen } = await rig.exchange({ client: null, headers: [[name, CLIENT]] })

      t.equal(response.header('x-road-client'), CLIENT)
      t.ok(
        seen?.headers.some(([own, value]) => own === name && value === CLIENT),
        `${name} arrives as it was sent`,
      )
    }
  })

  t.test('of several X-Road-Client the last one counts, and it alone arrives', async (t) => {
    const several: Header[] = [
      ['X-Road-Client', `${OST}/NOBODY`],
      ['x-road-client', CLIENT_MTLS],
      ['X-Road-CLIENT', CLIENT],
    ]

    const { response, seen } = await rig.exchange({ client: null, headers: several })
    const lastUnknown = await rig.exchange({ client: null, headers: several.toReversed() })

    t.equal(response.header('x-road-client'), CLIENT)
    t.same(
      seen?.headers.filter(([name]) => name.toLowerCase() === 'x-road-client'),
      [['X-Road-CLIENT', CLIENT]],
    )
    isRefused(t, lastUnknown, 'Server.ClientProxy.UnknownMember')
  })

  t.test('7 a member without a subsystem is well-formed: registration decides', async (t) => {
    isRefused(t, await rig.exchange({ client: OST }), 'Server.ClientProxy.UnknownMember')
  })

  t.test('8 two or five parts are none', async (t) => {
    for (const client of ['OWL', 'OWL/GOV', `${CLIENT}/x`, `${CLIENT}/`, `/${CLIENT}`, CLIENT.replaceAll('/', '%2F')]) {
      isRefused(t, await rig.exchange({ client }), 'Client.BadRequest', client)
    }
  })

  t.test('whoever is not a client of this gateway is unknown, registered elsewhere or not', async (t) => {
    for (const client of [`${WEST}/TEST`, `${OST}/NOBODY`, `${OST}/test`, 'OWL/GOV/05000009/TEST', 'EE/GOV/1/TEST']) {
      isRefused(t, await rig.exchange({ client }), 'Server.ClientProxy.UnknownMember', client)
    }
  })

  t.test('62 a subsystem with a certificate is believed by that alone', async (t) => {
    const [plain, bare, own, others] = [
      rig.ost.http,
      await rig.ost.https(),
      await rig.ost.https(CLIENT_MTLS),
      await rig.ost.https(CLIENT_HTTPS),
    ]
    const strangers = await pemOf(rig.federation, 'members/west/clients/DIENSTE')
    const operator = await pemOf(rig.federation, 'members/ost/operator')
    const peer = await pemOf(rig.federation, 'members/ost/gw1/peer-client')

    for (const [at, who] of [
      [plain, 'plain HTTP'],
      [bare, 'no certificate'],
      [others, 'the certificate of another subsystem'],
      [{ ...bare, tls: { ...bare.tls, ...strangers } }, 'the certificate of another agency'],
      [{ ...bare, tls: { ...bare.tls, ...operator } }, 'the certificate of an operator'],
      [{ ...bare, tls: { ...bare.tls, ...peer } }, 'the certificate of the gateway itself'],
    ] as const) {
      const refused = await rig.exchange({ client: CLIENT_MTLS, at })
      isRefused(t, refused, 'Server.ClientProxy.SslAuthenticationFailed', who)
    }
    const { response } = await rig.exchange({ client: CLIENT_MTLS, at: own })
    t.equal(response.header('x-road-client'), CLIENT_MTLS)
  })

  t.test('62 HTTPS without a certificate, and plain HTTP: each weaker form allows the stronger ones', async (t) => {
    const [bare, own, others] = [
      await rig.ost.https(),
      await rig.ost.https(CLIENT_HTTPS),
      await rig.ost.https(CLIENT_MTLS),
    ]
    const refused = await rig.exchange({ client: CLIENT_HTTPS })
    isRefused(t, refused, 'Server.ClientProxy.SslAuthenticationFailed', 'plain HTTP where HTTPS is asked for')

    for (const client of [CLIENT_HTTPS, CLIENT]) {
      for (const at of [bare, own, others]) {
        const { response } = await rig.exchange({ client, at })
        t.equal(response.header('x-road-client'), client)
      }
    }
  })

  t.test('local systems may speak TLS 1.2, and no older one', async (t) => {
    const at = await rig.ost.https(CLIENT_MTLS)

    const { response } = await rig.exchange({
      client: CLIENT_MTLS,
      at: { ...at, tls: { ...at.tls, maxVersion: 'TLSv1.2' } },
    })

    t.equal(response.status, 200)
    const old = { ...at.tls, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await t.rejects(rig.exchange({ client: CLIENT_MTLS, at: { ...at, tls: old } }))
  })
}
