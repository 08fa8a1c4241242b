/** Evidence that was made and judged elsewhere: every verdict of test/vectors/evidence. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readAnchors } from '../../../gateway/evidence/anchors.ts'
import { sourceOf } from '../../../gateway/evidence/byte-source.ts'
import type { CheckId } from '../../../gateway/evidence/checks.ts'
import { verifyContainer } from '../../../gateway/evidence/container-checks.ts'
import { readDraftSignature } from '../../../gateway/evidence/draft-signature.ts'
import { evidenceFile } from '../../../gateway/evidence/files.ts'
import { EVIDENCE_RECORD_NAME } from '../../../gateway/evidence/manifest.ts'
import { openTrust } from '../../../gateway/evidence/trust.ts'
import type { Verified } from '../../../gateway/evidence/verify.ts'
import { verifyFiles } from '../../../gateway/evidence/verify.ts'

const HOME = join(import.meta.dirname, '../../vectors/evidence')
const NOW = Date.parse('2026-11-23T12:00:00Z')
const LATER = Date.parse('2035-06-01T00:00:00Z')
const anchors = readAnchors(['issuing', 'tsaca'].map((name) => join(HOME, 'pki', `${name}.pem`))).certificates
const GROUP = ['signature.jades.json', 'message-headers.txt', 'message-body.json']

interface Options {
  readonly at?: number
  readonly isDraft?: boolean
  readonly trusted?: typeof anchors
}

function verifying({ at = NOW, isDraft = true, trusted = anchors }: Options) {
  return { trust: openTrust(trusted), at, isDraft }
}

function read(name: string): Buffer {
  return readFileSync(join(HOME, name))
}

/** @param given name in the group → file of the vectors */
function verifyLoose(given: Readonly<Record<string, string>>, options: Options = {}): Verified {
  const files = Object.entries(given).map(([name, file]) => [name, evidenceFile(name, sourceOf(read(file)))] as const)
  return verifyFiles(new Map(files), verifying(options))
}

function record(ers: string, options: Options = {}): Verified {
  return verifyLoose({ ...Object.fromEntries(GROUP.map((name) => [name, name])), [EVIDENCE_RECORD_NAME]: ers }, options)
}

function container(name: string, options: Options = {}): Verified {
  return verifyContainer(sourceOf(read(name)), verifying(options))
}

function failed({ checks }: Verified): CheckId[] {
  return [...new Set(checks.flatMap(({ id, verdict }) => (verdict === 'failed' ? [id] : [])))]
}

function warned({ checks }: Verified): CheckId[] {
  return checks.flatMap(({ id, verdict }) => (verdict === 'warning' ? [id] : []))
}

function unproven({ checks }: Verified): CheckId[] {
  return checks.flatMap(({ id, verdict }) => (verdict === 'not-proven' ? [id] : []))
}

t.test('records', async (t) => {
  for (const at of [NOW, LATER]) {
    t.equal(record('evidence.ers', { at }).outcome, 'valid')
    t.same(failed(record('neg-sibling.ers', { at })), ['record.tree'])
    const norev = record('norev.ers', { at })
    t.equal(norev.outcome, 'indeterminate')
    t.same(unproven(norev), ['record.revocation'])
  }
  // Their renewals are of 2029 and 2032, with a list of 2026 inside.
  for (const name of ['renewed-ts.ers', 'renewed-ht.ers']) {
    const renewed = record(name, { at: LATER })
    t.equal(renewed.outcome, 'valid-with-warnings', name)
    t.same(warned(renewed), ['record.revocation'], name)
    t.same(failed(record(name, { at: NOW })), ['record.lifetime'], 'from the future')
  }
  t.same(failed(record('neg-ht-sorted.ers', { at: LATER })), ['record.group'])
})

t.test(
  'a record without revocation data does not outlast its certificate; one with it wants to be renewed',
  async (t) => {
    const at = Date.parse('2037-01-01T00:00:00Z')
    t.same(failed(record('norev.ers', { at })), ['record.lifetime'])
    t.same(unproven(record('evidence.ers', { at })), ['record.lifetime'])
    t.same(
      failed(record('evidence.ers', { at: Date.parse('2026-11-22T11:00:00Z') })),
      ['record.lifetime'],
      'not made yet',
    )
  },
)

t.test('a record is for its group alone', async (t) => {
  const whole = Object.fromEntries(GROUP.map((name) => [name, name]))
  const ers = { [EVIDENCE_RECORD_NAME]: 'evidence.ers' }
  t.same(failed(verifyLoose({ ...whole, ...ers, 'other.json': 'worked/message-body.json' })), ['record.group'])
  t.same(failed(verifyLoose({ 'message-headers.txt': 'message-headers.txt', ...ers })).includes('record.group'), true)
})

t.test('signatures', async (t) => {
  const message = { 'message-headers.txt': 'message-headers.txt', 'message-body.json': 'message-body.json' }
  for (const file of ['signature.jades.json', 'signature-T.json', 'signature-LT.json']) {
    const verified = verifyLoose({ ...message, 'signature.jades.json': file })
    t.same(failed(verified), [], file)
    for (const id of ['signature.references', 'signature.value', 'signature.certificate'] as const) {
      t.ok(
        verified.checks.some((check) => check.id === id && check.verdict === 'ok'),
        `${file} ${id}`,
      )
    }
  }
  // The wire form brings no certificate: what can be said is that it is over these files.
  const wire = verifyLoose({ ...message, 'signature.jades.json': 'signature.jws' })
  t.same(failed(wire), [])
  t.ok(wire.checks.some(({ id, verdict }) => id === 'signature.references' && verdict === 'ok'))

  const other = { ...message, 'message-body.json': 'worked/message-body.json' }
  t.same(failed(verifyLoose({ ...other, 'signature.jades.json': 'signature.jades.json' })), ['signature.references'])
})

t.test('a signature step by step', async (t) => {
  const [wire, archived] = ['ObjectIdByURIHash.jws', 'ObjectIdByURIHash-xvals.json'].map((name) =>
    readDraftSignature(read(`worked/${name}`)),
  )
  t.same(wire?.claims.input, read('worked/ObjectIdByURIHash.signing-input'))
  t.same(wire?.claims, archived?.claims)
  const verified = verifyLoose({
    'message-headers.txt': 'worked/message-headers.txt',
    'message-body.json': 'worked/message-body.json',
    'signature.jades.json': 'worked/ObjectIdByURIHash-xvals.json',
  })
  t.same(failed(verified), [])
  t.ok(verified.checks.some(({ id, verdict }) => id === 'signature.value' && verdict === 'ok'))
})

t.test('containers, now and in 2035', async (t) => {
  for (const at of [NOW, LATER]) {
    for (const name of ['plain', 'sealed-lta', 'sealed-crl'])
      t.equal(container(`${name}.asice`, { at }).outcome, 'valid')
    const erased = container('sealed-erased-body.asice', { at })
    t.equal(erased.outcome, 'valid-with-warnings')
    t.same(warned(erased), ['body'])
    const changed = failed(container('neg-body.asice', { at }))
    for (const id of ['seal.manifest', 'signature.references', 'record.group', 'log-record.objects'] as const) {
      t.ok(changed.includes(id), id)
    }
  }
})

t.test('without anchors nothing is proven, and nothing is disproven', async (t) => {
  for (const name of ['plain.asice', 'sealed-lta.asice']) {
    const { outcome, checks } = container(name, { trusted: [] })
    t.equal(outcome, 'indeterminate')
    const open = checks.flatMap(({ id, verdict }) => (verdict === 'not-checked' ? [id] : []))
    t.ok(open.includes('record.token') && open.includes('signature.certificate'))
  }
  const root = readAnchors([join(HOME, 'pki/root.pem')]).certificates
  t.equal(container('plain.asice', { trusted: root }).outcome, 'indeterminate', 'no path is built to a root')
})

t.test('the strict profile refuses drafts, and the records stand', async (t) => {
  for (const name of ['plain', 'sealed-lta', 'sealed-crl', 'sealed-erased-body', 'neg-body']) {
    t.ok(failed(container(`${name}.asice`, { isDraft: false })).includes('container.files'), name)
  }
  for (const file of ['signature.jades.json', 'signature.jws', 'signature-T.json', 'signature-LT.json']) {
    const { outcome, checks } = verifyLoose(
      {
        'message-headers.txt': 'message-headers.txt',
        'message-body.json': 'message-body.json',
        'signature.jades.json': file,
      },
      { isDraft: false },
    )
    t.equal(outcome, 'invalid')
    t.match(checks.find(({ id }) => id === 'signature.form')?.detail, 'not of this profile')
  }
  for (const name of ['evidence.ers', 'renewed-ts.ers', 'renewed-ht.ers']) {
    const { checks } = record(name, { isDraft: false, at: LATER })
    const ofRecord = checks.filter(({ id }) => id.startsWith('record.'))
    t.equal(ofRecord.length, 7)
    t.notOk(
      ofRecord.some(({ verdict }) => verdict === 'failed' || verdict === 'not-checked'),
      name,
    )
  }
})
