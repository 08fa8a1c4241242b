/** What we write against the schemas of those who define it. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { XmlDocument, XsdValidator } from 'libxml2-wasm'
import { xmlRegisterFsInputProviders } from 'libxml2-wasm/lib/nodejs.mjs'
import t from 'tap'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import { openSealing } from '../../../gateway/admin/evidence/sealing.ts'
import { formatSealedContainer } from '../../../gateway/evidence/container.ts'
import { ARCHIVE_TIME_STAMP, EVIDENCE_RECORD, formatManifest, SEAL } from '../../../gateway/evidence/manifest.ts'
import { openEvidenceRig } from './evidence-rig.ts'
import { octetsOf, unzipped } from './outside-tools.ts'

const SCHEMAS = join(import.meta.dirname, '../../vectors/schemas')
const MANIFESTS = ['ASiCManifest001.xml', 'ASiCEvidenceRecordManifest001.xml', 'ASiCArchiveManifest.xml']
const DIGEST = Buffer.alloc(32, 7)

xmlRegisterFsInputProviders()
const manifest = await readFile(join(SCHEMAS, 'asic-manifest.xsd'), 'utf8')
/** With our digests, which are stricter, and with all that W3C defines. */
const validators = ['xmldsig-digest.xsd', 'xmldsig-core-schema.xsd'].map((digests) => {
  const text = manifest.replace('xmldsig-digest.xsd', digests)
  const schema = XmlDocument.fromString(text, { url: join(SCHEMAS, 'asic-manifest.xsd') })
  const validator = XsdValidator.fromDoc(schema)
  t.teardown(() => {
    validator.dispose()
    schema.dispose()
  })
  return validator
})

function validate(octets: Uint8Array): void {
  const document = XmlDocument.fromBuffer(octets)
  try {
    for (const validator of validators) validator.validate(document)
  } finally {
    document.dispose()
  }
}

t.test('manifests and archive form of a sealed container', async (t) => {
  const rig = await openEvidenceRig(t)
  const [{ seq }] = await rig.exchange()
  await rig.log.stampNow()
  const from = await openPackages(rig.reader).read(seq)
  const folder = await unzipped(
    rig.directory,
    await octetsOf(await formatSealedContainer(from, openSealing(rig.sealing))),
  )

  for (const name of MANIFESTS) {
    const octets = await readFile(join(folder, 'META-INF', name))
    t.doesNotThrow(() => validate(octets), name)
    t.notMatch(octets.toString(), '\n', 'one line')
  }

  const ajv = new Ajv2020({ strict: true })
  const definition = JSON.parse(await readFile(join(SCHEMAS, 'jades-archive.schema.json'), 'utf8')) as object
  const isArchive = ajv.compile(definition)
  const isMember = ajv.compile({ $ref: 'urn:owl:test:jades-archive#/$defs/etsiUMember' })
  const signature = JSON.parse(await readFile(join(folder, 'signature.jades.json'), 'utf8')) as {
    readonly header: { readonly etsiU: readonly string[] }
  }
  t.ok(isArchive(signature))
  const members = signature.header.etsiU.map((each) => JSON.parse(Buffer.from(each, 'base64url').toString()) as object)
  t.same(members.flatMap(Object.keys), ['xVals', 'rVals'], 'certificates and the revocation answer relied on')
  for (const member of members) t.ok(isMember(member))
})

t.test('is written as the examples of the form have it', async (t) => {
  const entries = [{ name: 'signature.jades.json', sha256: DIGEST }]
  const value = DIGEST.toString('base64')
  t.equal(
    formatManifest(SEAL, entries).toString(),
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?><asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><asic:SigReference MimeType="application/pkcs7-signature" URI="META-INF/signature001.p7s"/><asic:DataObjectReference MimeType="application/jose+json" URI="signature.jades.json"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>' +
      `<ds:DigestValue>${value}</ds:DigestValue></asic:DataObjectReference></asic:ASiCManifest>`,
  )
  t.match(
    formatManifest(EVIDENCE_RECORD, entries).toString(),
    '<asic:SigReference URI="META-INF/evidencerecord001.ers"/>',
  )
  t.match(formatManifest(ARCHIVE_TIME_STAMP, entries).toString(), 'MimeType="application/vnd.etsi.timestamp-token"')
})

t.test('the schema finds what is wrong, and nothing wrong is written', async (t) => {
  const good = formatManifest(SEAL, [{ name: 'a.txt', sha256: DIGEST }]).toString()
  t.doesNotThrow(() => validate(Buffer.from(good)))
  for (const [from, to] of [
    ['#sha256"', '#sha1"'],
    [DIGEST.toString('base64'), 'AAAA'],
    ['URI="a.txt"', ''],
    ['<asic:SigReference', '<asic:Reference'],
    ['</asic:ASiCManifest>', '<asic:ASiCManifestExtensions/></asic:ASiCManifest>'],
  ] as const) {
    t.throws(() => validate(Buffer.from(good.replace(from, to))), from)
  }
  const entry = { name: 'a.txt', sha256: DIGEST }
  const twice = formatManifest(SEAL, [entry, entry])
  t.throws(() => validate(twice), 'an object twice')
  t.throws(() => formatManifest(SEAL, []))
  for (const name of ['', '../a', 'a b', 'a"b', 'a&b', '/a', 'META-INF/', 'ä']) {
    t.throws(() => formatManifest(SEAL, [{ name, sha256: DIGEST }]), name)
  }
})
