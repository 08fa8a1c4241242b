/** Evidence made by somebody who has certificates of the same CAs, old answers or a stolen key: none of it is proven. */

import 'reflect-metadata'
import { KeyUsageFlags, KeyUsagesExtension } from '@peculiar/x509'
import t from 'tap'
import { openChecks } from '../../../gateway/evidence/checks.ts'
import type { RegistryState } from '../../../gateway/evidence/registry-checks.ts'
import { openRegistry } from '../../../gateway/evidence/registry-checks.ts'
import { openTrust } from '../../../gateway/evidence/trust.ts'
import type { Verified, Verifying } from '../../../gateway/evidence/verify.ts'
import { EXTENSIONS, endEntity, P384, P521, purpose, rsa, TIME_STAMPING, usage } from '../trust/pki.ts'
import type { Forgery, Span } from './forging.ts'
import { DAY_MS, MINUTE_MS, openForge } from './forging.ts'
import { withVerdict } from './verify-rig.ts'

t.setTimeout(120_000)

const forge = await openForge(t)
const { now, holders, make, seal, verify } = forge
const HOUR_MS = 60 * MINUTE_MS
const { digitalSignature, keyCertSign } = KeyUsageFlags

const around = (at: number): Span => ({ thisUpdate: at - MINUTE_MS, nextUpdate: at + HOUR_MS })
/** The certificates of the development CAs are an hour old. */
const BEFORE_CERTIFICATES: Span = { thisUpdate: now - 3 * DAY_MS, nextUpdate: now + DAY_MS }
const ENDED: Span = { thisUpdate: now - 30 * MINUTE_MS, nextUpdate: now - 20 * MINUTE_MS }

/** `[id of the check that tells, what was forged, verified at]` */
type Case = readonly [string, Partial<Forgery>, Partial<Verifying>?]

async function refused(what: string, [id, wish, other = {}]: Case): Promise<Verified> {
  const verified = verify(await make(wish), other)
  t.ok(['invalid', 'indeterminate'].includes(verified.outcome), `${what}: ${verified.outcome}`)
  const telling = verified.checks.filter(({ verdict }) => !['ok', 'warning'].includes(verdict)).map((check) => check.id)
  t.ok(telling.includes(id as (typeof telling)[number]), `${what}: ${id} of ${telling}`)
  return verified
}

t.test('what an honest gateway leaves behind is believed', async (t) => {
  const fresh = verify(await make())
  t.equal(fresh.outcome, 'valid-with-warnings')
  t.same(withVerdict(fresh, 'warning'), ['log-record.origin'], 'nobody has sealed it')
  const sealed = verify(await make({ seal: seal() }))
  t.equal(sealed.outcome, 'valid')
  const answer = { kind: 'crl', ...around(now) } as const
  t.equal(verify(await make({ seal: seal({ answer, archive: undefined }) })).outcome, 'valid', 'with a list')
})

t.test('a seal is that of the owner of the log', async (t) => {
  const nobody = await forge.holder({ subject: { O: 'Stadt Bielefeld', CN: 'x' } })
  const two = await forge.holder({ subject: { O: 'Stadt Bielefeld', '2.5.4.97': 'OWL/GOV/05711000/X', CN: 'x' } })
  for (const [what, by] of Object.entries({ stranger: holders.stranger, partner: holders.paderborn, nobody, two })) {
    const verified = await refused(what, ['seal.member', { seal: seal({ by }) }])
    t.match(verified.checks.find(({ id }) => id === 'seal.member')?.detail, /^sealed by \S+ .*not the owner/)
  }
  await refused('a log of no gateway', ['seal.member', { log: 'OWL/GOV/05711000', seal: seal() }])
  const honest = verify(await make({ seal: seal() })).checks.find(({ id }) => id === 'seal.member')
  t.equal(honest?.detail, 'sealed by OWL/GOV/05711000 (Stadt Bielefeld)')
})

t.test('an answer from before the certificate existed is none, in seal, signature and time-stamp alike', async () => {
  await refused('signature', ['signature.revocation', { ocsp: BEFORE_CERTIFICATES }])
  for (const kind of ['ocsp', 'crl'] as const) {
    await refused(kind, ['seal.revocation', { seal: seal({ answer: { kind, ...BEFORE_CERTIFICATES } }) }])
  }
  await refused('time-stamp', ['record.revocation', { list: BEFORE_CERTIFICATES }])
  await refused('time-stamp of the seal', ['seal.stamps', { seal: seal({ list: BEFORE_CERTIFICATES }) }])
})

t.test('an answer that had ended is a warning everywhere, and none after a month', async (t) => {
  const long = { at: now + 45 * DAY_MS }
  const late = now + 40 * DAY_MS
  const old = around(now)
  const cases: readonly (readonly [string, (span: Span, at: number) => Partial<Forgery>])[] = [
    ['signature.revocation', (span) => ({ ocsp: span })],
    ['record.revocation', (span) => ({ list: span })],
    [
      'seal.revocation',
      (span, at) => ({ seal: seal({ claimedAt: at, list: around(at), answer: { kind: 'ocsp', ...span } }) }),
    ],
    [
      'seal.revocation',
      (span, at) => ({ seal: seal({ claimedAt: at, list: around(at), answer: { kind: 'crl', ...span } }) }),
    ],
    [
      'seal.stamps',
      (span, at) => ({ seal: seal({ claimedAt: at, list: span, answer: { kind: 'ocsp', ...around(at) } }) }),
    ],
  ]
  for (const [id, wish] of cases) {
    const verified = verify(await make(wish(ENDED, now)))
    t.same(withVerdict(verified, 'not-proven'), [], id)
    t.ok(withVerdict(verified, 'warning').includes(id as 'seal.stamps'), id)
    const times = { claimedAt: late, provenAt: late + 1000, ocsp: around(late), list: around(late) }
    await refused(`${id} after a month`, [id, { ...times, ...wish(old, late) }, long])
  }
})

t.test('an answer from after the time that it is for was not there', async () => {
  const after = around(now + 5 * MINUTE_MS)
  await refused('signature', ['signature.revocation', { ocsp: after }])
  const archive = undefined
  await refused('seal, list', ['seal.revocation', { seal: seal({ archive, answer: { kind: 'crl', ...after } }) }])
  await refused('seal, OCSP', ['seal.revocation', { seal: seal({ archive, answer: { kind: 'ocsp', ...after } }) }])
})

t.test('a time-stamp unit is one of the profile', async (t) => {
  const { responder, seal: sealing, server, authority } = EXTENSIONS
  const withUsage = (keyUsage: KeyUsagesExtension) => [endEntity, keyUsage, EXTENSIONS.tsa[2]]
  const units = {
    'no key usage': { extensions: [endEntity, EXTENSIONS.tsa[2]] },
    'key usage of a CA': { extensions: withUsage(usage.authority) },
    'key usage of a CA as well': {
      extensions: withUsage(new KeyUsagesExtension(digitalSignature | keyCertSign, true)),
    },
    'an extended key usage that is not critical': { extensions: [endEntity, usage.signature, purpose(TIME_STAMPING)] },
    'a short RSA key': { extensions: EXTENSIONS.tsa, algorithm: rsa(2048) },
    'another curve': { extensions: EXTENSIONS.tsa, algorithm: P521 },
    'signed with SHA-1': { extensions: EXTENSIONS.tsa, digest: 'SHA-1' },
    'a responder': { extensions: responder },
    'a seal': { extensions: sealing },
    'a server': { extensions: server },
    'a CA': { extensions: authority },
    'not yet in force': { notBefore: new Date(now + HOUR_MS), notAfter: new Date(now + DAY_MS) },
  }
  for (const [what, wish] of Object.entries(units)) {
    const unit = await forge.unit(wish)
    await refused(what, ['record.token', { unit }])
    await refused(`${what}, over the container`, [
      'seal.archive',
      { seal: seal({ archive: { at: now + 3 * MINUTE_MS, unit } }) },
    ])
  }
  t.equal(verify(await make({ unit: await forge.unit({ algorithm: P384 }) })).outcome, 'valid-with-warnings')
})

t.test('each CA is believed for its role', async () => {
  await refused('a unit of the CA of seals', ['record.token', { unit: await forge.sealCaUnit() }])
  const trust = openTrust([], [])
  await refused('no anchor', ['seal.certificate', { seal: seal() }, { trust }])
})

t.test('manifest and record have one digest', async () => {
  for (const digest of ['sha384', 'sha512'] as const) await refused(digest, ['record.manifest', { digest }])
})

t.test('what cannot be told is not proven', async () => {
  await refused('no answer about the signer', ['signature.revocation', { ocsp: undefined }])
  await refused('no list in the token', ['record.revocation', { list: undefined }])
  await refused('no answer about the sealer', ['seal.revocation', { seal: seal({ answer: undefined }) }])
  await refused('no list in the tokens of the seal', ['seal.stamps', { seal: seal({ list: undefined }) }])
  await refused('a seal of no proven time', ['seal.time', { seal: seal({ stampedAt: undefined, archive: undefined }) }])
})

t.test('what is proven long after it was claimed may have been made then', async (t) => {
  const provenAt = now + 10 * DAY_MS
  const later = { at: provenAt + HOUR_MS }
  const list = around(provenAt)
  await refused('a message', ['signature.time', { provenAt, list }, later])
  await refused('a message recorded late', ['signature.time', { provenAt, list, recordedAt: provenAt }, later])
  await refused('a record', ['log-record.time', { claimedAt: provenAt, recordedAt: now, provenAt, list }, later])
  const backdated = seal({ claimedAt: now, stampedAt: provenAt, list, archive: undefined })
  await refused('a seal', ['seal.time', { seal: backdated }, later])

  const after = async (days: number, provenWithinDays?: number): Promise<string> => {
    const at = now + days * DAY_MS
    const octets = await make({ provenAt: at, list: around(at) })
    return verify(octets, { at: at + HOUR_MS, ...(provenWithinDays && { provenWithinDays }) }).outcome
  }
  t.same([await after(2.9), await after(3.1)], ['valid-with-warnings', 'indeterminate'], 'three days')
  t.same([await after(3.1, 4), await after(2.9, 2)], ['valid-with-warnings', 'indeterminate'], 'as it is told')
})

t.test('past the end of what it rests on, unless it was stamped again in time', async (t) => {
  const in2035 = { at: Date.parse('2035-06-01') }
  await refused('record', ['record.lifetime', {}, in2035])
  const sealed = await refused('record with a seal', ['record.lifetime', { seal: seal() }, in2035])
  t.ok(withVerdict(sealed, 'not-proven').includes('seal.lifetime'))

  const lasting = await forge.unit({ notAfter: new Date('2036-01-01') })
  const archived = (at: number) => ({ seal: seal({ archive: { at, unit: lasting } }) })
  t.equal(verify(await make(archived(now + 3 * MINUTE_MS)), in2035).outcome, 'valid')
  const short = await forge.unit({ notAfter: new Date(now + DAY_MS) })
  await refused('too late', ['record.lifetime', { unit: short, ...archived(now + 2 * DAY_MS) }, in2035])
  const strange = { trust: openTrust([], []), ...in2035 }
  await refused('by nobody known', ['record.lifetime', archived(now + 3 * MINUTE_MS), strange])
})

t.test('with a registry: registered then, for this member', async (t) => {
  const octets = await make({ seal: seal() })
  const { sealed, record, proof } = verify(octets).statement
  const found = (...states: readonly Partial<RegistryState>[]) => {
    const checks = openChecks()
    const usual = { issuedAt: now - DAY_MS, stamps: () => true, memberOfSeal: () => 'OWL/GOV/05711000' as const }
    const given = states.map((state, version) => ({ version, ...usual, ...state }) as unknown as RegistryState)
    openRegistry(given).checkOrigin({ record, sealed, tokens: proof?.tokens ?? [] }, checks)
    return Object.fromEntries(checks.list.map(({ id, verdict }) => [id.slice('registry.'.length), verdict]))
  }
  const earlier = now - 3 * DAY_MS

  t.same(found({}), { 'time-stamp': 'ok', seal: 'ok' })
  t.same(found({ stamps: () => false }), { 'time-stamp': 'failed', seal: 'ok' })
  t.same(found({ memberOfSeal: () => undefined }), { 'time-stamp': 'ok', seal: 'failed' })
  t.same(found({ memberOfSeal: () => 'OWL/GOV/05774032' }), { 'time-stamp': 'ok', seal: 'failed' })
  t.same(found({ issuedAt: now + DAY_MS }), { 'time-stamp': 'not-checked', seal: 'not-checked' }, 'not in force yet')
  const gone = { stamps: () => false, memberOfSeal: () => undefined }
  t.same(found({ issuedAt: earlier }, { issuedAt: now + DAY_MS, ...gone }), { 'time-stamp': 'ok', seal: 'ok' }, 'then')
  const replaced = found({ issuedAt: earlier }, { issuedAt: earlier + DAY_MS, ...gone })
  t.same(replaced, { 'time-stamp': 'failed', seal: 'failed' }, 'no longer')
  t.same(found({ issuedAt: earlier }, { issuedAt: now - HOUR_MS, ...gone }), { 'time-stamp': 'ok', seal: 'ok' }, 'just')
})
