/** What cannot be registered, whoever tries: contract §2.1 (charset), cases 61 and 65. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { addService } from '../../../gateway/registry/commands.ts'
import type { Content } from '../../../gateway/registry/store.ts'
import { openRegistry } from '../../../gateway/registry/store.ts'
import type { Rig } from '../rig.ts'
import { WEST } from '../rig-region.ts'
import { isRefused } from './fault.ts'

const CLI = join(import.meta.dirname, '../../../gateway/commands/owl.ts')

export async function registration(t: Test, rig: Rig): Promise<void> {
  const { directory } = rig.federation.registry
  const change = (edit: (content: Content) => Content): void => {
    const store = openRegistry(directory)
    try {
      store.change(Date.now(), edit)
    } finally {
      store.close()
    }
  }

  t.test('65 an identifier with other characters, or escaped in another way, is refused', async (t) => {
    for (const code of [
      'a_b',
      'a b',
      'a%20b',
      'a%5Fb',
      'gr\xfc\xdfe',
      'gr%c3%bc%c3%9fe',
      '%61bc',
      'a:b',
      'a@b',
      '..',
      '%2E%2E',
      'a%00',
    ]) {
      t.throws(() => change((content) => addService(content, { id: `${WEST}/DIENSTE/${code}` })), code)
    }
    const { response } = await rig.exchange({ service: `${WEST}/DIENSTE/listMethods` })
    t.notMatch(response.body.toString(), /a_b|a b|abc/)
  })

  t.test('65 the command says what an identifier is', async (t) => {
    const file = join(rig.directory, 'federation.json')
    for (const id of [`${WEST}/DIENSTE/a_b`, `${WEST}/DIENSTE/a b`]) {
      const args = [CLI, 'registry', 'service', 'add', id, '--url', rig.service.url, '--federation', file]
      const refused = await promisify(execFile)(process.execPath, args).catch((error) => error)
      t.match(refused, { code: 2, stderr: /identifier of 5 parts/ })
    }
  })

  t.test(
    '61 a service is of type REST or OPENAPI: nothing else is registered, and each is asked as what it is',
    async (t) => {
      for (const type of ['WSDL', 'SOAP', 'rest', '']) {
        const id = `${WEST}/DIENSTE/soap`
        t.throws(() => change((content) => addService(content, { id, type: type as 'REST' })), type)
      }
      const call = { service: `${WEST}/DIENSTE/getOpenAPI`, path: '?serviceCode=rights' }
      isRefused(t, await rig.exchange(call), 'Server.ServerProxy.ServiceType')
    },
  )
}
