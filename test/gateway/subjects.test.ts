/** Whom a message is about: by the words of the shared schemas, and by what its adapter says besides. */

import t from 'tap'
import type { AdapterSubjects } from '../../adapters/adapter.ts'
import { subjectFinder } from '../../gateway/subjects.ts'
import { bodyOf } from '../../gateway/transport/spool.ts'

const SERVICE = 'OWL/GOV/05711000/TEST/echo'

function find(text: string | undefined, own?: AdapterSubjects, extension = 'json'): readonly string[] {
  const body = text === undefined ? undefined : bodyOf(Buffer.from(text))
  return subjectFinder(() => own)({ part: 'request', service: SERVICE, extension, body })
}

t.test('the words of the shared schemas are enough', async (t) => {
  t.same(find('{"halter":{"familienname":"Weiß","vornamen":"Ute","geburtsdatum":"1980-01-02"}}'), [
    'person:WEISS|UTE|1980-01-02',
  ])
  t.same(find('{"idnr":"02496138955"}'), ['idnr:02496138955'])
})

t.test('in whatever encoding a system writes its JSON', async (t) => {
  const text = '{"familienname":"Weiß","vornamen":"Jörg","geburtsdatum":"1980-01-02"}'
  for (const bytes of [
    Buffer.from(`\ufeff${text}`),
    Buffer.from(text, 'latin1'),
    Buffer.from(`\ufeff${text}`, 'utf16le'),
    Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
  ]) {
    const found = subjectFinder(() => undefined)({
      part: 'reply',
      service: SERVICE,
      extension: 'json',
      body: bodyOf(bytes),
    })
    t.same(found, ['person:WEISS|JOERG|1980-01-02'], bytes.toString('hex'))
  }
})

t.test('what names nobody, is no JSON or too large for memory has none', async (t) => {
  for (const text of [undefined, '', '{}', '[1,2]', '{"idnr":', '{"name":"Weiß"}', 'idnr 02496138955'])
    t.same(find(text), [], String(text))
  t.same(find('{"idnr":"02496138955"}', undefined, 'xml'), [])
  const { bytes: _, ...spooled } = bodyOf(Buffer.from('{"idnr":"02496138955"}'))
  const finder = subjectFinder(() => undefined)
  t.same(finder({ part: 'request', service: SERVICE, extension: 'json', body: spooled }), [])
})

t.test('an adapter adds identifiers of its own, once each, and only in its part', async (t) => {
  const own: AdapterSubjects = {
    request: (payload) => [
      `x-akte:${(payload as { akte: string }).akte}`,
      'x-akte:A 17',
      'idnr:02 496 138 955',
      'kein Verweis',
    ],
  }
  t.same(find('{"akte":"a-17","idnr":"02496138955"}', own), ['idnr:02496138955', 'x-akte:A17'])
  const finder = subjectFinder((service) => (service === SERVICE ? own : undefined))
  const body = bodyOf(Buffer.from('{"akte":"a-17"}'))
  t.same(finder({ part: 'reply', service: SERVICE, extension: 'json', body }), [])
  t.same(finder({ part: 'request', service: `${SERVICE}2`, extension: 'json', body }), [])
})

t.test('an adapter that fails here does not fail the exchange', async (t) => {
  const own: AdapterSubjects = {
    request() {
      throw new TypeError('not my payload')
    },
  }
  t.same(find('{"idnr":"02496138955"}', own), ['idnr:02496138955'])
})
