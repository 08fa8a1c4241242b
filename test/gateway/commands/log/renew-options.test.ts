/** `owl log renew` beside a writer that is at work. */

import { createPrivateKey, hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CompactSign } from 'jose'
import t from 'tap'
import { openTrustService } from '../../../../certs-dev/trust-service.ts'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openConfigurationStore } from '../../../../gateway/trust/configuration-store.ts'
import { CONFIGURATION } from '../../../../gateway/trust/signed-document.ts'
import { makeConfigRig } from '../../admin/config-rig.ts'
import { requestRecord } from '../../message-log/messages.ts'
import { judge } from '../../message-log/renewal/renewal-rig.ts'
import { owl, startOwl } from '../../owl.ts'
import { derOf } from '../../protocol/openssl-authority.ts'
import { makeRegion, removeRegion } from '../../registry/region.ts'

t.setTimeout(120_000)

const { fileOf, pki } = await makeConfigRig(t)
const file = await fileOf()
const configured = ['--config', file]
const config = await loadConfig(file)
const trust = await openTrustService({ dir: pki })
t.teardown(trust.close)
const der = async (name: string): Promise<string> =>
  derOf(await readFile(join(pki, `${name}.pem`), 'utf8')).toString('base64')
const { tsa: url, tsaCrl: crl } = trust.urls
const authorities = [{ url, certificate: await der('tsa'), ca: await der('tsa-ca'), crl }]
const place = logPlace(config)
const log = await openMessageLog({
  ...place,
  gateway: config.gateway,
  retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
  authorities: () => authorities,
  now: Date.now,
})
t.teardown(() => log.close())

t.test('says when there is nothing', async (t) => {
  const { code, out, err } = await owl('log', 'renew', ...configured, '--dry-run')

  t.equal(code, 0)
  t.match(out, /nothing is time-stamped yet/)
  t.match(err, /nothing to renew/)
})

t.test('asks for a configuration that names authorities', async (t) => {
  await Promise.all(Array.from({ length: 5 }, () => log.append(requestRecord())))
  await log.stampNow()
  const { code, err } = await owl('log', 'renew', ...configured)

  t.equal(code, 1)
  t.match(err, /no global configuration yet/)
})

t.test('shows what it would do, and then does it', async (t) => {
  await keepConfiguration()
  const dry = await owl('log', 'renew', ...configured, '--hash', 'sha512', '--dry-run', '--json')
  t.equal(dry.code, 0)
  const { tokensUntil, ...plan } = JSON.parse(dry.out)
  t.same(plan, {
    plan: [{ kind: 'hash-tree', digest: 'sha512', firstBatch: 1, lastBatch: 1, firstSeq: 1, lastSeq: 6, leaves: 6 }],
    digests: ['sha256'],
    isUnfinished: false,
  })
  t.ok(Date.parse(tokensUntil) > Date.now())

  const { code, out, err } = await owl('log', 'renew', ...configured)
  t.equal(code, 0, err)
  t.match(out, /renewed {2}time-stamps of batches 1 to 1, sha256: 1 leaves\n.*Time-stamped.*\n.*Holds until/)
  const again = await owl('log', 'renew', ...configured, '--hash', 'sha512', '--json')
  t.match(JSON.parse(again.out), {
    renewed: [{ kind: 'hash-tree', digest: 'sha512', leaves: 6, erased: 0, damaged: [], until: tokensUntil }],
  })

  const reader = openLogReader(place)
  t.teardown(() => reader.close())
  const judging = { reader, directory: config.directory, caFile: join(pki, 'ca.pem') }
  t.same((await judge(judging, 3)).stamps, ['sha256 4', 'sha256 1', 'sha512 4'])
  await log.append(requestRecord())
  t.equal(log.health().isWritable, true, 'the writer has noticed nothing')
})

t.test('is stopped by a signal, and misused', async (t) => {
  const order = JSON.stringify({ service: 'tsa', mode: 'silent' })
  const headers = { 'content-type': 'application/json' }
  await fetch(`${trust.urls.control}/behaviour`, { method: 'POST', headers, body: order })
  const running = startOwl('log', 'renew', ...configured)
  setTimeout(() => running.child.kill('SIGTERM'), 1500)
  t.not((await running.ended).code, 0)

  t.equal((await owl('log', 'renew', ...configured, '--hash', 'md5')).code, 2)
  t.equal((await owl('log', 'renew')).code, 2)
})

/** As the gateway keeps it, signed by the key that its configuration names. */
async function keepConfiguration(): Promise<void> {
  const region = await makeRegion()
  const content = { ...region.content, authorities: { ...region.content.authorities, tsa: authorities } }
  await removeRegion(region)
  const octets = Buffer.from(JSON.stringify({ ...content, version: 7, issued: new Date().toISOString() }))
  const key = createPrivateKey(await readFile(join(pki, 'registry/signing.key')))
  const jws = await new CompactSign(octets).setProtectedHeader({ alg: 'ES256', typ: CONFIGURATION }).sign(key)
  const store = await openConfigurationStore(join(config.directory, 'configuration'))
  await store.keep({ version: 7, sha256: hash('sha256', octets, 'hex') }, jws, jws)
}
