/** What a record is on the disk, octet by octet: logs of years ago must still verify. */

import { hash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { NO_MESSAGE, UNSEALED } from '../../../../gateway/message-log/record/draft.ts'
import type { Entry } from '../../../../gateway/message-log/record/entry.ts'
import { createTables } from '../../../../gateway/message-log/store/sqlite/database.ts'
import { writableOn } from '../../../../gateway/message-log/store/sqlite/writing.ts'
import { openChain } from '../../../../gateway/message-log/writer/chain.ts'
import { ownEntry } from '../../../../gateway/message-log/writer/new-entry.ts'

const AT = Date.UTC(2026, 10, 23, 5, 40, 0, 7)
const IDENTITY = { name: 'OWL/GOV/05711000/SS1/n1', epoch: 3 }
const CONTEXT = { etsiU: '["etsiU"]', basis: '{"purpose":"UMZUG für “Ö”"}', taken: new Set<string>() }
const NONE = { seq: 0, leaf: undefined }

const request: Entry = {
  ...{ kind: 'request', at: AT, side: 'provider', direction: 'in', xRoadId: 'x-1', client: 'C', service: 'S' },
  ...{ requestId: '019ab1c2-0000-7000-8000-000000000001', method: 'POST', purpose: 'UMZUG', code: null, stage: null },
  ...{ sender: 'OWL/GOV/1/SS1', extension: 'json', signature: 'cHJvdGVjdGVk..c2lnbmF0dXJl', etsiU: 0, basis: 0 },
  ...{ ends: null, bodyUntil: 20800, recordUntil: 21000, bodyBytes: 4, filePath: null, head: octets('POST /r1/S') },
  ...{ body: octets('{ü}'), bodySha256: octets(7, 32), requestLeaf: null, fileKey: null, subjects: octets(6, 32) },
}
const reply: Entry = { ...request, kind: 'reply', direction: 'out', sender: null, ends: 1, requestLeaf: octets(8, 32) }
const failure: Entry = {
  ...{ ...reply, kind: 'failure', side: 'consumer', at: AT + 1000, code: 'Server.NetworkError', stage: 'answered' },
  ...{ requestId: '"\\\u0007ü\ud800', purpose: null, body: null, bodySha256: null, subjects: null },
}
const large: Entry = { ...reply, at: AT + 86_400_000, body: null, filePath: '/spool/1', fileKey: octets(9, 32) }
/** As text, up to the basis. */
const FIRST =
  '{"v":1,"log":"OWL/GOV/05711000/SS1/n1","epoch":3,"seq":1,"prev":null,' +
  '"salt":"0303030303030303030303030303030303030303030303030303030303030303",' +
  '"id":"019ab1c2-0000-7000-8000-000000000001","kind":"request","direction":"in","side":"provider",' +
  '"at":"2026-11-23T05:40:00.007Z","outcome":null,"request":null,"objects":[' +
  '{"name":"message-head.txt","sha256":"9a73fbc2505b9d80c00bd2fb3c8b22361262c28755e07901cb24308f70996546"},' +
  '{"name":"message-body.json","sha256":"0707070707070707070707070707070707070707070707070707070707070707"},' +
  '{"name":"signature.jades.json","sha256":"68f6ac80d039dc4f3784bdde24d1e7436695d28e75cb36471e0609a72c8292d4"}],' +
  '"basis":'

t.test('a record is the same octets whatever wrote it', async (t) => {
  const { chain, rows } = openRig()
  const own = chain.commit(() => {
    for (const entry of [request, reply, failure, large]) chain.addEntry(entry, CONTEXT)
    chain.addEntry(ownEntry('configuration', octets('{"version":1}'), AT), CONTEXT)
    return chain.add({
      columns: { ...NO_MESSAGE, at: AT, kind: 'batch', bodyBytes: 3 },
      objects: [
        { name: 'batch-header.json', sha256: '0a'.repeat(32) },
        { name: 'batch-leaves.bin', sha256: '0b'.repeat(32) },
      ],
      content: { ...UNSEALED, head: octets('{}'), body: octets(12, 3) },
      request: null,
      basis: null,
    })
  })

  t.equal(rows('SELECT CAST(record AS TEXT) AS text FROM content WHERE seq = 1')[0]?.['text'], FIRST)
  const leaves = rows('SELECT lower(hex(leaf)) AS leaf FROM record ORDER BY seq').map((row) => row['leaf'])
  t.same(leaves, [
    '857b4f94d7542f553c7270d293c82c595b5f2364d552819961813931a47b6937',
    '377ff8c17dd2befdf2806aa81cd4bb9cd3b5f52f20bfff2d6d6b8d3abb20ea86',
    '15e4f571397401e9f478907586da6dd52377f9b188fb5959dd03c141f640a154',
    'ea03005d9b8da0269bc47aa640b612fa05c84f0e2309ad3bf56583b1ee25202c',
    '4e8c0f35131d35b195f925ee988d05f2e5dfc755c21cc128fb9e0d6ee4a61e03',
    '233d674cd983e598dde012ab04f54e1bfe0b8fdcd0a991de11b27b96edff5c4b',
  ])
  t.equal(own.leaf.toString('hex'), leaves[5])
  t.same(
    {
      record: digest(rows('SELECT * FROM record ORDER BY seq')),
      content: digest(rows('SELECT * FROM content ORDER BY seq')),
      repeated: digest(rows('SELECT * FROM repeated ORDER BY id')),
      subject: digest(rows('SELECT * FROM subject ORDER BY first')),
    },
    {
      record: '3c907ea1e20b253d0e51df1b9897ff5401a359b4016c188db3bf2518cf1ec168',
      content: '94e1fbbabcd8e9fd7cc3d0d5b7cef863fdb51acca9958cccb0ed5425aab5fcbc',
      repeated: '89042dc529ee6301467cb79f958d30d6b389cd256f4488197786c8329d704e38',
      subject: '64385e87b34dd13efd64e536b2feba8ba55bb5c2efebdf44b508993dd4dc91d9',
    },
  )
})

function openRig() {
  const database = new DatabaseSync(':memory:')
  t.teardown(() => database.close())
  createTables(database, IDENTITY)
  const key = (name: object): Buffer => hash('sha256', JSON.stringify(name), 'buffer')
  const keys = { read: key, obtain: key, names: () => [], destroy() {}, newest: () => undefined, leaveOlderForm() {} }
  const ignored = { pathOf: String, adopt() {}, sync() {}, remove() {}, removeSoon() {}, sweep() {} }
  let drawn = 0
  const random = (length: number): Buffer => octets((drawn += 1), length)
  return {
    chain: openChain({ store: writableOn(database), identity: IDENTITY, keys, files: ignored, random }, NONE),
    rows: (sql: string): Record<string, unknown>[] => database.prepare(sql).all(),
  }
}

/** Octets in columns become lists of numbers. */
function digest(rows: Record<string, unknown>[]): string {
  const text = JSON.stringify(rows, (_name, value) => (value instanceof Uint8Array ? [...value] : value))
  return hash('sha256', text, 'hex')
}

function octets(text: string): Buffer
function octets(value: number, length: number): Buffer
function octets(value: string | number, length = 0): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.alloc(length, value)
}
