/** `owl registry` against a running region: what is added works when the command returns. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import type { Test } from 'tap'
import t from 'tap'
import { makeClient } from '../../../../certs-dev/make.ts'
import { registerRegistryCommands } from '../../../../gateway/commands/registry/registry.ts'
import { formatOutcome } from '../../../../gateway/commands/registry/text.ts'
import { entryFaults } from '../../../../gateway/config/faults.ts'
import { openRegistryServer } from '../../../../gateway/registry/main.ts'
import { initRegistry, openRegistry } from '../../../../gateway/registry/store.ts'
import { MEMBERS, makeRegion, removeRegion } from '../../registry/region.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(90_000)

const ECHO = 'OWL/GOV/05711000/TEST/echo'
const CLIENT = 'OWL/GOV/05774032/BUERGERBUERO'

interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Registry and, for each member, a process that behaves as a gateway does towards these commands. */
async function rig(t: Test, running = true) {
  const region = await makeRegion()
  const pki = (path: string) => `${region.pki}/${path}`
  const directory = region.path('registry')
  initRegistry(directory, region.content, Date.now())
  const tls = { key: pki('registry/server.key'), certificate: pki('registry/server.chain.pem') }
  const server = await openRegistryServer({
    directory,
    ...tls,
    signingKey: pki('registry/signing.key'),
    logLevel: 'silent',
  })
  const processes: ReturnType<typeof spawn>[] = []
  t.teardown(async () => {
    for (const process of processes) process.kill('SIGKILL')
    await server.close()
    removeRegion(region)
  })

  const gateways = await Promise.all(
    MEMBERS.map(async ({ id, name, slug, subsystems }) => {
      const config = region.path(`${slug}.json`)
      mkdirSync(region.path(slug))
      const own = {
        directory: region.path(slug),
        registry: {
          url: server.url,
          ca: pki('ca.pem'),
          anchor: pki('registry/anchor.jwk.json'),
          anchorSha256: readFileSync(pki('registry/anchor.sha256'), 'utf8').trim(),
        },
        admin: { key: pki(`members/${slug}/gw1/local.key`), certificate: pki(`members/${slug}/gw1/local.chain.pem`) },
        services: [],
        networksAllowed: ['127.0.0.0/8'],
        clients: subsystems.map((code) => ({ id: `${id}/${code}`, auth: 'mtls', certificates: [] })),
      }
      writeFileSync(config, JSON.stringify(own), { mode: 0o600 })
      const started = running ? await start(config) : { pid: null, port: 1 }
      return {
        member: id,
        name,
        pid: started.pid,
        admin: `https://127.0.0.1:${started.port}`,
        config,
        clients: {},
        operator: { cert: pki(`members/${slug}/operator.pem`), key: pki(`members/${slug}/operator.key`) },
      }
    }),
  )
  const federation = region.path('federation.json')
  const trust = { ca: pki('ca.pem'), directory: region.pki }
  writeFileSync(federation, JSON.stringify({ registry: { url: server.url, directory }, trust, gateways }))

  async function start(config: string) {
    const process_ = spawn(process.execPath, [`${import.meta.dirname}/admin-port.ts`, config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    processes.push(process_)
    const [line] = (await once(process_.stdout, 'data')) as [Buffer]
    return { pid: process_.pid ?? null, port: (JSON.parse(line.toString()) as { port: number }).port }
  }

  async function owl(...args: readonly string[]): Promise<Run> {
    const lines = { out: [] as string[], err: [] as string[] }
    const program = new Command().exitOverride().configureOutput({ writeErr: (text) => lines.err.push(text) })
    registerRegistryCommands(program, {
      makeClient,
      entryFaults,
      print: (line) => lines.out.push(line),
      complain: (line) => lines.err.push(line),
    })
    quiet(program, (text) => lines.err.push(text))
    const before = process.exitCode
    process.exitCode = 0
    await program.parseAsync(['registry', ...args, '--federation', federation], { from: 'user' }).catch((error) => {
      lines.err.push(String(error))
      process.exitCode = 2
    })
    const code = Number(process.exitCode)
    process.exitCode = before ?? 0
    return { code, out: lines.out.join('\n'), err: lines.err.join('\n') }
  }

  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
  const current = () => {
    const store = openRegistry(directory)
    const { configuration } = store.current()
    store.close()
    return configuration
  }
  return { owl, current, gateways, federation, read, directory, region, processes }
}

function quiet(command: Command, writeErr: (text: string) => void): void {
  for (const sub of command.commands) {
    sub.exitOverride().configureOutput({ writeErr })
    quiet(sub, writeErr)
  }
}

t.test('a service is registered, answered and callable when the command returns', async (t) => {
  const { owl, current, gateways, read, federation } = await rig(t)
  const [, bielefeld] = gateways

  const started = performance.now()
  const added = await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9000', '--json')
  const purpose = await owl('purpose', 'add', 'TEST', '--legal-basis', '§ 3 BDSG', '--requires', 'issue')
  const asked = ['--client', CLIENT, '--service', ECHO, '--purpose', 'TEST', '--allow-idnr', 'reply', '--json']
  const agreed = await owl('agreement', 'add', ...asked)
  const elapsed = performance.now() - started

  t.same([added.code, purpose.code, agreed.code], [0, 0, 0], added.err + purpose.err + agreed.err)
  t.ok(elapsed < 5000, `${elapsed.toFixed()} ms`)
  const outcome = JSON.parse(added.out)
  t.same(outcome.gateways, [{ member: 'OWL/GOV/05711000', state: 'taken-up' }])
  t.same(
    JSON.parse(agreed.out).gateways.map(({ state }: { state: string }) => state),
    ['taken-up', 'taken-up'],
    'both parties have the agreement',
  )
  const { services, members, purposes, agreements, gateways: registered } = current()
  t.match(
    services.find(({ id }) => id === ECHO),
    { type: 'REST', endpoints: [{ method: '*', path: '**' }] },
  )
  t.ok(members[1]?.subsystems.some(({ code }) => code === 'TEST'))
  t.ok(registered[1]?.subsystems.includes('OWL/GOV/05711000/TEST'))
  t.match(purposes.at(-1), { code: 'TEST', legalBasis: '§ 3 BDSG', requires: ['issue'], title: 'TEST' })
  t.match(agreements.at(-1)?.endpoints, [{ method: '*', path: '**', purposes: ['TEST'] }])
  t.same(agreements.at(-1)?.idnr, ['reply'])
  const own = read(bielefeld?.config ?? '')
  t.same(own.services, [{ id: ECHO, url: 'http://127.0.0.1:9000', bodyBytesMax: 2 ** 31 }])
  t.match(own.clients.at(-1), { id: 'OWL/GOV/05711000/TEST', auth: 'mtls', certificates: [/^[0-9a-f]{64}$/] })
  const announced = read(federation).gateways[1].clients['OWL/GOV/05711000/TEST']
  t.match(readFileSync(announced.cert, 'utf8'), /BEGIN CERTIFICATE/)
  t.match(readFileSync(announced.key, 'utf8'), /BEGIN PRIVATE KEY/)
  t.equal(outcome.client.cert, announced.cert)
})

t.test('given twice, a command changes nothing; with another address, the new one holds', async (t) => {
  const { owl, current, gateways, read } = await rig(t)
  const config = gateways[1]?.config ?? ''
  await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9000')
  await owl('agreement', 'add', '--client', CLIENT, '--service', ECHO, '--method', 'GET', '--path', '/v1/*')
  const { version } = current()

  const again = await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9000')
  const agreedAgain = await owl(
    'agreement',
    'add',
    '--client',
    CLIENT,
    '--service',
    ECHO,
    '--method',
    'GET',
    '--path',
    '/v1/*',
  )

  t.same([again.code, agreedAgain.code], [0, 0])
  t.equal(current().version, version)
  const moved = await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9001')
  t.equal(moved.code, 0)
  t.equal(current().version, version, 'the region need not know where it is answered')
  t.equal(read(config).services.length, 1)
  t.equal(read(config).services[0].url, 'http://127.0.0.1:9001')
  await owl('agreement', 'add', '--client', CLIENT, '--service', ECHO, '--method', 'POST', '--path', '/v1/*')
  t.same(
    current()
      .agreements.at(-1)
      ?.endpoints.map(({ method }) => method),
    ['GET', 'POST'],
    'one more right',
  )
})

t.test('an adapter gets its address as option, and local systems authenticate as said', async (t) => {
  const { owl, gateways, read } = await rig(t)

  const { code, err } = await owl(
    ...[
      'service',
      'add',
      ECHO,
      '--adapter',
      'paderborn/melderegister/personensuche',
      '--url',
      'http://127.0.0.1:9000',
      '--client-auth',
      'http',
    ],
    ...[
      '--timeout-ms',
      '5000',
      '--body-bytes-max',
      '1000',
      '--title',
      'Echo',
      '--endpoint',
      'POST /v1',
      '--endpoint',
      'get /v1/*',
    ],
  )

  t.equal(code, 0, err)
  const own = read(gateways[1]?.config ?? '')
  t.same(own.services, [
    {
      id: ECHO,
      adapter: 'paderborn/melderegister/personensuche',
      options: { url: 'http://127.0.0.1:9000' },
      timeoutMs: 5000,
      bodyBytesMax: 1000,
    },
  ])
  t.match(own.clients.at(-1), { id: 'OWL/GOV/05711000/TEST', auth: 'http' })
})

const UNUSABLE: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'outside networksAllowed': [['--url', 'http://10.0.0.1:9000'], /networksAllowed/],
  'a query': [['--url', 'http://127.0.0.1:9000/?a=1'], /query/],
  'a fragment': [['--url', 'http://127.0.0.1:9000/#a'], /fragment/],
  'a user': [['--url', 'http://anna@127.0.0.1:9000'], /user name/],
  'an adapter that does not exist': [['--adapter', 'a/b/c'], /there is no adapter/],
  'an adapter without its options': [['--adapter', 'paderborn/melderegister/personensuche'], /url/],
  'no time at all': [['--url', 'http://127.0.0.1:9000', '--timeout-ms', '0'], /timeoutMs/],
  'a title without a letter': [['--url', 'http://127.0.0.1:9000', '--title', ''], /title/],
}

t.test('what registry or gateway would refuse is refused before anything is written', async (t) => {
  const { owl, current, gateways, federation, region } = await rig(t, false)
  const config = gateways[1]?.config ?? ''
  const files = (): string[] => [config, federation].map((file) => readFileSync(file, 'utf8'))
  const before = {
    version: current().version,
    files: files(),
    made: readdirSync(region.path('pki'), { recursive: true }),
  }

  for (const [name, [args, reason]] of Object.entries(UNUSABLE)) {
    const { code, err } = await owl('service', 'add', ECHO, ...args)

    t.equal(code, 1, name)
    t.match(err, reason, name)
    t.same(
      { version: current().version, files: files(), made: readdirSync(region.path('pki'), { recursive: true }) },
      before,
      name,
    )
  }
  t.match((await owl('service', 'add', ECHO, '--url', 'http://10.0.0.1:9000')).err, /services OWL.*echo: its url/)
})

t.test('what is wrong with another service is no concern of this one', async (t) => {
  const { owl, gateways, read } = await rig(t, false)
  const config = gateways[1]?.config ?? ''
  const other = { id: 'OWL/GOV/05711000/TEST/other', url: 'http://10.0.0.1:9000' }
  writeFileSync(config, JSON.stringify({ ...read(config), services: [other] }))

  const { code, err } = await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9000')

  t.equal(code, 0, err)
  t.match(read(config).services, [other, { id: ECHO }])
})

t.test('limits of a service are published, since the gateway of whoever calls has to keep to them', async (t) => {
  const { owl, current, gateways, read } = await rig(t, false)
  const config = gateways[1]?.config ?? ''
  const published = () => current().services.find(({ id }) => id === ECHO)
  const own = () => read(config).services[0]

  await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9000')
  t.match([published(), own()], [{ bodyBytesMax: 2 ** 31 }, { bodyBytesMax: 2 ** 31 }])

  await owl(...['service', 'add', ECHO, '--url', 'http://127.0.0.1:9000', '--body-bytes-max', '20000000'])
  await owl(...['service', 'add', ECHO, '--url', 'http://127.0.0.1:9000', '--timeout-ms', '200000'])
  const limits = { bodyBytesMax: 20_000_000, timeoutMs: 200_000 }
  t.match([published(), own()], [limits, limits], 'what is not given stays')
})

t.test('what was added can be removed, but not from under an agreement', async (t) => {
  const { owl, current, gateways, read } = await rig(t)
  await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9000')
  await owl('agreement', 'add', '--client', CLIENT, '--service', ECHO, '--id', 'A-1')

  const early = await owl('service', 'remove', ECHO)
  const closed = await owl('service', 'disable', ECHO, '--notice', 'Wartung')
  t.equal(current().services.at(-1)?.disabledNotice, 'Wartung')
  const open = await owl('service', 'enable', ECHO)
  const agreement = await owl('agreement', 'remove', 'A-1')
  const service = await owl('service', 'remove', ECHO)

  t.equal(early.code, 1)
  t.match(early.err, /A-1/)
  t.same([closed.code, open.code, agreement.code, service.code], [0, 0, 0, 0])
  t.notOk(current().services.some(({ id }) => id === ECHO))
  t.same(read(gateways[1]?.config ?? '').services, [])
})

t.test('commands at the same time do not lose each other', async (t) => {
  const { owl, current, gateways, read } = await rig(t)

  const codes = ['a', 'b', 'c', 'd']
  const runs = await Promise.all(
    codes.map((code) =>
      owl('service', 'add', `OWL/GOV/05711000/TEST/${code}`, '--url', `http://127.0.0.1:900${code.length}`),
    ),
  )

  t.same(
    runs.map(({ code }) => code),
    [0, 0, 0, 0],
    runs.map(({ err }) => err).join(),
  )
  t.equal(current().services.length, 5)
  t.equal(read(gateways[1]?.config ?? '').services.length, 4)
})

t.test('says which gateway does not run, and does the rest', async (t) => {
  const { owl, current } = await rig(t, false)

  const { code, out } = await owl('service', 'add', ECHO, '--url', 'http://127.0.0.1:9000')

  t.equal(code, 0)
  t.match(out, /does not run/)
  t.ok(current().services.some(({ id }) => id === ECHO))
})

t.test('changes a registry alone, and shows it', async (t) => {
  const { owl, directory, gateways, read, current } = await rig(t)
  const before = current().version

  const added = await owl('subsystem', 'add', 'OWL/GOV/05711000/KFZ', '--name', 'Kfz', '--registry', directory)
  const service = await owl('service', 'add', 'OWL/GOV/05711000/KFZ/x', '--registry', directory, '--json')
  const shown = await owl('show', '--registry', directory)
  const earlier = await owl('show', '--at', `${before}`, '--json')

  t.same([added.code, service.code, shown.code, earlier.code], [0, 0, 0, 0])
  t.same(JSON.parse(service.out).gateways, [])
  t.same(read(gateways[1]?.config ?? '').services, [], 'no gateway was touched')
  t.match(shown.out, /OWL\/GOV\/05711000\/KFZ\/x/)
  t.match(JSON.parse(earlier.out), { version: before })
})

const REFUSED: Record<string, [code: number, message: RegExp, args: readonly string[]]> = {
  'a service of nobody': [
    1,
    /not registered|no gateway/,
    ['service', 'add', 'OWL/GOV/1/TEST/x', '--url', 'http://127.0.0.1:1'],
  ],
  'a service answered nowhere': [1, /--url or --adapter/, ['service', 'add', ECHO]],
  'a service with four parts': [
    2,
    /5 parts/,
    ['service', 'add', 'OWL/GOV/05711000/TEST', '--url', 'http://127.0.0.1:1'],
  ],
  'an address that is none': [2, /http or https/, ['service', 'add', ECHO, '--url', 'file:///etc/passwd']],
  'an unknown way to authenticate': [
    2,
    /choices/,
    ['service', 'add', ECHO, '--url', 'http://127.0.0.1:1', '--client-auth', 'none'],
  ],
  'an agreement on nothing': [1, /not registered/, ['agreement', 'add', '--client', CLIENT, '--service', ECHO]],
  'an agreement without a client': [2, /--client/, ['agreement', 'add', '--service', ECHO]],
  'an unknown purpose': [
    1,
    /purpose NONE/,
    ['agreement', 'add', '--client', CLIENT, '--service', 'OWL/GOV/05711000/MELDEWESEN/vams', '--purpose', 'NONE'],
  ],
  'a purpose in use': [1, /MELDE_VAMS is not registered/, ['purpose', 'remove', 'MELDE_VAMS']],
  'the purpose of refusals': [1, /cannot be/, ['purpose', 'add', 'refusal']],
  'a subsystem twice': [1, /already/, ['subsystem', 'add', 'OWL/GOV/05711000/MELDEWESEN']],
  'a version that never was': [1, /never published/, ['show', '--at', '1']],
}

t.test('an authority is listed, and one more registered from files', async (t) => {
  const { owl, current, region } = await rig(t)
  const before = current().version
  const urls = ['--url', 'http://127.0.0.1:9/tsa', '--crl', 'http://127.0.0.1:9/crl']
  const tsa = ['--certificate', `${region.pki}/tsa.pem`, '--ca', `${region.pki}/tsa-ca.pem`]

  const list = await owl('authority', 'list')
  const again = await owl('authority', 'add', 'time-stamp', ...urls, ...tsa)
  const last = await owl('authority', 'remove', /[0-9a-f]{64}(?= {2}time-stamps)/.exec(list.out)?.[0] ?? '')
  const none = await owl('authority', 'remove', 'tsa.pem')

  t.match(list.out, /issues certificates, until \d{4}-\d\d-\d\d \(\d+ days left\)/)
  t.match(
    [again, last, none],
    [
      { code: 1, err: /registered already/ },
      { code: 1, err: /last time-stamp authority/ },
      { code: 2, err: /SHA-256 in hex/ },
    ],
  )
  t.equal(JSON.parse((await owl('authority', 'list', '--json')).out).length, 2)
  t.equal(current().version, before, 'nothing was changed')
})

t.test('refuses what cannot be, and changes nothing', async (t) => {
  const { owl, current } = await rig(t)
  const before = current().version
  for (const [name, [code, message, args]] of Object.entries(REFUSED)) {
    const run = await owl(...args)
    t.equal(run.code, code, `${name}: ${run.err}`)
    t.match(run.err, message, name)
    t.equal(run.out, '', name)
  }
  t.equal(current().version, before)
})

t.test('registers members and gateways by certificates that fit, and no others', async (t) => {
  const { owl, current, region, directory } = await rig(t)
  const pki = (path: string) => `${region.pki}/${path}`
  const [paderborn, bielefeld] = MEMBERS
  const store = openRegistry(directory)
  const without = (id = '') => ({
    members: region.content.members.filter((member) => member.id !== id),
    gateways: region.content.gateways.filter((gateway) => !gateway.id.startsWith(id)),
  })
  store.change(Date.now(), (content) => ({ ...content, ...without(paderborn?.id), agreements: [] }))
  store.close()
  const files = { seal: pki('members/paderborn/seal.pem'), wrong: pki('members/bielefeld/seal.pem') }

  const foreign = await owl('member', 'add', 'OWL/GOV/05774032', '--name', 'Stadt Paderborn', '--seal', files.wrong)
  const named = await owl('member', 'add', 'OWL/GOV/05774032', '--name', 'Paderborn', '--seal', files.seal)
  const member = await owl('member', 'add', 'OWL/GOV/05774032', '--name', 'Stadt Paderborn', '--seal', files.seal)
  const server = ['--address', 'https://127.0.0.1:7150', '--server', pki('members/paderborn/gw1/peer-server.pem')]
  const swapped = await owl(
    'gateway',
    'add',
    'OWL/GOV/05774032/gw1',
    ...server,
    '--client',
    pki('members/paderborn/gw1/peer-server.pem'),
  )
  const gateway = await owl(
    'gateway',
    'add',
    'OWL/GOV/05774032/gw1',
    ...server,
    '--client',
    pki('members/paderborn/gw1/peer-client.pem'),
  )

  t.same([foreign.code, named.code, member.code, swapped.code, gateway.code], [1, 1, 0, 1, 0])
  t.match(foreign.err, /name/)
  t.match(named.err, /name/)
  t.match(swapped.err, /extended-key-usage/)
  t.equal(current().gateways.length, 2)
  t.equal(bielefeld?.id, current().members[0]?.id)
})

t.test('of a gateway that does not take a change up, people read where to look for the reason', (t) => {
  const gateways = [{ member: 'OWL/GOV/05711000', state: 'late', config: 'var/bielefeld.json' }] as const

  const text = formatOutcome({ version: 7, sha256: '', gateways })

  t.match(text, /has not taken it up within 15 s; why: npx owl gateway check --config var\/bielefeld\.json$/)
  t.end()
})
