import { createHash } from 'node:crypto'
import { fastify } from 'fastify'
import t from 'tap'
import type { FaultCode } from '../../../gateway/errors.ts'
import { FAULTS } from '../../../gateway/errors.ts'
import { GERMAN_FAULTS } from '../../../gateway/german-faults.ts'
import { helpPages } from '../../../gateway/http/help-pages.ts'

const CODES = Object.keys(FAULTS) as FaultCode[]

const app = fastify()
await app.register(helpPages)
t.teardown(() => app.close())

/** The text a reader sees. */
function textOf(page: string): string {
  return page
    .replace(/<style>[\s\S]*<\/style>/, '')
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
}

t.test('every code has a German text of its own, and no other has one', async (t) => {
  t.same(Object.keys(GERMAN_FAULTS).sort(), [...CODES].sort())
  for (const code of CODES) {
    const { message, help } = GERMAN_FAULTS[code]
    for (const text of [message, help]) {
      t.match(text, /^[A-ZÄÖÜ].{10,}[.?]$/, `${code} is whole sentences`)
      t.notMatch(text, /\b(?:the|must|check|gateway's)\b/, `${code} is German`)
    }
    t.not(message, FAULTS[code].message)
  }
  t.equal(new Set(CODES.map((code) => GERMAN_FAULTS[code].message)).size, CODES.length, 'no two say the same')
})

t.test('the page of a code says in both languages what happened and what to do', async (t) => {
  for (const code of CODES) {
    const { statusCode, body, headers } = await app.inject(`/help/errors/${code}`)
    const text = textOf(body)

    t.equal(statusCode, 200, code)
    t.equal(headers['content-type'], 'text/html; charset=utf-8')
    for (const row of [FAULTS[code], GERMAN_FAULTS[code]])
      t.ok(text.includes(row.message) && text.includes(row.help), code)
    t.match(body, /^<!DOCTYPE html>\n<html lang="de">/)
    t.match(body, `<title>${code} · `)
    t.equal(body.match(/<h1>/g)?.length, 1)
    t.match(body, '<section lang="en">')
  }
})

t.test('the list leads to every page', async (t) => {
  const { statusCode, body } = await app.inject('/help/errors')

  t.equal(statusCode, 200)
  const links = [...body.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)
  t.same(
    links,
    CODES.map((code) => `/help/errors/${code}`),
  )
})

t.test('any other code gets the list, and nothing of what was asked comes back', async (t) => {
  const list = (await app.inject('/help/errors')).body
  const others = ['Nothing', 'accessdenied', '%3Cscript%3E', 'constructor', '__proto__', 'toString', 'AccessDenied%00']
  for (const other of others) {
    const { statusCode, body } = await app.inject(`/help/errors/${other}`)
    t.same([statusCode, body === list], [404, true], other)
  }
})

t.test('is the same for everybody and carries nothing that runs', async (t) => {
  const plain = await app.inject('/help/errors/AccessDenied')
  const other = await app.inject({
    url: '/help/errors/AccessDenied?lang=en',
    headers: { host: 'evil.example', 'accept-language': 'en', accept: 'application/xml', cookie: 'a=b' },
  })
  const head = await app.inject({ method: 'HEAD', url: '/help/errors/AccessDenied' })

  t.equal(other.body, plain.body)
  t.same([head.statusCode, head.body, head.headers['content-length']], [200, '', plain.headers['content-length']])
  const { 'content-security-policy': policy = '', ...headers } = plain.headers
  t.match(headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  const style = /<style>([\s\S]*)<\/style>/.exec(plain.body)?.[1] ?? ''
  t.match(policy, `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`)
  t.match(policy, "default-src 'none'")
  t.notMatch(policy, /script-src|unsafe|https?:/)
  t.notMatch(plain.body, /<script|<form|<input|<img|<link|\son[a-z]+=|\sstyle=|javascript:|https?:\/\//i)
})

t.test('nobody sends a body here', async (t) => {
  const { statusCode } = await app.inject({ method: 'POST', url: '/help/errors/AccessDenied', payload: 'x' })
  t.equal(statusCode, 404)
})
