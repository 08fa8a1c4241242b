/** Where in a message a number is found, and where an agreement lets it be. */

import { Readable } from 'node:stream'
import t from 'tap'
import type { Permission } from '../../../gateway/access/agreements.ts'
import { META_PERMISSION } from '../../../gateway/access/agreements.ts'
import { idnrGuard } from '../../../gateway/access/idnr-guard.ts'
import type { GatewayError } from '../../../gateway/errors.ts'
import { parseCall } from '../../../gateway/protocol/call.ts'
import { bodyOf, openSpool } from '../../../gateway/transport/spool.ts'

const IDNR = '86095742719'
const TEST_NUMBER = '02476291358'
const NOWHERE: Permission = { agreement: 'A', purpose: 'P', purposeBy: 'caller' }
const FORM = 'application/x-www-form-urlencoded'
const guard = idnrGuard({ testNumbers: false })

interface Wish {
  readonly path?: string
  readonly headers?: readonly string[]
  readonly body?: string
}

function ask({ path = '/v1', headers = [], body }: Wish, permission = NOWHERE, by = guard): string {
  const target = `/r1/OWL/GOV/05711000/KFZ/x${path}`
  const call = parseCall({ method: 'POST', target, rawHeaders: ['X-Road-Client', 'OWL/GOV/05774/KFZ', ...headers] })
  try {
    by.requestHead(permission, call)
    by.requestBody(permission, call, body === undefined ? undefined : bodyOf(Buffer.from(body)))
    return 'allowed'
  } catch (error) {
    const { code, message } = error as GatewayError
    t.notMatch(message, /[0-9]{3}/, 'no number in the text')
    return `${code}: ${message.slice(message.lastIndexOf(':') + 2)}`
  }
}

t.test('a request is looked through in all its parts', async (t) => {
  const refused = (place: string): string => `IdentifierNotAllowed: ${place}`
  const cases: [string, Wish, string][] = [
    ['nothing', { body: '{"a":1}' }, 'allowed'],
    ['a segment of the path', { path: `/v1/${IDNR}` }, refused('in path or query')],
    ['a query', { path: `/v1?id=${IDNR}` }, refused('in path or query')],
    ['an encoded query', { path: '/v1?id=86%20095%20742%20719' }, refused('in path or query')],
    ['a query with blanks', { path: '/v1?id=86+095+742+719' }, refused('in path or query')],
    ['a telephone number in a query', { path: `/v1?tel=%2B${IDNR}` }, 'allowed'],
    ['a header', { headers: ['X-Id', IDNR] }, refused('in a header')],
    ['the Aktenzeichen', { headers: ['X-Road-Issue', `ID ${IDNR}`] }, refused('in a header')],
    ['a cookie', { headers: ['Cookie', `id=${IDNR}; x=1`] }, refused('in a header')],
    ['two headers of which each has a part', { headers: ['A', '860957', 'B', '42719'] }, 'allowed'],
    ['a body', { body: `{"id":"${IDNR}"}` }, refused('in the body')],
    ['a form', { headers: ['Content-Type', FORM], body: 'id=86+095+742+719' }, refused('in the body')],
    ['an encoded form', { headers: ['Content-Type', FORM], body: 'id=86%2F095%2F742%2F719' }, refused('in the body')],
    ['a test number', { body: TEST_NUMBER }, 'allowed'],
  ]
  for (const [what, wish, expected] of cases) t.equal(ask(wish), expected, what)
  t.equal(ask({ body: TEST_NUMBER }, NOWHERE, idnrGuard({ testNumbers: true })), refused('in the body'))
})

t.test('an agreement allows it in one direction or both', async (t) => {
  const reply = (permission: Permission): void =>
    guard.reply(permission, { headers: [['x-id', '1']], body: bodyOf(Buffer.from(IDNR)) })
  const inRequest: Permission = { ...NOWHERE, idnr: ['request'] }
  const inReply: Permission = { ...NOWHERE, idnr: ['reply'] }
  const both: Permission = { ...NOWHERE, idnr: ['request', 'reply'] }

  for (const permission of [inRequest, both, META_PERMISSION])
    t.equal(ask({ path: `/${IDNR}`, body: IDNR }, permission), 'allowed')
  t.match(ask({ body: IDNR }, inReply), /IdentifierNotAllowed/)
  for (const permission of [NOWHERE, inRequest])
    t.throws(() => reply(permission), { code: 'ServiceFailed.IdentifierNotAllowed' })
  for (const permission of [inReply, both]) t.doesNotThrow(() => reply(permission))
  t.throws(() => guard.reply(NOWHERE, { headers: [['x-id', IDNR]], body: undefined }), {
    code: 'ServiceFailed.IdentifierNotAllowed',
  })
})

t.test('what lists of records show never holds one, whatever is allowed', async (t) => {
  const call = (service: string, client: string, id: string): unknown =>
    parseCall({ method: 'GET', target: `/r1/${service}`, rawHeaders: ['X-Road-Client', client, 'X-Road-Id', id] })
  const [service, client] = ['OWL/GOV/05711000/KFZ/x', 'OWL/GOV/05774/KFZ']

  t.doesNotThrow(() => call(service, client, '0199a2b3-1234-7890-8604-123456789012'))
  const shown: [string, string, string][] = [
    [`OWL/GOV/05711000/KFZ/${IDNR}`, client, '1'],
    [service, `OWL/GOV/05774/${IDNR}`, '1'],
    [service, client, IDNR],
    [service, client, `vorgang ${TEST_NUMBER}`],
  ]
  for (const parts of shown) {
    t.throws(() => call(...parts), { code: 'BadRequest', message: /contains an identification number$/ })
    t.throws(() => call(...parts), { message: /^[^0-9]*$/ })
  }
})

t.test('a large body is looked through on its way to the disk', async (t) => {
  const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 1000 })
  const receive = async (text: string) =>
    spool.receive(Readable.from([Buffer.from(text)]), { bytesMax: 1e7, tooLarge: 'BadRequest' })
  const filling = 'Paderborn, '.repeat(20_000)
  // 64 KiB is one part: the number lies across two of them.
  const across = `${filling.slice(0, 65_529)} ${IDNR} ${filling}`
  for (const text of [`${IDNR} ${filling}`, `${filling}${filling}${IDNR}`, across]) {
    const body = await receive(text)
    t.ok(body?.file)
    t.throws(() => guard.reply(NOWHERE, { headers: [], body }), { code: 'ServiceFailed.IdentifierNotAllowed' })
    await body?.dispose()
  }
  const clean = await receive(filling + filling)
  t.ok(clean?.file)
  t.doesNotThrow(() => guard.reply(NOWHERE, { headers: [], body: clean }))
})
