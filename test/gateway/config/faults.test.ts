/** What `gateway check` accepts, `gateway start` starts; and the other way round. */

import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Config } from '../../../gateway/config/config.ts'
import { loadConfig } from '../../../gateway/config/config.ts'
import { configFaults, faultText } from '../../../gateway/config/faults.ts'
import { openGateway } from '../../../gateway/deps.ts'
import { makeLogger } from '../../../gateway/logging.ts'
import { DELBRUECK } from '../../certs-dev/rig.ts'
import { makeConfigRig } from '../admin/config-rig.ts'

t.setTimeout(120_000)

const rig = await makeConfigRig(t)
const home = t.testdir({ empty: '', text: 'nothing of use', secret: 'geheim' })
const at = (name: string): string => join(home, name)
const id = (code: string): string => `${DELBRUECK.id}/GEWERBE/${code}`
const member = (name: string): string => join(rig.pki, 'members/delbrueck', name)
const log = makeLogger({ level: 'silent' })

type Json = Record<string, unknown>
/** Changes a sound configuration. */
type Mutation = (config: Json) => Json

const service = (more: Json, networksAllowed: readonly string[] = ['127.0.0.0/8', '::1/128']): Mutation => {
  return (config) => ({
    ...config,
    networksAllowed,
    services: [...((config['services'] as Json[] | undefined) ?? []), { id: id('one'), ...more }],
  })
}
const inside = (part: string, more: Json): Mutation => {
  return (config) => ({ ...config, [part]: { ...(config[part] as Json), ...more } })
}
const adapter = (options: Json) => service({ adapter: 'bielefeld/melderegister/vams', options })
const register = { url: 'http://127.0.0.1:9', clientId: 'a' }
const local = { key: member('gw1/local.key'), certificate: member('gw1/local.pem') }

const SOUND: Readonly<Record<string, Mutation>> = {
  nothing: (config) => config,
  'a service by address': service({ url: 'http://127.0.0.1:9/base' }),
  'a service by IPv6 address': service({ url: 'https://[::1]:9/', ca: join(rig.pki, 'ca.pem') }),
  'a service by name': service({ url: 'http://localhost:9' }),
  'a service whose own certificate is pinned': service({ url: 'https://127.0.0.1:9', ca: local.certificate }),
  'a service by adapter': adapter({ ...register, clientSecretFile: at('secret') }),
  'two services': (config) =>
    service({ id: id('two'), url: 'http://127.0.0.1:9' })(service({ url: 'http://127.0.0.1:9' })(config)),
  'a directory that is not there yet': (config) => ({
    ...config,
    directory: join(String(config['directory']), 'a/b/c'),
  }),
  'an archive elsewhere': inside('log', { archive: at('archive/new') }),
  'a client': (config) => ({ ...config, clients: [{ id: `${DELBRUECK.id}/PORTAL`, auth: 'http' }] }),
}

const BROKEN: Readonly<Record<string, readonly [Mutation, RegExp]>> = {
  'outside networksAllowed': [service({ url: 'http://10.1.2.3:9' }), /services .*\/one: .*outside networksAllowed/],
  'outside by IPv6': [service({ url: 'http://[2001:db8::1]:9' }), /outside networksAllowed/],
  'outside in another spelling': [service({ url: 'http://0xa010203:9' }), /outside networksAllowed/],
  'localhost where loopback is not allowed': [service({ url: 'http://localhost:9' }, ['10.0.0.0/8']), /outside/],
  'no network at all': [service({ url: 'http://register.example:9' }, []), /outside networksAllowed/],
  'a query': [service({ url: 'http://127.0.0.1:9/?a=1' }), /query/],
  'a fragment': [service({ url: 'http://127.0.0.1:9/#a' }), /fragment/],
  'a user': [service({ url: 'http://anna@127.0.0.1:9' }), /user name or a password/],
  'a password alone': [service({ url: 'http://:geheim@127.0.0.1:9' }), /user name or a password/],
  'a port that cannot be': [service({ url: 'http://127.0.0.1:99999' }), /not a URL/],
  'port 0': [service({ url: 'http://127.0.0.1:0' }), /port 0/],
  'no host': [service({ url: 'http://' }), /not a URL/],
  'a ca that is missing': [service({ url: 'https://127.0.0.1:9', ca: at('nowhere') }), /nowhere is not there/],
  'a ca that is empty': [service({ url: 'https://127.0.0.1:9', ca: at('empty') }), /holds no certificate/],
  'a ca that is text': [service({ url: 'https://127.0.0.1:9', ca: at('text') }), /holds no certificate/],
  'a ca that is a folder': [service({ url: 'https://127.0.0.1:9', ca: home }), /is a directory/],
  'a ca that is a key': [service({ url: 'https://127.0.0.1:9', ca: local.key }), /holds no certificate/],
  'an adapter that does not exist': [service({ adapter: 'a/b/c' }), /there is no adapter a\/b\/c/],
  'an adapter that objects have': [service({ adapter: '__proto__' }), /there is no adapter/],
  'an option that is missing': [adapter({ url: 'http://127.0.0.1:9' }), /clientId/],
  'a clientSecretFile that is missing': [adapter({ ...register, clientSecretFile: at('nowhere') }), /clientSecretFile/],
  'a clientSecretFile that is empty': [adapter({ ...register, clientSecretFile: at('empty') }), /clientSecretFile/],
  'the same service twice': [
    (config) => service({ url: 'http://127.0.0.1:9' })(service({ url: 'http://127.0.0.1:8' })(config)),
    /services .*\/one: it is there twice/,
  ],
  'a service of four parts': [service({ id: `${DELBRUECK.id}/GEWERBE`, url: 'http://127.0.0.1:9' }), /five parts/],
  'the same client twice': [
    (config) => ({
      ...config,
      clients: [
        { id: `${DELBRUECK.id}/PORTAL`, auth: 'http' },
        { id: `${DELBRUECK.id}/PORTAL`, auth: 'mtls' },
      ],
    }),
    /clients .*PORTAL: it is there twice/,
  ],
  ...Object.fromEntries(
    ['10.0.0.0', '10.0.0.0/33', '::1/129', '10.0.0/8', '/8', '10.0.0.0/8/8', 'register.example/24', ''].map((block) => [
      `the block ${JSON.stringify(block)}`,
      [(config: Json) => ({ ...config, networksAllowed: ['10.0.0.0/8', block] }), /networksAllowed\[1\]/] as const,
    ]),
  ),
  'a port of 99999': [inside('consumer', { port: 99_999 }), /consumer\/port/],
  'one port for two': [
    (config) => inside('admin', { port: 7 })(inside('provider', { port: 7 })(config)),
    /port 7 is that of provider/,
  ],
  'the plain port as another': [inside('consumer', { port: 7, httpPort: 7 }), /port 7 is that of consumer/],
  'a host in brackets': [inside('admin', { host: '[::1]' }), /host/],
  'a key of another certificate': [
    inside('admin', { ...local, key: member('seal.key') }),
    /belongs to another certificate/,
  ],
  'a peer key of another certificate': [
    inside('provider', { client: { ...local, key: member('seal.key') } }),
    /provider\.client.*another certificate/,
  ],
  'a seal that is missing': [inside('seal', { key: at('nowhere') }), /seal: .*nowhere is not there/],
  'a certificate for a key': [inside('consumer', { ...local, key: local.certificate }), /no private key/],
  'a key for a certificate': [inside('consumer', { ...local, certificate: local.key }), /no certificate/],
  'no CA of the registry': [inside('registry', { ca: at('nowhere') }), /registry\.ca/],
  'an empty CA of the registry': [inside('registry', { ca: at('empty') }), /registry\.ca/],
  'a registry with a user': [inside('registry', { url: 'https://anna@127.0.0.1:1' }), /registry\.url/],
  'another anchor': [inside('registry', { anchorSha256: 'A'.repeat(43) }), /registry\.anchor/],
  'an anchor that is text': [inside('registry', { anchor: at('text') }), /registry\.anchor/],
  'no master key': [inside('log', { masterKey: at('nowhere') }), /master key/],
  'a master key of another length': [inside('log', { masterKey: at('secret') }), /not 32 octets/],
  'a directory that is a file': [(config) => ({ ...config, directory: at('text') }), /is no directory/],
  'an archive below a file': [inside('log', { archive: join(at('text'), 'archive') }), /is no directory/],
  'a gateway of five parts': [(config) => ({ ...config, gateway: `${DELBRUECK.id}/GEWERBE/gw1` }), /four parts/],
  'a member nobody knows': [(config) => ({ ...config, unknown: 1 }), /additional properties/],
}

async function fileWith(mutations: readonly Mutation[]): Promise<string> {
  const file = await rig.fileOf()
  const sound = (await loadConfig(file)) as unknown as Json
  const { log: _, ...plain } = JSON.parse(JSON.stringify(sound)) as Json
  const directory = dirname(file)
  const base: Json = { ...plain, log: { masterKey: join(directory, 'master.key'), keyStore: join(directory, 'keys') } }
  await writeFile(file, JSON.stringify(mutations.reduce((config, mutate) => mutate(config), base)))
  return file
}

/** As `gateway check` does. */
async function check(file: string): Promise<string | undefined> {
  try {
    const faults = await configFaults(await loadConfig(file))
    return faults.length === 0 ? undefined : faults.map(faultText).join('; ')
  } catch (error) {
    return (error as Error).message
  }
}

/** As `gateway start` does. */
async function start(file: string): Promise<string | undefined> {
  try {
    const gateway = await openGateway(await loadConfig(file), log)
    await gateway.close()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

t.test(
  'what cannot be used is told by member, service and reason, in one line and without what files hold',
  async (t) => {
    for (const [name, [mutate, expected]] of Object.entries(BROKEN)) {
      const told = await check(await fileWith([mutate]))
      t.match(told, expected, name)
      t.notMatch(told ?? '', /\n|nothing of use|geheim|anna|BEGIN/, `${name}: ${told}`)
    }
  },
)

t.test('what can be used has no faults, and looking leaves nothing behind', async (t) => {
  for (const [name, mutate] of Object.entries(SOUND)) t.equal(await check(await fileWith([mutate])), undefined, name)
})

t.test('what the check accepts starts, and what it refuses does not, for the same reason', async (t) => {
  const all = [...Object.values(SOUND), ...Object.values(BROKEN).map(([mutate]) => mutate)]
  await fc.assert(
    fc.asyncProperty(
      // Sound ones as often as broken ones.
      fc.array(fc.oneof(fc.constantFrom(...Object.values(SOUND)), fc.constantFrom(...all)), {
        minLength: 1,
        maxLength: 2,
      }),
      async (mutations) => {
        const file = await fileWith(mutations)
        t.equal(await start(file), await check(file))
      },
    ),
    { numRuns: 25 },
  )
})

t.test('the log that is there belongs to the configuration, or the other way round', async (t) => {
  const file = await fileWith([])
  t.equal(await start(file), undefined)
  t.equal(await check(file), undefined, 'it may go on')

  const before = JSON.parse(JSON.stringify(await loadConfig(file))) as Config
  await writeFile(file, JSON.stringify({ ...before, gateway: `${DELBRUECK.id}/gw2` }))
  t.match(await check(file), /that of another gateway/)
  t.equal(await start(file), await check(file))
})
