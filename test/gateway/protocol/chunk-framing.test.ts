import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { EXTENSION_OCTETS_MAX, scanChunks, startChunkScan } from '../../../gateway/protocol/chunk-framing.ts'

function scanWhole(text: string): readonly [at: number, end: string, refused: string | undefined] {
  const scan = startChunkScan()
  return [scanChunks(scan, Buffer.from(text, 'latin1'), 0), scan.at, scan.refused]
}

t.test('takes plain chunks, and nothing after them is looked at', (t) => {
  for (const body of [
    '0\r\n\r\n',
    '3\r\nabc\r\n0\r\n\r\n',
    '0003\r\na\r\n\r\n00\r\n\r\n',
    '3;a=b;c="d;e"\r\nabc\r\n0;x\r\n\r\n',
    `1;${'a'.repeat(EXTENSION_OCTETS_MAX)}\r\na\r\n0;\r\n\r\n`,
    'A\r\n0123456789\r\n1\r\n;\r\n0\r\n\r\n',
  ]) {
    t.strictSame(scanWhole(body), [-1, 'done', undefined], JSON.stringify(body))
    t.strictSame(scanWhole(`${body}GET /;`), [-1, 'done', undefined])
  }
  t.end()
})

t.test('finds the first octet that is not plain', (t) => {
  const refused: ReadonlyArray<readonly [string, number, string]> = [
    [';a=b\r\nabc\r\n0\r\n\r\n', 0, 'chunk-framing'],
    ['3 \r\nabc\r\n0\r\n\r\n', 1, 'chunk-framing'],
    ['3;a\nabc\r\n0\r\n\r\n', 3, 'chunk-framing'],
    ['3;a\rb\r\nabc\r\n0\r\n\r\n', 4, 'chunk-framing'],
    ['3;"\x7f"\r\nabc\r\n0\r\n\r\n', 3, 'chunk-framing'],
    [`1;${'a'.repeat(EXTENSION_OCTETS_MAX)}\r\na\r\n0;a\r\n\r\n`, EXTENSION_OCTETS_MAX + 9, 'chunk-framing'],
    ['3\nabc', 1, 'chunk-framing'],
    ['3\r\nabcd', 6, 'chunk-framing'],
    ['3\r\nabc\rX', 7, 'chunk-framing'],
    ['\r\n', 0, 'chunk-framing'],
    ['-3', 0, 'chunk-framing'],
    ['0x3', 1, 'chunk-framing'],
    ['20000000000000', 13, 'chunk-framing'],
    ['0\r\nX: y\r\n\r\n', 3, 'trailer'],
    ['3\r\nabc\r\n0\r\nX: y\r\n\r\n', 11, 'trailer'],
    ['0\r\n\rX', 4, 'chunk-framing'],
  ]
  for (const [body, at, reason] of refused) {
    const [found, , why] = scanWhole(body)
    t.strictSame([found, why], [at, reason], JSON.stringify(body))
  }
  t.end()
})

t.test('finds the same wherever the octets are cut', (t) => {
  const chunk = fc.tuple(
    fc.string({ minLength: 1, maxLength: 40 }),
    fc.constantFrom('', '', ';a', ';a="b;c"', ';\t', ' ', ';\n'),
  )
  fc.assert(
    fc.property(
      fc.array(chunk),
      fc.constantFrom('', '', 'X: y\r\n'),
      fc.array(fc.nat(400)),
      (chunks, trailer, cuts) => {
        const bodies = chunks.map(([data, extension]) => {
          const length = Buffer.byteLength(data)
          return `${length.toString(16)}${extension}\r\n${data}\r\n`
        })
        const octets = Buffer.from(`${bodies.join('')}0\r\n${trailer}\r\n`)
        const whole = startChunkScan()
        const expected = scanChunks(whole, octets, 0)
        equal(expected === -1, trailer === '' && chunks.every(([, extension]) => !/[ \n]/.test(extension)))

        const scan = startChunkScan()
        const edges = [...new Set([0, octets.length, ...cuts.filter((cut) => cut < octets.length)])].sort(
          (a, b) => a - b,
        )
        let found = -1
        for (let i = 1; i < edges.length && found === -1; i++) {
          const start = edges[i - 1] ?? 0
          const at = scanChunks(scan, octets.subarray(start, edges[i]), 0)
          if (at !== -1) found = start + at
        }
        equal(found, expected)
        equal(scan.refused, whole.refused)
      },
    ),
  )
  t.end()
})
