/** What the operational log tells, and what it must never tell. Security row 36. */

import { spawn } from 'node:child_process'
import { createPrivateKey, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { fastify, LogController } from 'fastify'
import t from 'tap'
import { GatewayError } from '../../gateway/errors.ts'
import { LOGGED, limited, makeLogger, TEXT_CHARS_MAX } from '../../gateway/logging.ts'
import { parseIdentifier } from '../../gateway/protocol/identifiers.ts'
import { parseStrictJson } from '../../gateway/protocol/json.ts'

interface Line {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly [name: string]: unknown
}

function rig(level = 'info') {
  let octets = ''
  const log = makeLogger({ level, destination: { write: (line: string) => void (octets += line) } })
  return {
    log,
    octets: () => octets,
    lines: () =>
      octets
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line),
  }
}

t.test('an output that cannot be written to stops nobody', async (t) => {
  const program = `import { makeLogger } from ${JSON.stringify(join(import.meta.dirname, '../../gateway/logging.ts'))}
    const log = makeLogger({ level: 'info' })
    log.info('one')
    log.warn('two')
    setTimeout(() => log.error('three'), 10)
    setTimeout(() => process.exit(7), 50)`
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', full, 'inherit'] })

  t.same(await once(child, 'exit'), [7, null])
  closeSync(full)
})

t.test('writes one JSON line with level and ISO time', async (t) => {
  const { log, lines } = rig()

  log.warn({ requestId: 'r-1', code: 'AccessDenied', seq: 7 }, 'an exchange failed')
  log.debug('below the level')

  const [line, ...rest] = lines()
  t.match(line, { level: 'warn', requestId: 'r-1', code: 'AccessDenied', seq: 7, msg: 'an exchange failed' })
  t.match(line?.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.notOk('hostname' in (line as object))
  t.same(rest, [])
  t.throws(() => rig('loud'), /log level/)
})

t.test('leaves out what is not on the list, at any depth, and says how much', async (t) => {
  const { log, lines, octets } = rig()

  log.info({ code: 'x', headers: { authorization: 'a-value' }, url: '/r1/a-value', body: 'a-value' }, 'one')
  log.info({ stages: { verified: 1.5, secret: 'a-value' } }, 'two')
  log
    .child({ reqId: 'r-2', password: 'a-value' }, { serializers: { code: () => 'a-value' } })
    .info({ code: 'y' }, 'three')

  const [one, two, three] = lines()
  t.equal(one?.['omitted'], 3)
  t.same(two?.['stages'], { verified: 1.5, omitted: 1 })
  t.match(three, { reqId: 'r-2', code: 'y', omitted: 1 })
  t.notMatch(octets(), /a-value/)
})

t.test('tells of an error what kind it is and where, its text only when it is ours', async (t) => {
  const { log, lines } = rig()

  log.error({ err: new GatewayError('CertValidation') }, 'of another place')
  log.error({ err: thrown(() => parseIdentifier('a-value/')) }, 'ours')
  log.error({ err: thrown(() => JSON.parse('"a-value')) }, 'of a parser')
  log.error(new Error('a-value', { cause: thrown(() => new URL('a-value')) }))

  const [passed, ours, parser, bare] = lines()
  t.same(passed?.['err'], { type: 'GatewayError', code: 'CertValidation' })
  t.match(ours?.['err'], { type: 'GatewayError', code: 'BadRequest', message: /identifier part/ })
  t.match(ours?.['err'], { frames: [/^gateway\/protocol\/identifiers\.ts:\d+:\d+$/] })
  t.same(parser?.['err'], { type: 'SyntaxError' })
  t.same(bare?.['err'], { type: 'Error', cause: { type: 'TypeError', code: 'ERR_INVALID_URL' } })
  t.equal(bare?.msg, '', 'the text of an error is not the text of a line')
})

t.test('takes quotes, credentials, addresses and control characters out of sentences', async (t) => {
  const { log, lines } = rig()
  const texts = [
    ['Unexpected token in "a-value', 'Unexpected token in "…"'],
    ['it was `a-value`', 'it was "…"'],
    ["expected 'a-value' there", 'expected "…" there'],
    ['the registry’s word doesn’t hold', 'the registry’s word doesn’t hold'],
    ['Authorization: Bearer a-value', 'Authorization: Bearer [removed]'],
    ['GET https://user:a-value@host.example:7010/a-value?a-value failed', 'GET https://host.example:7010 failed'],
    ['key -----BEGIN PRIVATE KEY-----\na-value', 'key [removed]'],
    [`seen ${'Ab1_'.repeat(12)}`, 'seen [removed]'],
    [`seen ${'ab'.repeat(32)}`, `seen ${'ab'.repeat(32)}`],
    ['red \u001b[31m and \u202e back', 'red  [31m and   back'],
    ['long '.repeat(200), 'long '.repeat(200).slice(0, TEXT_CHARS_MAX)],
  ] as const

  for (const [text] of texts) log.warn({ reason: text }, text)

  for (const [index, [, told]] of texts.entries()) t.match(lines()[index], { reason: told, msg: told })
})

t.test('interpolates nothing', async (t) => {
  const { log, octets } = rig()

  log.info('told %s %o', 'a-value', { url: 'a-value' })
  log.info({ code: 'c' }, 'told %s', 'a-value')

  t.notMatch(octets(), /a-value/)
})

t.test('writes whole lines whatever it is given', async (t) => {
  const { log, lines } = rig()
  let written = 0

  fc.assert(
    fc.property(fc.anything(), fc.string({ unit: 'binary' }), (value, text) => {
      log.info({ reason: value, code: value, err: value, other: value }, text)
      written++
      return true
    }),
  )

  t.equal(lines().length, written)
})

t.test('limits how often a text is written, and says how often it was not', async (t) => {
  const { log, lines } = rig()
  const slow = limited(log, 2, 50)

  for (let i = 0; i < 5; i++) slow.warn({ certificate: 'ab' }, 'a stranger called')
  slow.warn('another event')
  t.same(
    lines().map(({ msg }) => msg),
    ['a stranger called', 'a stranger called', 'another event'],
  )
  await sleep(120)

  t.match(lines().slice(3), [{ level: 'warn', suppressed: 3, msg: 'a stranger called' }])
  t.equal(lines().length, 4, 'one line for what was suppressed, none where nothing was')
  slow.warn('a stranger called')
  t.equal(lines().length, 5, 'a new minute has a new budget')
})

t.test('every member that the sources log is on the list', async (t) => {
  const root = join(import.meta.dirname, '../..')
  for (const entry of await readdir(join(root, 'gateway'), { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.ts')) continue
    const source = await readFile(join(entry.parentPath, entry.name), 'utf8')
    for (const [, members = ''] of source.matchAll(/\blog\.(?:info|warn|error|debug)\(\s*\{([^{}]*)\}/g)) {
      for (const member of members.split(',')) {
        const [name = ''] = member.trim().split(':')
        if (!/^\w+$/.test(name)) continue
        t.ok(name === 'err' || Object.hasOwn(LOGGED, name), `${entry.name}: ${name} is on the list of logging.ts`)
      }
    }
  }
})

t.test('no planted token comes out, wherever it went in', async (t) => {
  const { log, octets, lines } = rig('trace')
  const token = (where: string): string => `CANARY-${where}-${randomUUID()}`
  const planted = {
    header: token('header'),
    body: token('body'),
    query: token('query'),
    path: token('path'),
    bearer: token('bearer'),
    pem: token('pem'),
  }
  const app = fastify({ loggerInstance: log, logController: new LogController({ disableRequestLogging: false }) })
  app.post('/r1/*', async (request) => {
    request.log.info({ req: request.raw, headers: request.headers, reason: `told ${request.url}` }, 'taken')
    request.log.info(request.headers as object, request.headers.authorization)
    throw new Error(`refused ${JSON.stringify(request.body)}`, { cause: request.headers })
  })
  const attempts = [
    () => JSON.parse(planted.body),
    () => parseStrictJson(Buffer.from(`{"a":${planted.body}}`)),
    () => parseIdentifier(`${planted.path}//`),
    () => new URL(planted.query),
    () => createPrivateKey(`-----BEGIN PRIVATE KEY-----\n${planted.pem}\n-----END PRIVATE KEY-----`),
    () => decodeURIComponent(`%${planted.query}`),
    () => BigInt(planted.header),
    () => new Headers({ 'x\n': planted.header }),
    () => {
      throw Object.assign(new Error(planted.body), { code: planted.header, name: 'X', url: planted.query })
    },
  ]

  await app.inject({
    method: 'POST',
    url: `/r1/${planted.path}?q=${planted.query}`,
    headers: { authorization: `Bearer ${planted.bearer}`, cookie: planted.header, 'content-type': 'application/json' },
    payload: { value: planted.body },
  })
  await app.inject({
    method: 'POST',
    url: `/r1/${planted.path}`,
    headers: { 'content-type': 'application/json' },
    payload: `{"value":${planted.body}`,
  })
  for (const attempt of attempts) {
    const err = thrown(attempt)
    log.error({ err, code: (err as { code?: string }).code }, err.message)
    log.error(err)
    log.error({ cause: err, reason: err }, 'nested')
    log.error({ err: new GatewayError('InternalError', { cause: err }) }, 'wrapped')
  }
  await app.close()

  t.ok(lines().length > 4 * attempts.length, 'there are lines to look at')
  for (const [where, value] of Object.entries(planted)) {
    t.notOk(octets().includes(value), `no token of the ${where}`)
    t.notOk(octets().includes(value.slice(-36)), `no end of the token of the ${where}`)
  }
})

function thrown(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new TypeError('nothing was thrown')
}
