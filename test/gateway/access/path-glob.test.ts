/** Path patterns of rights. Contract §2.7, vectors after X-Road's PathGlobTest. */

import fc from 'fast-check'
import t from 'tap'
import { pathMatches } from '../../../gateway/access/path-glob.ts'

const vectors: [pattern: string, path: string, expected: boolean][] = [
  ['**', '', true],
  ['**', '/', true],
  ['**', '/a/b/c', true],
  ['', '', true],
  ['', '/', false],
  ['/v1', '/v1', true],
  ['/v1', '/v1/', false],
  ['/v1', '/V1', false],
  ['/*', '/a', true],
  ['/*', '/', true],
  ['/*', '/a/b', false],
  ['/*/', '/a/b/', false],
  ['/*/b', '/a/b', true],
  ['/**/b', '/a/x/b', true],
  ['/**/b', '/a/x/c', false],
  ['/a*c', '/abbbc', true],
  ['/a*c', '/ab/c', false],
  ['**\\*', '/what/ever*', true],
  ['**\\*', '/what/ever', false],
  ['/\\\\', '/\\', true],
  ['.^$+{[]|()', '.^$+{[]|()', true],
  ['/a.c', '/abc', false],
  ['/v1/*', '/v1/a%2Fb', true],
  ['/v1/a/b', '/v1/a%2Fb', false],
  ['/v1/admin', '/v1/%61dmin', false],
]
for (const [pattern, path, expected] of vectors) {
  t.test(`${pattern || '(empty)'} ${expected ? 'covers' : 'does not cover'} ${path || '(empty)'}`, async (t) => {
    t.equal(pathMatches(pattern, path), expected)
  })
}

t.test('a pattern without stars covers itself and nothing else', async (t) => {
  const text = fc.string({ maxLength: 20 }).filter((value) => !/[*\\]/.test(value))
  fc.assert(
    fc.property(text, text, (pattern, path) => {
      t.equal(pathMatches(pattern, path), pattern === path)
    }),
    { numRuns: 300 },
  )
})

t.test('whatever the pattern, it says what the regular expression for it would', async (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '*', '\\'), maxLength: 8 })
  fc.assert(
    fc.property(text, text, (pattern, path) => {
      t.equal(pathMatches(pattern, path), regexOf(pattern).test(path), `${pattern} ${path}`)
    }),
    { numRuns: 2000 },
  )
})

t.test('no path takes long, however many stars', async (t) => {
  const started = performance.now()

  t.notOk(pathMatches('/**a**a**a**a**b', `/${'a'.repeat(1999)}`))
  t.notOk(pathMatches('/*-*-*-*-*/x', `/${'-'.repeat(1999)}`))
  t.notOk(pathMatches('/**/a/**/a/**/a/**/b', '/a'.repeat(1000)))

  t.ok(performance.now() - started < 1000)
})

/** Good for short paths: it backtracks. */
function regexOf(pattern: string): RegExp {
  const source = pattern.replace(/\\([*\\])|\*{2,}|\*|\\|[/]/g, (token, escaped?: string) => {
    if (escaped !== undefined) return `\\${escaped}`
    if (token.startsWith('**')) return '.*'
    return token === '*' ? '[^/]*' : `\\${token}`
  })
  return new RegExp(`^${source}$`, 's')
}
