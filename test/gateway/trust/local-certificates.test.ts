/** Certificates of local systems and operators: their validity, and what the region's own CA says of them. */

import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { openTrustService } from '../../../certs-dev/trust-service.ts'
import type { LocalUse, Shown } from '../../../gateway/trust/local-certificates.ts'
import { openLocalCertificates } from '../../../gateway/trust/local-certificates.ts'
import { openRevocation } from '../../../gateway/trust/revocation.ts'
import { openRevocationSources } from '../../../gateway/trust/revocation-sources.ts'
import { makeSnapshot } from '../../../gateway/trust/snapshot.ts'
import { contentOf, makeRegion, removeRegion } from '../registry/region.ts'
import { certify, DAY_MS, EXTENSIONS } from './pki.ts'

t.setTimeout(120_000)

async function rig(t: Test) {
  const region = await makeRegion()
  const service = await openTrustService({ dir: region.pki })
  t.teardown(async () => {
    await service.close()
    removeRegion(region)
  })
  const { ocsp, crl } = service.urls
  const issued = new Date().toISOString()
  const snapshot = makeSnapshot({ ...contentOf(region.pki, { ocsp, crl }), version: 1, issued }, 'a'.repeat(64))
  const directory = region.path('local-certificates')
  let skewMs = 0
  const now = () => Date.now() + skewMs
  const lines: object[] = []
  const log = { info() {}, error() {}, warn: (line: object) => void lines.push(line) }
  return {
    directory,
    lines,
    now,
    pass: (ms: number) => {
      skewMs += ms
    },
    shownIn: (path: string): Shown => shownOf(readFileSync(join(region.pki, path))),
    async order(path: 'revoke' | 'behaviour', body: object) {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${service.url}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(await answer.text())
    },
    async open(listed: readonly (readonly [Shown, LocalUse])[], isWatched = true) {
      const sources = openRevocationSources({ timeoutMs: 500 })
      const revocation = await openRevocation({
        ...{ sources, directory: region.path('revocation'), log, now, random: Math.random },
      })
      const certificates = await openLocalCertificates({ directory, revocation, now, log })
      certificates.list(new Map(listed.map(([{ sha256 }, use]) => [sha256, use])))
      if (isWatched) await revocation.watch(snapshot)
      const close = async () => {
        await certificates.close()
        await revocation.close()
      }
      t.teardown(close)
      return { certificates, revocation, close, snapshot }
    },
  }
}

function shownOf(pem: Buffer | string): Shown {
  const certificate = new X509Certificate(pem)
  return { sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(), certificate }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let time = 0; time < 500 && !isSo(); time++) await sleep(20)
}

const CLIENT = 'members/paderborn/operator.pem'
const OPERATOR = 'members/bielefeld/operator.pem'

t.test('holds within its validity, to the last second, whoever signed it', async (t) => {
  const { open, pass, now } = await rig(t)
  const extensions = EXTENSIONS.client
  const [from, to] = [now() - 1000, now() + 60_000].map((at) => new Date(Math.floor(at / 1000) * 1000))
  const own = await certify(
    { subject: { CN: 'a system' }, extensions, notBefore: from as Date, notAfter: to as Date },
    undefined,
  )
  const early = await certify({ subject: { CN: 'early' }, extensions, notBefore: new Date(now() + DAY_MS) }, undefined)
  const [shown, notYet] = [own, early].map(({ parsed }) => shownOf(parsed.x509.toString())) as [Shown, Shown]
  const { certificates } = await open([
    [shown, 'client'],
    [notYet, 'client'],
  ])

  t.equal(certificates.flawOf(shown), undefined)
  t.equal(certificates.flawOf(notYet), 'not valid yet')
  t.same(
    certificates.shown(now()).map(({ use, validTo, status }) => [use, validTo, status]),
    [
      ['client', to?.getTime(), 'none'],
      ['client', notYet.certificate.validToDate.getTime(), 'none'],
    ],
    'there is nobody to ask about one that signed itself',
  )
  pass((to as Date).getTime() - now() - 500)
  t.equal(certificates.flawOf(shown), undefined)
  pass(2000)
  t.equal(certificates.flawOf(shown), 'expired')
})

t.test('one that the CA of the region has revoked is refused from when that is heard', async (t) => {
  const { open, order, shownIn, now } = await rig(t)
  const [client, operator] = [shownIn(CLIENT), shownIn(OPERATOR)]
  const { certificates, revocation } = await open([
    [client, 'client'],
    [operator, 'operator'],
  ])
  const statuses = () => certificates.shown(now()).map(({ use, status }) => `${use} ${status}`)
  t.same(statuses(), [], 'none was shown')
  const before = revocation.health(now())

  t.equal(certificates.flawOf(client), undefined, 'nobody waits for an answer')
  t.equal(certificates.flawOf(operator), undefined)
  await until(() => !statuses().some((each) => each.endsWith('none')))
  t.same(statuses(), ['client good', 'operator good'])
  t.same(revocation.health(now()), before, 'it is none of the configuration')
  await order('revoke', { cert: CLIENT })
  await revocation.refreshNow()

  t.equal(certificates.flawOf(client), 'revoked')
  t.equal(certificates.flawOf(operator), undefined)
  t.same(statuses(), ['client revoked', 'operator good'])
})

t.test('what was revoked stays so after a start, before anybody is asked or shows anything', async (t) => {
  const { open, order, shownIn, directory } = await rig(t)
  const client = shownIn(CLIENT)
  const first = await open([[client, 'client']])
  first.certificates.flawOf(client)
  await order('revoke', { cert: CLIENT })
  await first.revocation.refreshNow([client.sha256])
  await until(() => first.certificates.flawOf(client) === 'revoked')
  await first.close()
  t.same(readdirSync(directory), [`${client.sha256}.crt`])
  writeFileSync(join(directory, `${'0'.repeat(64)}.crt`), 'damaged')
  await order('behaviour', { service: 'ocsp', mode: 'silent' })
  await order('behaviour', { service: 'crl', mode: 'silent' })

  const second = await open([[client, 'client']], false)
  void second.revocation.watch(second.snapshot)
  await until(() => second.certificates.flawOf(client) === 'revoked')
  t.equal(second.certificates.flawOf(client), 'revoked')
})

t.test('a status that is old or was never to be had refuses nobody, and is told', async (t) => {
  const { open, order, shownIn, now, pass } = await rig(t)
  const [client, operator] = [shownIn(CLIENT), shownIn(OPERATOR)]
  const { certificates, revocation } = await open([
    [client, 'client'],
    [operator, 'operator'],
  ])
  certificates.flawOf(client)
  await until(() => certificates.shown(now())[0]?.status === 'good')
  await order('behaviour', { service: 'ocsp', mode: 'wrong', kind: 'try-later' })
  await order('behaviour', { service: 'crl', mode: 'wrong', kind: 'garbage' })
  certificates.flawOf(operator)
  await until(() => certificates.shown(now())[1]?.status === 'unknown')
  pass(2 * 3_600_000)
  await revocation.refreshNow()

  t.same(
    certificates.shown(now()).map(({ status }) => status),
    ['stale', 'unknown'],
  )
  t.equal(certificates.flawOf(client), undefined)
  t.equal(certificates.flawOf(operator), undefined)
})

t.test('who is listed no more is forgotten, on disk too', async (t) => {
  const { open, shownIn, directory, now } = await rig(t)
  const [client, operator] = [shownIn(CLIENT), shownIn(OPERATOR)]
  const { certificates } = await open([
    [client, 'client'],
    [operator, 'operator'],
  ])
  certificates.flawOf(client)
  certificates.flawOf(operator)
  await certificates.close()
  t.equal(readdirSync(directory).length, 2)

  certificates.list(new Map([[operator.sha256, 'operator']]))
  await certificates.close()
  t.same(readdirSync(directory), [`${operator.sha256}.crt`])
  t.same(
    certificates.shown(now()).map(({ sha256 }) => sha256),
    [operator.sha256],
  )
})
