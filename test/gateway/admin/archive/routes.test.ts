/** `POST /log/archives`, and `owl log archive run` that asks it: a gateway that runs archives itself, for its operators. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer as createNetServer } from 'node:net'
import { join } from 'node:path'
import type { FastifyError } from 'fastify'
import type { Test } from 'tap'
import t from 'tap'
import { Agent, request } from 'undici'
import { archiveRoutes } from '../../../../gateway/admin/archive/routes.ts'
import { admission } from '../../../../gateway/admin/operators.ts'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import { GatewayError } from '../../../../gateway/errors.ts'
import { mutualTls } from '../../../../gateway/http/mutual-tls.ts'
import { createServer } from '../../../../gateway/http/server.ts'
import { makeLogger } from '../../../../gateway/logging.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { addBatch, DAY_MS } from '../../message-log/archive/archive-rig.ts'
import { openTrustRig } from '../../message-log/trust-rig.ts'
import { owl } from '../../owl.ts'
import { badRequest } from '../../server-rig.ts'
import type { Material } from '../../tls-material.ts'
import { makeAuthority } from '../../tls-material.ts'
import { makeConfigRig } from '../config-rig.ts'

t.setTimeout(120_000)

const { fileOf } = await makeConfigRig(t)
const operator = await (await makeAuthority('operators')).issue('operator')
const stranger = await (await makeAuthority('operators')).issue('operator')

/** A gateway's log and admin port, with batches of 40, 35 and 0 days ago. */
async function running(t: Test) {
  const port = await freePort()
  const file = await fileOf({ port })
  const config = await loadConfig(file)
  const trust = await openTrustRig()
  let daysAgo = 40
  const log = await openMessageLog({
    ...logPlace(config),
    gateway: config.gateway,
    retention: () => ({ bodyRetentionDays: 300, recordRetentionDays: 1095 }),
    authorities: () => trust.authorities,
    now: () => Date.now() - daysAgo * DAY_MS,
    timeStamps: { offsetMsMax: 100 * DAY_MS },
  })
  for (const ago of [40, 35, 0]) {
    daysAgo = ago
    await addBatch(log, config.directory, ago + 1)
  }
  const fingerprint = new X509Certificate(operator.cert).fingerprint256.replaceAll(':', '').toLowerCase()
  const [key, cert] = await Promise.all([readFile(config.admin.key), readFile(config.admin.certificate)])
  let told = ''
  const app = createServer({
    tls: { key, cert, ca: operator.cert, minVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: false },
    badRequest,
    logger: makeLogger({ level: 'info', destination: { write: (line: string) => void (told += line) } }),
  })
  await app.register(mutualTls, {})
  app.addHook(
    'onRequest',
    admission({ operators: () => [fingerprint], certificates: { flawOf: () => undefined }, log: { warn: () => {} } }),
  )
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const isOurs = error instanceof GatewayError && error.code === 'BadRequest'
    return reply.code(isOurs ? 400 : (error.statusCode ?? 500)).send({ message: error.message })
  })
  await app.register(archiveRoutes, {
    ...{ archiving: log, log: app.log },
    refuse: (reply, status, message) => reply.code(status).send({ message }),
  })
  await app.listen({ host: '127.0.0.1', port })
  const agents: Agent[] = []
  t.teardown(async () => {
    for (const agent of agents) await agent.destroy()
    await app.close()
    await log.close()
    await trust.close()
  })
  const files = async (who: Material, name: string): Promise<string[]> => {
    const [cert, key] = [join(config.directory, `${name}.pem`), join(config.directory, `${name}.key`)] as const
    await Promise.all([writeFile(cert, who.cert), writeFile(key, who.key)])
    return ['--cert', cert, '--key', key]
  }
  return {
    config,
    log,
    fingerprint,
    told: () => told,
    run: async (who: Material, ...args: string[]) =>
      owl(
        'log',
        'archive',
        'run',
        ...args,
        '--config',
        file,
        ...(await files(who, who === operator ? 'own' : 'other')),
      ),
    async post(body: string, who: Material | null = operator) {
      const shown = who === null ? {} : { cert: who.cert, key: who.key }
      const agent = new Agent({ connect: { ...shown, rejectUnauthorized: false } })
      agents.push(agent)
      const headers = { 'content-type': 'application/json' }
      const url = `https://127.0.0.1:${port}/log/archives`
      const answer = await request(url, { dispatcher: agent, method: 'POST', headers, body })
      return { status: answer.statusCode, text: await answer.body.text() }
    },
    async verdict() {
      const reader = openLogReader(logPlace(config))
      try {
        return await verifyLog(reader, { anchors: trust.authorities })
      } finally {
        reader.close()
      }
    },
  }
}

t.test('a running gateway archives for its operator, and goes on', async (t) => {
  const { config, log, fingerprint, told, run, verdict } = await running(t)

  const done = await run(operator, '--after-days', '38')
  t.match(done, { code: 0, out: /^\d{4}-\d\d-\d\d\.[0-9a-f]{64}\.owlarchive {2}records 1 to \d+, \d+ octets\n$/ })
  const rest = await run(operator, '--json')
  t.match(JSON.parse(rest.out), { directory: logPlace(config).archive, files: [{ isWhole: true }] })
  t.match(await run(operator), { code: 0, out: '', err: 'Nothing is old enough.\n' })
  t.match(log.health(), { isWritable: true, archive: { files: 2, missing: [] } })
  await addBatch(log, config.directory, 99)
  t.match(await verdict(), { isWhole: true, damage: null })
  t.match(told(), new RegExp(`"certificate":"${fingerprint}"`))
})

t.test('archives for nobody else, and takes no other order', async (t) => {
  const { log, run, post } = await running(t)

  t.match(await run(stranger), { code: 1, err: /does not know this operator certificate/ })
  t.equal((await post('{}', null)).status, 403)
  for (const body of [
    ...['', '[]', 'null', '7', '{', '{"afterDays":-1}', '{"afterDays":"7"}', '{"afterDays":0.5}', '{"afterDays":1e9}'],
    ...['{"canary":1}', '{"afterDays":7,"canary":1}', '{"__proto__":{}}', `{"afterDays":${'7'.repeat(2000)}}`],
  ]) {
    const { status, text } = await post(body)
    t.ok(status >= 400 && status < 500, body.slice(0, 40))
    t.notMatch(text, /canary/)
  }
  t.match(log.health(), { archive: { files: 0 } }, 'nothing was archived')
})

t.test('says what keeps it from going on', async (t) => {
  const { config, log, post, run } = await running(t)
  const { archive } = logPlace(config)
  t.equal((await post('{"afterDays":38}')).status, 200)
  await rename(archive, `${archive}.away`)

  const { code, err } = await run(operator)

  t.equal(code, 1)
  t.match(err, /is not in .*: nothing more goes there/)
  await rm(archive, { recursive: true, force: true })
  await rename(`${archive}.away`, archive)
  t.equal((await run(operator)).code, 0, 'and goes on when it is back')
  t.match(log.health(), { archive: { files: 2 } })
})

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
