import { deepStrictEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { JsonLimits, JsonReason } from '../../../gateway/protocol/json.ts'
import { JSON_LIMITS, JsonError, parseStrictJson } from '../../../gateway/protocol/json.ts'

/** @returns what was refused, as `reason@offset`, or the value */
function parse(document: string | Uint8Array, limits?: JsonLimits): unknown {
  try {
    return parseStrictJson(typeof document === 'string' ? Buffer.from(document) : document, limits)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    return `${error.reason}@${error.offset}`
  }
}

/** A document as the name of a test: TAP is a format of lines. */
function name(document: string): string {
  return document.replace(/[^ -~]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** The `y_` files of JSONTestSuite, by what they try. */
const TAKEN = [
  '[[]   ]',
  '[""]',
  '[]',
  '["a"]',
  '[false]',
  '[null, 1, "1", {}]',
  '[null]',
  '[1\n]',
  ' [1]',
  '[1,null,null,null,2]',
  '[2] ',
  '[123e65]',
  '[0e+1]',
  '[0e1]',
  '[ 4]',
  '[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]',
  '[20e1]',
  '[-0]',
  '[-0.0]',
  '[-123]',
  '[-1]',
  '[1E22]',
  '[1E-2]',
  '[1E+2]',
  '[123e45]',
  '[123.456e78]',
  '[1e-2]',
  '[1e+2]',
  '[123]',
  '[123.456789]',
  '{"asd":"sdf", "dfg":"fgh"}',
  '{"asd":"sdf"}',
  '{}',
  '{"":0}',
  '{"foo\\u0000bar": 42}',
  '{ "min": -1.0e+28, "max": 1.0e+28 }',
  '{"x":[{"id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}], "id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}',
  '{"a":[]}',
  '{"title":"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430"}',
  '{\n"a": "b"\n}',
  '["\\u0060\\u012a\\u12AB"]',
  '["\\uD801\\udc37"]',
  '["\\ud83d\\ude39\\ud83d\\udc8d"]',
  '["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
  '["\\\\u0000"]',
  '["\\""]',
  '["a/*b*/c/*d//e"]',
  '["\\\\a"]',
  '["\\\\n"]',
  '["\\u0012"]',
  '["\\uFFFF"]',
  '["asd"]',
  '[ "asd"]',
  '["\\uDBFF\\uDFFF"]',
  '["new\\u00A0line"]',
  '["\u{10ffff}"]',
  '["\uffff"]',
  '["\\u0000"]',
  '["\\u002c"]',
  '["π"]',
  '["\u{1bfff}"]',
  '["asd "]',
  '" "',
  '["\\u0821"]',
  '["\\u0123"]',
  '["\u2028"]',
  '["\u2029"]',
  '["\\u0061\\u30af\\u30EA\\u30b9"]',
  '["\x7f"]',
  '["\\uA66D"]',
  '["\\uDBFF\\uDFFE"]',
  '["\\u200B"]',
  '["\\u2064"]',
  '["\\uFDD0"]',
  '["\\u0022"]',
  '["aéĀ€𝄞"]',
  'false',
  '42',
  '-0.1',
  'null',
  '"asd"',
  'true',
  '""',
  '["a"]\n',
  '[true]',
  ' [] ',
  '\t\r\n{ "a" : [ 1 , 2 ] , "b" : { } }\t\r\n',
]

/** The `n_` files, by what they try, and where we stop. */
const BROKEN: ReadonlyArray<readonly [document: string, offset: number]> = [
  ['', 0],
  [' ', 1],
  ['[1 true]', 3],
  ['["": 1]', 3],
  ['[""],', 4],
  ['[,1]', 1],
  ['[1,,2]', 3],
  ['["x",,]', 5],
  ['["x"]]', 5],
  ['["",]', 4],
  ['["x"', 4],
  ['[x', 1],
  ['[3[4]]', 2],
  ['[1:2]', 2],
  ['[,]', 1],
  ['[-]', 1],
  ['[   , ""]', 4],
  ['["a",\n4\n,1,', 11],
  ['[1,]', 3],
  ['["\va"\\f]', 2],
  ['[*]', 1],
  ['[""', 3],
  ['[1,', 3],
  ['[{}', 3],
  ['[fals]', 1],
  ['[nul]', 1],
  ['[tru]', 1],
  ['[++1234]', 1],
  ['[+1]', 1],
  ['[+Inf]', 1],
  ['[-01]', 1],
  ['[-1.0.]', 5],
  ['[-2.]', 1],
  ['[-NaN]', 1],
  ['[.-1]', 1],
  ['[.2e-3]', 1],
  ['[0.1.2]', 4],
  ['[0.3e+]', 1],
  ['[0.3e]', 1],
  ['[0.e1]', 1],
  ['[0E+]', 1],
  ['[0E]', 1],
  ['[1.0e+]', 1],
  ['[1.0e-]', 1],
  ['[1.0e]', 1],
  ['[1 000.0]', 3],
  ['[1eE2]', 1],
  ['[2.e+3]', 1],
  ['[2.e3]', 1],
  ['[9.e+]', 1],
  ['[Inf]', 1],
  ['[NaN]', 1],
  ['[１]', 1],
  ['[1+2]', 2],
  ['[0x1]', 2],
  ['[0x42]', 2],
  ['[Infinity]', 1],
  ['[0e+-1]', 1],
  ['[-123.123foo]', 9],
  ['[123', 4],
  ['[-Infinity]', 1],
  ['[-foo]', 1],
  ['[- 1]', 1],
  ['[-012]', 1],
  ['[-.123]', 1],
  ['[-1x]', 3],
  ['[1ea]', 1],
  ['[1e1', 4],
  ['[1.]', 1],
  ['[.123]', 1],
  ['[1.2a-3]', 4],
  ['[1.801167H-308]', 9],
  ['[012]', 1],
  ['["x", truth]', 6],
  ['{[: "x"}\n', 1],
  ['{"x", null}', 4],
  ['{"x"::"b"}', 5],
  ['{🇨🇭}', 1],
  ['{"a":"a" 123}', 9],
  ["{key: 'value'}", 1],
  ['{"a" b}', 5],
  ['{:"b"}', 1],
  ['{"a":', 5],
  ['{"a"', 4],
  ['{1:1}', 1],
  ['{9999E9999:1}', 1],
  ['{null:null,null:null}', 1],
  ['{"id":0,,,,,}', 8],
  ["{'a':0}", 1],
  ['{"id":0,}', 8],
  ['{"a":"b"}/**/', 9],
  ['{"a":"b"}#', 9],
  ['{"a":"b",,"c":"d"}', 9],
  ['{a: "b"}', 1],
  ['{"a":"a', 7],
  ['{ "foo" : "bar", "a" }', 21],
  ['{"a":"b"}#{}', 9],
  ['["\\uD800\\u1"]', 8],
  ['["\\uD800\\u1x"]', 8],
  ['[é]', 1],
  ['["\\x00"]', 2],
  ['["\\\\\\"]', 7],
  ['["\\\t"]', 2],
  ['["\\🌀"]', 2],
  ['["\\"]', 5],
  ['["\\u00A"]', 2],
  ['["\\a"]', 2],
  ['["\\uqqqq"]', 2],
  ['[\\u0020"asd"]', 1],
  ['[\\n]', 1],
  ['"', 1],
  ["['single quote']", 1],
  ['abc', 0],
  ['["\\', 2],
  ['["a\u0000a"]', 3],
  ['["new\nline"]', 5],
  ['["\t"]', 2],
  ['"\\UA66D"', 1],
  ['""x', 2],
  ['<.>', 0],
  ['[<null>]', 1],
  ['[1]x', 3],
  ['[1]]', 3],
  ['["asd]', 6],
  ['aå', 0],
  ['[True]', 1],
  ['1]', 1],
  ['{"x": true,', 11],
  ['[][]', 2],
  [']', 0],
  ['}', 0],
  ['[', 1],
  ['{', 1],
  ['[1}', 2],
  ['{"a":1]', 6],
  ['{]', 1],
  ['[}', 1],
  ['["a', 3],
  ['{"asd":"asd"', 12],
  ['[\u2060]', 1],
  ['[\f]', 1],
  ['\u00a0[]', 0],
  ['truefalse', 4],
  ['nan', 0],
  ['01', 0],
  ['-', 0],
  ['--1', 0],
  ['1e5.', 3],
]

t.test('takes what RFC 8259 makes', (t) => {
  for (const document of TAKEN) t.strictSame(parse(document), JSON.parse(document), name(document))
  t.end()
})

t.test('refuses what RFC 8259 does not, where it goes wrong', (t) => {
  for (const [document, offset] of BROKEN) {
    t.throws(() => JSON.parse(document), SyntaxError, name(document))
    t.equal(parse(document), `syntax@${offset}`, name(document))
  }
  t.end()
})

t.test('refuses octets that are not UTF-8, where they are not', (t) => {
  const broken: ReadonlyArray<readonly [octets: readonly number[], offset: number]> = [
    [[0xff], 0],
    [[0x5b, 0x22, 0xe9, 0x22, 0x5d], 2],
    [[0x5b, 0x22, 0xc3, 0xa4, 0xc0, 0xaf, 0x22, 0x5d], 4],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    [[0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], 1],
    [[0x22, 0xfc, 0x83, 0xbf, 0xbf, 0xbf, 0xbf, 0x22], 1],
    [[0x22, 0x61, 0xe2, 0x82], 2],
    [[0x22, 0x81, 0x22], 1],
    [[0xef, 0xbb, 0xbf, 0x7b, 0x7d], 0],
    [[0xff, 0xfe, 0x5b, 0x00, 0x5d, 0x00], 0],
    [[0xef, 0xbb], 0],
  ]
  for (const [octets, offset] of broken) t.equal(parse(Uint8Array.from(octets)), `encoding@${offset}`)
  t.equal(parse(Buffer.from('[]', 'utf16le')), 'syntax@1')
  t.equal(parse('[\ufeff]'), 'syntax@1')
  t.end()
})

t.test('refuses what parsers read differently', (t) => {
  const refused: ReadonlyArray<readonly [document: string, reason: JsonReason, offset: number]> = [
    ['{"a":1,"a":1}', 'duplicate-name', 7],
    ['{"a":1,"\\u0061":2}', 'duplicate-name', 7],
    ['{"\\u0061":1,"a":2}', 'duplicate-name', 12],
    ['[{"x":{"ä":1,"b":{},"ä":2}}]', 'duplicate-name', 21],
    ['{"":1,"b":1,"":1}', 'duplicate-name', 12],
    ['{"__proto__":{}}', 'prototype', 1],
    ['[[{"a":{"__proto__":1}}]]', 'prototype', 8],
    ['{"__pr\\u006fto__":{}}', 'prototype', 1],
    ['{"constructor":{"prototype":{}}}', 'prototype', 16],
    ['{"a":1,"constructor" : { "b":[{}], "prototype":{}}}', 'prototype', 35],
    ['{"constr\\u0075ctor":{"protot\\u0079pe":{}}}', 'prototype', 21],
    ['["\\uD800"]', 'lone-surrogate', 2],
    ['["\\uDC00"]', 'lone-surrogate', 2],
    ['["a\\uDD1E\\uD834"]', 'lone-surrogate', 3],
    ['["\\uD800\\uD800"]', 'lone-surrogate', 2],
    ['["\\uD800\\n"]', 'lone-surrogate', 2],
    ['["\\uD800abc"]', 'lone-surrogate', 2],
    ['{"\\uDFFF":1}', 'lone-surrogate', 2],
    ['9007199254740992', 'number', 0],
    ['-9007199254740992', 'number', 0],
    ['[100000000000000000000]', 'number', 1],
    ['[-123123123123123123123123123123]', 'number', 1],
    ['[1e400]', 'number', 1],
    ['[-1e+9999]', 'number', 1],
    ['[0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999999]', 'number', 1],
    ['[1e-400]', 'number', 1],
    ['[123.456e-789]', 'number', 1],
    ['[0.10000000000000000555]', 'number', 1],
    ['[9007199254740993.0]', 'number', 1],
    ['{"a":3.141592653589793238}', 'number', 5],
  ]
  for (const [document, reason, offset] of refused) {
    t.doesNotThrow(() => JSON.parse(document), document)
    t.equal(parse(document), `${reason}@${offset}`, document)
  }
  t.equal(Reflect.get({}, 'x'), undefined)
  t.end()
})

t.test('takes what only looks like it', (t) => {
  for (const document of [
    '[{"a":1},{"a":1}]',
    '{"a":{"a":{"a":1}},"A":1,"aa":1}',
    '{"prototype":{"constructor":1},"constructor":{"a":{"prototype":1}}}',
    '{"constructor":1,"b":{"prototype":1}}',
    '{"constructor":"prototype","prototype":2}',
    '["__proto__"]',
    '{"x":"__proto__","_proto__":1,"__proto_":1}',
    '9007199254740991',
    '-9007199254740991',
    '[0.1,0.10,10.50,1e1,100e-2,0.000001,123456789012345.0,1.7976931348623157e308,5e-324,0e999,-0e-5,0.0]',
    '[0.1234567890123456, 12345678901234.25]',
  ]) {
    // As text: tap compares nothing that has a member called `constructor`.
    t.equal(JSON.stringify(parse(document)), JSON.stringify(JSON.parse(document)), document)
  }
  t.ok(Object.is(parse('-0'), -0))
  t.end()
})

t.test('has limits', (t) => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  t.type(parse(nested(64)), Array)
  t.equal(parse(nested(65)), 'depth@64')
  t.equal(parse('{"a":'.repeat(65)), 'depth@320')
  t.equal(parse('['.repeat(1_000_000)), 'depth@64')

  const members = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":0`).join()}}`
  t.equal(Object.keys(parse(members(10_000)) as object).length, 10_000)
  t.match(parse(members(10_001)), /^members@/)
  t.match(parse(`${members(9_000).slice(0, -1)},"k4000":1}`), /^duplicate-name@/)
  t.strictSame(
    parse(`[${members(30)},${members(40)},${members(3)}]`),
    JSON.parse(`[${members(30)},${members(40)},${members(3)}]`),
  )

  const string = (length: number): string => `["${'x'.repeat(length)}"]`
  t.type(parse(string(JSON_LIMITS.stringBytesMax)), Array)
  t.equal(parse(string(JSON_LIMITS.stringBytesMax + 1)), 'string-length@1')
  t.equal(parse('{"abc":1}', { ...JSON_LIMITS, stringBytesMax: 2 }), 'string-length@1')
  t.equal(parse('7', { ...JSON_LIMITS, depthMax: 0 }), 7)
  t.equal(parse('{}', { ...JSON_LIMITS, depthMax: 0 }), 'depth@0')
  t.end()
})

t.test('a fault names no value', (t) => {
  try {
    parseStrictJson(Buffer.from('{"steuerid":"12345678911","steuerid":1}'))
    t.fail('taken')
  } catch (error) {
    t.type(error, JsonError)
    t.equal((error as Error).message, 'The JSON is refused at octet 26: duplicate-name')
    t.equal((error as Error).cause, undefined)
  }
  t.end()
})

t.test('takes a piece of a larger buffer', (t) => {
  t.strictSame(parse(Buffer.from('xx[1]yy').subarray(2, 5)), [1])
  t.end()
})

t.test('reads every document it takes as JSON.parse does', (t) => {
  const space = fc.constantFrom('', '', ' ', '\n\t ', '\r\n')
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }), space, (value, indent) => {
      const document = indent + JSON.stringify(value, null, indent) + indent
      const parsed = parse(document)
      // What our rules refuse beyond the grammar may come up: a name __proto__, an integer beyond 2^53.
      if (typeof parsed === 'string' && /^(number|prototype)@/.test(parsed)) return
      deepStrictEqual(parsed, JSON.parse(document))
    }),
    { numRuns: 300 },
  )
  t.pass('300 documents')
  t.end()
})

t.test('takes nothing that JSON.parse refuses, and reads what is left of damaged documents the same', (t) => {
  const damage = fc.record({
    at: fc.nat(400),
    cut: fc.nat(3),
    put: fc.constantFrom('', '"', '\\', ',', ':', '{', ']', '0', '-', 'e', 'u', ' ', '\n', 'é'),
  })
  let taken = 0
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.array(damage, { minLength: 1, maxLength: 3 }), (value, damages) => {
      let document = JSON.stringify(value)
      for (const { at, cut, put } of damages) {
        const where = at % (document.length + 1)
        document = document.slice(0, where) + put + document.slice(where + cut)
      }
      const parsed = outcome(() => parseStrictJson(Buffer.from(document)))
      const expected = outcome(() => JSON.parse(document))
      if (expected.failed)
        ok(
          (parsed.failed && /: (syntax|depth|encoding)/.test(parsed.message)) || onlyStricter(parsed.message),
          document,
        )
      else if (!parsed.failed) {
        taken++
        deepStrictEqual(parsed.value, expected.value, document)
      } else ok(onlyStricter(parsed.message), `${parsed.message} ${document}`)
    }),
    { numRuns: 3000 },
  )
  t.ok(taken > 100, `${taken} damaged documents were still documents`)
  t.end()
})

t.test('numbers: taken exactly when the double prints as the same decimal', (t) => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 22 })
  const exponent = fc.option(fc.integer({ min: -330, max: 330 }))
  fc.assert(
    fc.property(digits, fc.option(digits), exponent, (whole, fraction, power) => {
      const literal = `${whole.replace(/^0+(?=.)/, '')}${fraction === null ? '' : `.${fraction}`}${power === null ? '' : `e${power}`}`
      const value = Number(literal)
      const expected = fraction === null && power === null ? Number.isSafeInteger(value) : sameDecimal(literal, value)
      equal(parse(literal), expected ? value : 'number@0', literal)
    }),
    { numRuns: 2000 },
  )
  t.pass('2000 numbers')
  t.end()
})

/** By whole numbers: both sides times 10^400. */
function sameDecimal(literal: string, value: number): boolean {
  return Number.isFinite(value) && scaled(literal) === scaled(String(value))
}

function scaled(literal: string): bigint {
  const [mantissa = '', power = '0'] = literal.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return BigInt(whole + fraction) * 10n ** BigInt(400 - fraction.length + Number(power))
}

interface Outcome {
  readonly failed: boolean
  readonly message: string
  readonly value: unknown
}

function outcome(parse: () => unknown): Outcome {
  try {
    return { failed: false, message: '', value: parse() }
  } catch (error) {
    return { failed: true, message: (error as Error).message, value: undefined }
  }
}

function onlyStricter(message: string): boolean {
  return /: (duplicate-name|prototype|lone-surrogate|number)$/.test(message)
}
