import t from 'tap'
import type { FaultCode } from '../../../gateway/errors.ts'
import { FAULTS, faultOf, GatewayError } from '../../../gateway/errors.ts'
import { faultOfError, readFaultBody, renderFault } from '../../../gateway/http/fault-reply.ts'

const ID = '01990000-0000-7000-8000-000000000000'
const CODES = Object.keys(FAULTS) as FaultCode[]
const PROXIES = ['ClientProxy', 'ServerProxy'] as const

/** The only codes that X-Road's document has a 400 for: PR-REST §4.6, third category. */
const PROTOCOL = ['BadRequest']
/** What the sender of a request changes, whoever finds it. */
const CALLERS: readonly string[] = [
  ...['BadRequest', 'UnknownMember', 'UnknownService', 'InvalidSecurityServer', 'ServiceType'],
  ...['PurposeNotAllowed', 'IdentifierNotAllowed', 'InvalidBody', 'InvalidContentType', 'TooManyRequests'],
]
const ON_THE_WAY = ['NetworkError', 'OutcomeUnknown']

t.test('status, type, side, retryable and help of every row', (t) => {
  for (const code of CODES) {
    for (const proxy of PROXIES) {
      const { status, body } = faultOfError(new GatewayError(code), proxy, ID, 'admitted')
      const about = `${proxy} ${code}`
      const isProtocol = PROTOCOL.includes(code)

      t.equal(status, isProtocol ? 400 : 500, about)
      t.equal(body.type, isProtocol ? `Client.${code}` : `Server.${proxy}.${code}`, about)
      t.equal(body.side, sideExpected(code, proxy), about)
      t.equal(body.help, `/help/errors/${code}`, about)
      t.equal(body.message, FAULTS[code].message, about)
      t.equal(body.retryable, faultOf(code).retryable === true, about)
    }
  }
  t.end()
})

t.test('what somebody may have acted on is not to be repeated, whatever the row says', (t) => {
  const acted = { ClientProxy: ['sent', 'verified', 'concluded'], ServerProxy: ['recorded', 'delivered', 'sealed'] }
  for (const code of CODES) {
    for (const proxy of PROXIES) {
      for (const stage of acted[proxy])
        t.equal(faultOfError(new GatewayError(code), proxy, ID, stage).body.retryable, false, `${code} after ${stage}`)
    }
  }
  t.end()
})

t.test('every form of an error has the same status and points to the same page', (t) => {
  for (const code of CODES) {
    const { status, body } = faultOfError(new GatewayError(code), 'ServerProxy', ID, 'permitted')
    const problem = JSON.parse(renderFault(body, status, 'application/problem+json').octets.toString())
    t.match(problem, { type: body.help, status, title: body.message, code: body.type, side: body.side })
    t.same(JSON.parse(renderFault(body, status, undefined).octets.toString()), body)
  }
  t.end()
})

t.test('help is our own page, whatever the other gateway says', (t) => {
  const told = { message: 'No', detail: ID, help: 'https://evil.example/', side: 'network' }
  for (const code of CODES) {
    const type = `Server.ServerProxy.${code}`
    t.match(readFaultBody(JSON.stringify({ ...told, type })), { type, help: `/help/errors/${code}` }, code)
  }
  const snake = readFaultBody(JSON.stringify({ ...told, type: 'server.server_proxy.access_denied' }))
  t.match(snake, { type: 'Server.ServerProxy.AccessDenied', help: '/help/errors/AccessDenied' })
  const unknown = readFaultBody(JSON.stringify({ ...told, type: 'Server.ServerProxy.MimeParsingFailed' }))
  t.equal(unknown?.help, '/help/errors', 'the list, for a code of another product')
  t.end()
})

function sideExpected(code: FaultCode, proxy: (typeof PROXIES)[number]): string {
  if (CALLERS.includes(code)) return 'consumer-system'
  if (code.startsWith('ServiceFailed.')) return 'provider-system'
  if (ON_THE_WAY.includes(code) && proxy === 'ClientProxy') return 'network'
  return proxy === 'ClientProxy' ? 'consumer-gateway' : 'provider-gateway'
}
