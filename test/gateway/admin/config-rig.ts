/** Configurations of one gateway over a development PKI, with state of their own. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Config } from '../../../gateway/config/config.ts'
import { loadConfig } from '../../../gateway/config/config.ts'
import { copyPki } from '../../certs-dev/made-pki.ts'
import { DELBRUECK } from '../../certs-dev/rig.ts'

export interface Changes {
  readonly seal?: { readonly key: string; readonly certificate: string }
  readonly masterKey?: string
  readonly operators?: readonly string[]
  readonly services?: readonly object[]
  readonly clients?: readonly object[]
  readonly port?: number
}

export interface ConfigRig {
  /** The PKI's folder. */
  readonly pki: string
  configOf(changes?: Changes): Promise<Config>
  /** The same as a file. */
  fileOf(changes?: Changes): Promise<string>
}

export async function makeConfigRig(t: Test): Promise<ConfigRig> {
  const home = await mkdtemp(join(tmpdir(), 'owl-config-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const pki = join(home, 'pki')
  const { anchor } = await copyPki(pki, [DELBRUECK])
  let made = 0

  async function fileOf(changes: Changes = {}): Promise<string> {
    const directory = join(home, String(made++))
    const masterKey = join(directory, 'master.key')
    await mkdir(directory)
    await writeFile(masterKey, Buffer.alloc(32, 1), { mode: 0o600 })
    const pair = (name: string) => ({
      key: join(pki, 'members/delbrueck', `${name}.key`),
      certificate: join(pki, 'members/delbrueck', `${name}.pem`),
    })
    const { port = 0, seal = pair('seal'), operators = ['ab'.repeat(32)], clients = [], services = [] } = changes
    const registry = {
      url: 'https://127.0.0.1:1',
      ca: join(pki, 'ca.pem'),
      anchor: join(pki, 'registry/anchor.jwk.json'),
      anchorSha256: anchor,
    }
    const config = {
      ...{ gateway: `${DELBRUECK.id}/gw1`, directory, registry, seal, clients, services },
      consumer: { ...pair('gw1/local'), port },
      provider: { ...pair('gw1/peer-server'), port, client: pair('gw1/peer-client') },
      admin: { ...pair('gw1/local'), port, operators },
      log: { masterKey: changes.masterKey ?? masterKey },
    }
    const file = join(directory, 'gateway.json')
    await writeFile(file, JSON.stringify(config))
    return file
  }

  return { pki, fileOf, configOf: async (changes) => loadConfig(await fileOf(changes)) }
}
