/** Evidence that was renewed, as it is exported: time-stamps, hash trees, bodies that are gone. */

import t from 'tap'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import { formatContainer } from '../../../gateway/evidence/container.ts'
import { EVIDENCE_RECORD_NAME } from '../../../gateway/evidence/manifest.ts'
import { renew } from '../message-log/renewal/renewal-rig.ts'
import { erVerified, octetsOf, unzipped } from './outside-tools.ts'
import { filesIn, openVerifyRig, repacked, timeOf, withVerdict } from './verify-rig.ts'

// Each renewal waits for the next second.
t.setTimeout(120_000)

t.test('renewals hold, and er_verify.py says the same', async (t) => {
  const { rig, verify } = await openVerifyRig(t)
  const authorities = rig.snapshot.configuration.authorities.tsa
  const exported = async (seq: number): Promise<Buffer> =>
    octetsOf(formatContainer(await openPackages(rig.reader).read(seq)))
  const seq = rig.configurationSeq + 1

  for (const [wish, form] of [
    [{}, 'SHA-256, renewed 1×'],
    [{ hash: 'sha512' as const }, 'SHA-256, SHA-512, renewed 2×'],
    [{}, 'SHA-256, SHA-512, renewed 3×'],
  ] as const) {
    await renew(rig.logRig.options, authorities, wish)
    const octets = await exported(seq)
    const verified = verify(octets, { at: Date.now() + 1000 })
    t.same(withVerdict(verified, 'failed'), [], form)
    t.same(withVerdict(verified, 'warning').sort(), ['log-record.origin', 'signature.time'])
    t.equal(verified.checks.find(({ id }) => id === 'record.form')?.detail, form)
    t.equal(await erVerified(rig.caFile, await unzipped(rig.directory, octets)), 'VALID')
  }

  // An older container stays as good as its token: renewals are exported afresh.
  const octets = await exported(seq)
  const files = filesIn(octets)
  files.delete('message-body.json')
  const erased = verify(await repacked(files, timeOf(files)), { at: Date.now() + 1000 })
  t.same(withVerdict(erased, 'failed'), [])
  t.same(withVerdict(erased, 'warning').sort(), ['body', 'log-record.origin', 'record.group', 'signature.time'])

  files.set('message-body.json', Buffer.from('{}'))
  const changed = verify(await repacked(files, timeOf(files)), { at: Date.now() + 1000 })
  t.ok(withVerdict(changed, 'failed').includes('record.group'))
})

t.test('time-stamps of a qualified authority hold when made, renewed and verified', async (t) => {
  const { rig, verify } = await openVerifyRig(t)
  await rig.behave('tsa', { mode: 'wrong', kind: 'qualified' })
  await rig.behave('crl', { mode: 'wrong', kind: 'users' })
  const [request] = await rig.exchange()
  await rig.log.stampNow()
  await renew(rig.logRig.options, rig.snapshot.configuration.authorities.tsa.slice(0, 1), { hash: 'sha384' })

  const octets = await octetsOf(formatContainer(await openPackages(rig.reader).read(request.seq)))
  const verified = verify(octets, { at: Date.now() + 1000 })
  t.same(withVerdict(verified, 'failed'), [])
  t.equal(verified.checks.find(({ id }) => id === 'record.form')?.detail, 'SHA-256, SHA-384, renewed 1×')
  t.equal(verified.checks.find(({ id }) => id === 'record.revocation')?.verdict, 'ok')
  const statement = Buffer.from('0607040081975e0101', 'hex')
  const record = filesIn(octets).get(EVIDENCE_RECORD_NAME) ?? Buffer.alloc(0)
  t.equal(record.toString('latin1').split(statement.toString('latin1')).length - 1, 2, 'both tokens have the statement')
  t.equal(await erVerified(rig.caFile, await unzipped(rig.directory, octets)), 'VALID')
})
