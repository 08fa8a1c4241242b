/** Which gateway, by which right, for which purpose: contract §2.2 (targeting), §2.7; architecture, "OWL-Purpose". */

import type { Test } from 'tap'
import type { Call, Rig } from '../rig.ts'
import { CLIENT, CLIENT_HTTPS, DOPPEL, ECHO, OST, WEST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import { isRefused } from './fault.ts'

const RIGHTS = `${WEST}/DIENSTE/rights`
const purpose = (code: string): readonly Header[] => [['OWL-Purpose', code]]

export async function targeting(t: Test, rig: Rig): Promise<void> {
  const to = (server: string): Call => ({ headers: [['X-Road-Security-Server', server]] })

  t.test('39 the gateway that hosts the provider is taken', async (t) => {
    for (const server of [`${WEST}/gw1`, 'OWL/GOV/05000002/%67w1']) {
      const { response, seen } = await rig.exchange(to(server))

      t.equal(response.status, 200)
      t.ok(seen?.headers.some(([name, value]) => name === 'X-Road-Security-Server' && value === server))
    }
  })

  t.test('39 one that does not exist, or does not host it, is refused', async (t) => {
    for (const server of [`${WEST}/gw2`, `${OST}/gw1`, `${DOPPEL}/gw1`, `${WEST}/GW1`, 'EE/GOV/05000002/gw1']) {
      isRefused(t, await rig.exchange(to(server)), 'Server.ClientProxy.InvalidSecurityServer', server)
    }
  })

  t.test('39 it has exactly four parts', async (t) => {
    for (const server of ['', 'gw1', WEST, `${WEST}/gw1/x`, `${WEST}/`, `/${WEST}`, `${WEST}/a b`, `${WEST}/%2e%2e`]) {
      isRefused(t, await rig.exchange(to(server)), 'Client.BadRequest', server)
    }
  })
}

export async function rights(t: Test, rig: Rig): Promise<void> {
  t.test('method and path of a right, over the wire; the query takes no part', async (t) => {
    for (const [method, path] of [
      ['GET', '/v1/public/x'],
      ['GET', '/v1/public/'],
      ['GET', '/v1/public/x?/../y'],
      ['GET', '/v1/public/%C3%A4'],
      ['GET', '/v1/public/a;b=c'],
      ['GET', '/v1/files/a/b/c'],
      ['GET', '/v1/files/'],
      ['GET', '/v1/files/a//b'],
      ['POST', '/v1/public'],
      ['DELETE', '/v1/any'],
      ['GET', '/v1/star*'],
    ] as const) {
      const { response, seen } = await rig.exchange({ service: RIGHTS, method, path })

      t.equal(response.status, 200, `${method} ${path}`)
      t.equal(seen?.target, `/rights${path}`, 'judged as it is forwarded')
    }
  })

  t.test('what no right covers is denied', async (t) => {
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/'],
      ['GET', '/v1/public'],
      ['GET', '/v1/public/x/y'],
      ['GET', '/v1/public//x'],
      ['GET', '/v1//public/x'],
      ['GET', '//v1/public/x'],
      ['GET', '/v1/PUBLIC/x'],
      ['GET', '/v1/public;x/y'],
      ['GET', '/v1/secret?/v1/public/x'],
      ['POST', '/v1/public/x'],
      ['OPTIONS', '/v1/public/x'],
      ['POST', '/v1/public/'],
      ['GET', '/v1/any/x'],
      ['GET', '/v1/starry'],
      ['GET', '/v1/filesx'],
    ] as const) {
      const denied = await rig.exchange({ service: RIGHTS, method, path })
      isRefused(t, denied, 'Server.ServerProxy.AccessDenied', `${method} ${path}`)
    }
  })

  t.test('an escape is not what it stands for: judged raw, forwarded raw', async (t) => {
    const slash = await rig.exchange({ service: RIGHTS, path: '/v1/public/a%2Fb' })
    t.equal(slash.seen?.target, '/rights/v1/public/a%2Fb', '%2F is no separator: one segment')
    for (const path of ['/v1/public%2Fx', '/v1%2Fpublic/x', '/v1/%70ublic/x', '/v1/publi%63/x', '/%76%31/any']) {
      isRefused(t, await rig.exchange({ service: RIGHTS, path }), 'Server.ServerProxy.AccessDenied', path)
    }
  })

  t.test('what a server behind might resolve is refused before anything is judged', async (t) => {
    for (const path of [
      ...['/v1/public/..', '/v1/public/../secret', '/v1/public/.', '/v1/files/../secret', '/v1/files/a/./b'],
      ...[
        '/v1/files/%2e%2e/secret',
        '/v1/files/%2E./secret',
        '/v1/files/.%2e/secret',
        '/v1/files/a%2F..%2F..%2Fsecret',
      ],
      ...['/v1/files/..%2fsecret', '/v1/files/..;/secret', '/v1/files/..%3b/secret', '/v1/files/%252e%252e/secret'],
      ...[
        '/v1/files/%25252e%25252e/x',
        '/v1/files/..%3Fx',
        '/v1/files/..%23x',
        '/v1/files/a\\..\\b',
        '/v1/files/a%5Cb',
      ],
      ...[
        '/v1/files/a%00b',
        '/v1/files/a%0D%0Ab',
        '/v1/files/%',
        '/v1/files/%zz',
        '/v1/files/%C0%AE%C0%AE/x',
        '/v1/files/#x',
      ],
      ...['/..', '/../../../r1', '/%2e%2e/%2e%2e/x'],
    ]) {
      isRefused(t, await rig.exchange({ service: RIGHTS, path }), 'Client.BadRequest', path)
    }
  })

  t.test(
    'an agreement counts while it is valid, for its client, and with all its subsystems for a member',
    async (t) => {
      for (const code of ['forbidden', 'expired', 'future']) {
        const denied = await rig.exchange({ service: `${WEST}/DIENSTE/${code}` })
        isRefused(t, denied, 'Server.ServerProxy.AccessDenied', code)
      }
      for (const client of [CLIENT, CLIENT_HTTPS]) {
        const { response } = await rig.exchange({ client, at: await rig.ost.https() })
        t.equal(response.status, 200, client)
      }
      const foreign = await rig.exchange({ client: `${WEST}/TEST`, at: rig.west.http })
      isRefused(t, foreign, 'Server.ServerProxy.AccessDenied', 'the provider itself has no right by being it')
    },
  )
}

export async function purposes(t: Test, rig: Rig): Promise<void> {
  const [one, two, strict] = ['one', 'two', 'strict'].map((code) => `${WEST}/DIENSTE/${code}`) as [
    string,
    string,
    string,
  ]

  /** Purpose as the service saw it, and as both logs have it. */
  async function purposeOf(call: Call) {
    const { response, seen } = await rig.exchange(call)
    const id = response.header('x-road-request-id') ?? ''
    const [ost, west] = await Promise.all([rig.ost.records(id), rig.west.records(id)])
    const basis = JSON.parse((await rig.ost.part(ost[0]?.seq ?? 0, 'record')).toString()).basis
    return {
      status: response.status,
      seen: seen?.headers.filter(([name]) => name.toLowerCase() === 'owl-purpose').map(([, value]) => value),
      recorded: [...new Set([...ost, ...west].map((record) => record.purpose))],
      by: basis.purposeBy,
      agreement: basis.agreement?.id?.startsWith('E2E-') ?? false,
    }
  }

  t.test('the only purpose of an agreement need not be named', async (t) => {
    const expected = { status: 200, seen: ['ZWECK_A'], recorded: ['ZWECK_A'], agreement: true }

    t.same(await purposeOf({ service: one }), { ...expected, by: 'agreement' })
    t.same(await purposeOf({ service: one, headers: purpose('ZWECK_A') }), { ...expected, by: 'caller' })
  })

  t.test('of several one has to be named, and the refusal names them', async (t) => {
    const refused = isRefused(t, await rig.exchange({ service: two }), 'Client.BadRequest')
    t.match(refused.message, /OWL-Purpose.*ZWECK_A, ZWECK_B/)
    for (const code of ['ZWECK_A', 'ZWECK_B']) {
      const expected = { status: 200, seen: [code], recorded: [code], by: 'caller', agreement: true }
      t.same(await purposeOf({ service: two, headers: [['owl-PURPOSE', code]] }), expected)
    }
  })

  t.test('another purpose is not allowed, registered or not', async (t) => {
    for (const code of ['ZWECK_B', 'ZWECK_NEU', 'none', 'refusal', 'zweck_a']) {
      const refused = await rig.exchange({ service: one, headers: purpose(code) })
      isRefused(t, refused, 'Server.ServerProxy.PurposeNotAllowed', code)
    }
  })

  t.test('a purpose is one code', async (t) => {
    for (const code of ['', 'ZWECK A', 'ZWECK_A,ZWECK_B', 'x'.repeat(65), '\xe4', 'ZWECK_A;x']) {
      isRefused(t, await rig.exchange({ service: one, headers: purpose(code) }), 'Client.BadRequest', code)
    }
    const twice = await rig.exchange({ service: one, headers: [...purpose('ZWECK_A'), ...purpose('ZWECK_A')] })
    isRefused(t, twice, 'Client.BadRequest', 'twice')
  })

  t.test('a purpose can require the case and the clerk', async (t) => {
    const [issue, user]: Header[] = [
      ['X-Road-Issue', 'Az 1'],
      ['x-road-userid', 'DE1'],
    ]
    for (const headers of [[], [issue], [user], [issue, ['X-Road-UserId', '']]] as Header[][]) {
      for (const named of [[], purpose('ZWECK_STRENG')]) {
        const refused = await rig.exchange({ service: strict, headers: [...headers, ...named] })
        t.match(isRefused(t, refused, 'Client.BadRequest').message, /requires X-Road-/)
      }
    }
    const { response, seen } = await rig.exchange({ service: strict, headers: [issue, user] as Header[] })
    t.equal(response.status, 200)
    t.same(
      seen?.headers.filter(([, value]) => value === 'Az 1' || value === 'DE1'),
      [issue, user],
    )
  })

  t.test('where none is asked for, none is needed, and any that exists may be named', async (t) => {
    t.match(await purposeOf({ service: ECHO }), { status: 200, seen: [], recorded: ['none'], by: 'none' })
    const named = await purposeOf({ service: ECHO, headers: purpose('ZWECK_B') })
    t.match(named, { status: 200, seen: ['ZWECK_B'], recorded: ['ZWECK_B'], by: 'caller' })
    const unknown = await rig.exchange({ service: ECHO, headers: purpose('ZWECK_NEU') })
    isRefused(t, unknown, 'Server.ServerProxy.PurposeNotAllowed')
  })

  t.test('41 42 party, user and issue are in the log of both sides, in the head that was signed', async (t) => {
    const headers: Header[] = [
      ['X-Road-Represented-Party', 'COM/123'],
      ['X-Road-UserId', 'DE12345678901'],
      ['X-Road-Issue', 'Az. 33.1/2026'],
    ]
    const { response } = await rig.exchange({ headers })
    const id = response.header('x-road-request-id') ?? ''

    for (const gateway of [rig.ost, rig.west]) {
      const [request] = await gateway.records(id)
      const head = (await gateway.part(request?.seq ?? 0, 'head')).toString('latin1')
      for (const [name, value] of headers) t.ok(head.includes(`\r\n${name}:${value}\r\n`), name)
    }
  })
}
