/** Which certificates a revocation list can tell of, and who may sign one. RFC 5280 §5 and §6.3.3 */

import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { BasicConstraintsExtension, Extension, KeyUsageFlags, KeyUsagesExtension } from '@peculiar/x509'
import t from 'tap'
import type { CertificateFields } from '../../../gateway/protocol/authority-certificates.ts'
import {
  contextTag,
  readDer,
  TAG,
  writeDer,
  writeInteger,
  writeOctets,
  writeOid,
  writeSequence,
} from '../../../gateway/protocol/der.ts'
import { readRevocationList } from '../../../gateway/protocol/revocation-list.ts'
import type { Issued } from '../trust/pki.ts'
import { certify, EXTENSIONS, makeAuthority } from '../trust/pki.ts'

const TRUE = Buffer.from('0101ff', 'hex')
const IDP = '2.5.29.28'
const ca = await makeAuthority()
const unit = await issued()
const authority = (await certify({ subject: { CN: 'Below' }, extensions: EXTENSIONS.authority }, ca)).parsed.fields

async function issued(...more: Extension[]): Promise<CertificateFields> {
  return (await certify({ extensions: [...EXTENSIONS.tsa, ...more] }, ca)).parsed.fields
}

function extension(id: string, value: Buffer, critical = true): Buffer {
  return writeSequence(writeOid(id), ...(critical ? [TRUE] : []), writeOctets(value))
}

interface ListWish {
  readonly extensions?: readonly Buffer[]
  /** DER of the entries. */
  readonly entries?: readonly Buffer[]
  readonly by?: Issued
}

const ECDSA_SHA256 = writeSequence(writeOid('1.2.840.10045.4.3.2'))

function time(at: number): Buffer {
  const text = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')
  return writeDer(TAG.generalizedTime, Buffer.from(text))
}

function entry({ serial }: CertificateFields, ...extensions: Buffer[]): Buffer {
  const more = extensions.length === 0 ? [] : [writeSequence(...extensions)]
  return writeSequence(writeDer(TAG.integer, serial), time(Date.now()), ...more)
}

async function listOf({ extensions = [], entries = [], by = ca }: ListWish = {}): Promise<Buffer> {
  const { subject } = by.parsed.fields
  const tbs = writeSequence(
    writeInteger(1),
    ECDSA_SHA256,
    subject,
    time(Date.now()),
    time(Date.now() + 3_600_000),
    ...(entries.length === 0 ? [] : [writeSequence(...entries)]),
    ...(extensions.length === 0 ? [] : [writeDer(contextTag(0), writeSequence(...extensions))]),
  )
  const raw = Buffer.from(
    await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, by.keys.privateKey, new Uint8Array(tbs)),
  )
  const [r, s] = [raw.subarray(0, 32), raw.subarray(32)].map((half) =>
    writeInteger(BigInt(`0x${half.toString('hex')}`)),
  )
  const signature = writeSequence(r as Buffer, s as Buffer)
  return writeSequence(tbs, ECDSA_SHA256, writeDer(TAG.bitString, Buffer.from([0]), signature))
}

const uri = (text: string) => writeDer(0x86, Buffer.from(text))
const fullName = (...names: Buffer[]) => writeDer(contextTag(0), writeDer(contextTag(0), ...names))
/** commonName, as relative name. */
const relativeName = (cn: string) =>
  writeDer(contextTag(0), writeDer(contextTag(1), writeSequence(writeOid('2.5.4.3'), writeDer(0x0c, Buffer.from(cn)))))
const flag = (number: number) => Buffer.from([0x80 | number, 1, 0xff])
const idp = (...members: Buffer[]) => extension(IDP, writeSequence(...members))
/** cRLDistributionPoints */
const points = (...each: Buffer[]) => new Extension('2.5.29.31', false, new Uint8Array(writeSequence(...each)))
const HERE = 'http://crl.example/tsa.crl'

t.test('a list for all certificates of its kind tells, also where it says so in a critical extension', async (t) => {
  const at = await issued(points(writeSequence(fullName(uri('http://other.example/'), uri(HERE)))))
  const relative = await issued(points(writeSequence(relativeName('List 1'))))
  const name = writeDer(
    contextTag(4),
    writeSequence(
      readDer(ca.parsed.fields.subject).content,
      writeDer(TAG.set, writeSequence(writeOid('2.5.4.3'), writeDer(0x0c, Buffer.from('List 1')))),
    ),
  )
  const cases: [string, CertificateFields, Buffer[]][] = [
    ['no extension', unit, []],
    ['one that is not critical', unit, [extension('1.3.6.1.4.1.32473.9', Buffer.from('0500', 'hex'), false)]],
    ['users, for one', unit, [idp(flag(1))]],
    ['authorities, for one', authority, [idp(flag(2))]],
    ['nothing but defaults', unit, [idp()]],
    ['a flag that is written and false', unit, [idp(Buffer.from('820100', 'hex'))]],
    ['a place, for a certificate that names none', unit, [idp(fullName(uri(HERE)))]],
    ['the place that the certificate names', at, [idp(fullName(uri(HERE)))]],
    ['one of several', at, [idp(fullName(uri('ldap://directory.example/'), uri(HERE)), flag(1))]],
    ['the same in other letters', at, [idp(fullName(uri('HTTP://CRL.Example/tsa.crl')))]],
    ['no place, for a certificate that names one', at, [idp(flag(1))]],
    ['a relative name', relative, [idp(relativeName('List 1'))]],
    ['a relative name written out', relative, [idp(fullName(name))]],
  ]
  for (const [what, certificate, extensions] of cases) {
    const good = readRevocationList(await listOf({ extensions }), ca.parsed.fields)
    t.equal(good.isRevoked(certificate), false, what)
    const bad = readRevocationList(await listOf({ extensions, entries: [entry(certificate)] }), ca.parsed.fields)
    t.equal(bad.isRevoked(certificate), true, what)
  }
})

t.test('a list that may not speak of the certificate tells nothing', async (t) => {
  const elsewhere = await issued(points(writeSequence(fullName(uri('http://crl.example/other.crl')))))
  const someReasons = await issued(points(writeSequence(fullName(uri(HERE)), Buffer.from('81020560', 'hex'))))
  const indirect = await issued(
    points(writeSequence(fullName(uri(HERE)), writeDer(contextTag(2), writeDer(contextTag(4), writeSequence())))),
  )
  const relative = await issued(points(writeSequence(relativeName('List 2'))))
  const broken = await issued(points(Buffer.from('0500', 'hex')))
  const cases: [string, CertificateFields, Buffer[]][] = [
    ['authorities, for a user', unit, [idp(flag(2))]],
    ['users, for an authority', authority, [idp(flag(1))]],
    ['attribute certificates', unit, [idp(flag(5))]],
    ['some reasons', unit, [idp(Buffer.from('83020560', 'hex'))]],
    ['of several authorities', unit, [idp(flag(4))]],
    ['users and authorities at once', unit, [idp(flag(1), flag(2))]],
    ['another place', elsewhere, [idp(fullName(uri(HERE)))]],
    ['another relative name', relative, [idp(relativeName('List 1'))]],
    ['a place for some reasons', someReasons, [idp(fullName(uri(HERE)))]],
    ['a place of another issuer', indirect, [idp(fullName(uri(HERE)))]],
    ['a certificate whose places cannot be read', broken, [idp(fullName(uri(HERE)))]],
    ['flags in another order', unit, [idp(flag(2), flag(1))]],
    ['a flag that is no boolean', unit, [idp(Buffer.from('810101', 'hex'))]],
    ['no sequence', unit, [extension(IDP, Buffer.from('0500', 'hex'))]],
    ['scope twice', unit, [idp(flag(1)), idp(flag(1))]],
    ['a scope that is not critical, though it should be', unit, [extension(IDP, writeSequence(flag(2)), false)]],
    ['changes only', unit, [extension('2.5.29.27', writeInteger(1))]],
    ['changes only, not critical', unit, [extension('2.5.29.27', writeInteger(1), false)]],
    ['an unknown critical extension', unit, [extension('1.3.6.1.4.1.32473.9', Buffer.from('0500', 'hex'))]],
  ]
  for (const [what, certificate, extensions] of cases) {
    const der = await listOf({ extensions })
    t.throws(() => readRevocationList(der, ca.parsed.fields).isRevoked(certificate), what)
  }
})

t.test('entries: reasons are taken, what is critical in one spoils the list', async (t) => {
  const reason = extension('2.5.29.21', Buffer.from('0a0101', 'hex'), false)
  const issuer = extension('2.5.29.29', writeSequence(writeDer(contextTag(4), writeSequence())))
  const read = async (...entries: Buffer[]) => readRevocationList(await listOf({ entries }), ca.parsed.fields)

  t.equal((await read(entry(unit, reason))).isRevoked(unit), true)
  t.equal((await read(entry(authority, reason))).isRevoked(unit), false)
  await t.rejects(read(entry(unit), entry(authority, issuer)), /critical/)
  await t.rejects(read(writeSequence(writeDer(TAG.integer, unit.serial))), 'no time')
})

t.test('an authority signs lists when its key usage allows it, or says nothing', async (t) => {
  const { keyCertSign, cRLSign, digitalSignature } = KeyUsageFlags
  const may = async (flags?: number) => {
    const usages = flags === undefined ? [] : [new KeyUsagesExtension(flags, true)]
    const by = await makeAuthority({ extensions: [new BasicConstraintsExtension(true, 0, true), ...usages] })
    const der = await listOf({ by })
    return () => readRevocationList(der, by.parsed.fields)
  }
  t.ok((await may())(), 'without key usage')
  t.ok((await may(cRLSign))(), 'for lists only')
  t.ok((await may(keyCertSign | cRLSign))())
  t.throws(await may(keyCertSign), /may not sign lists/)
  t.throws(await may(keyCertSign | digitalSignature), /may not sign lists/)
  t.throws(await may(0), /may not sign lists/)
})
