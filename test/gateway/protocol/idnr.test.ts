/** § 139b AO: every identification number is found, in whatever it stands; what only looks like one is not. */

import fc from 'fast-check'
import t from 'tap'
import type { IdnrFinding } from '../../../gateway/protocol/idnr.ts'
import { findIdnr, openIdnrScan, SEAM_BYTES } from '../../../gateway/protocol/idnr.ts'
import { isIdnr } from '../../../schemas/field-rules.ts'

/** Public examples, and one that was never issued. */
const ISSUED = ['86095742719', '47036892816', '65929970489', '57549285017', '25768131411', '36574261809']
const TEST = '02476291358'
const [IDNR = ''] = ISSUED

const find = (text: string, encoding: BufferEncoding = 'utf8'): IdnrFinding => findIdnr(Buffer.from(text, encoding))

/** Ten digits with one twice or three times, the eleventh by ISO 7064. */
const idnr = fc
  .tuple(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 9, maxLength: 9 }), fc.nat(9), fc.boolean())
  .map(([digits, at, isTriple]) => {
    const ten = isTriple ? [digits[0], ...digits.slice(0, 8), digits[0]] : [...digits, digits[at % 9]]
    return ten.join('')
  })
  .chain((ten) => fc.constantFrom(...Array.from({ length: 10 }, (_, check) => `${ten}${check}`).filter(isIdnr)))

t.test('the public examples are found, and told from test numbers', async (t) => {
  for (const number of ISSUED) t.equal(find(number), 'issued', number)
  t.equal(find(TEST), 'test')
  t.equal(find(`${TEST},${IDNR}`), 'issued', 'the one that was issued counts')
})

t.test('in every place a message has', async (t) => {
  const places = {
    'a JSON string': `{"idnr":"${IDNR}"}`,
    'a JSON number': `{"idnr":${IDNR}}`,
    'a list of numbers': `[1,${IDNR},2]`,
    'XML text': `<idnr>${IDNR}</idnr>`,
    'an attribute': `<p idnr='${IDNR}'/>`,
    'a form': `a=1&idnr=${IDNR}&b=2`,
    CSV: `1;${IDNR};Müller`,
    'a sentence': `Die IDNr ist ${IDNR}.`,
    'German quotes': `„${IDNR}“`,
    'lines of text': `x\n${IDNR}\ny`,
    'numbers beside it': `33098 ${IDNR} 2026-08-15`,
  }
  for (const [place, text] of Object.entries(places)) t.equal(find(text), 'issued', place)
  t.equal(find(`"${IDNR}"`, 'utf16le'), 'issued', 'UTF-16')
  t.equal(findIdnr(Buffer.from(`"${IDNR}"`, 'utf16le').swap16()), 'issued', 'UTF-16, the other way round')
})

t.test('however it is written', async (t) => {
  const printed = [
    '86 095 742 719',
    '86.095.742.719',
    '86-095-742-719',
    '86/095/742/719',
    '86\u00a0095\u00a0742\u00a0719',
  ]
  const grouped = [
    '860 957 427 19',
    '8609-5742-719',
    '8 6 0 9 5 7 4 2 7 1 9',
    '86 095742719',
    '86\u202f095 742\u2011719',
  ]
  for (const text of [...printed, ...grouped]) t.equal(find(`"${text}"`), 'issued', text)
  t.equal(find('33098 Paderborn, 12 86 095 742 719 5'), 'issued', 'the printed form stands out among other numbers')
})

t.test('as programs write it that take it for a quantity', async (t) => {
  const quantities = ['86095742719.0', '86095742719.00', '8.6095742719E10', '8.6095742719e+10', '8.6095742719e10']
  for (const text of quantities) {
    t.equal(find(`{"idnr":${text}}`), 'issued', text)
    t.equal(find(`1;${text};Müller`), 'issued', `${text} in CSV`)
    t.equal(find(text), 'issued', `${text} alone`)
  }
  t.equal(find('{"idnr":1.234567892E10}'), find('{"idnr":12345678920}'), 'a zero at the end is left out')
  t.equal(find('{"idnr":1.234567892E10}'), 'issued')
  for (const text of [
    '8.6095742719E9',
    '8.6095742719E100',
    '8.6095742719E-10',
    '18.6095742719E10',
    '8.6095742718E10',
  ]) {
    t.equal(find(`{"betrag":${text}}`), 'none', text)
  }
  t.equal(find('{"betrag":86095742719.05}'), 'none')
  t.equal(find('{"betrag":86095742719.50}'), 'none')
})

t.test('in digits and separators that only look like those of ASCII', async (t) => {
  const wide = (text: string): string =>
    text.replace(/[0-9.\-/]/g, (sign) => String.fromCodePoint((sign.codePointAt(0) as number) + 0xfee0))
  for (const text of [IDNR, '86.095.742.719', '86-095-742-719', '86 095 742 719']) {
    t.equal(find(`"${wide(text)}"`), 'issued', wide(text))
  }
  t.equal(find(`"${wide(`${IDNR}0`)}"`), 'none')
  t.equal(find(`電話：${wide('05251881234')}、東京`), 'none', 'other numbers of such a text')
  for (const by of ['\u00ad', '\u2007', '\u200a', '\u200b', '\u2010', '\u2012']) {
    const text = `86${by}095${by}742${by}719`
    t.equal(find(`"${text}"`), 'issued', JSON.stringify(by))
    t.equal(find(`"8609${by}5742719"`), 'issued', `once ${JSON.stringify(by)}`)
  }
  const scan = openIdnrScan()
  const octets = Buffer.from(`${'x'.repeat(SEAM_BYTES)}"${wide(IDNR)}"${'x'.repeat(SEAM_BYTES)}`)
  scan.add(octets.subarray(0, SEAM_BYTES + 14), false)
  scan.add(octets.subarray(SEAM_BYTES + 14), true)
  t.equal(scan.finding, 'issued', 'over a seam within one digit')
})

t.test('what only looks like one is not', async (t) => {
  const others = {
    'a wrong check digit': '86095742718',
    'digits that changed places': '68095742719',
    'ten digits': '8609574271',
    'twelve digits': `${IDNR}0`,
    'another before': `0${IDNR}`,
    'ten different digits': '12345678903',
    'one digit four times': '11112345675',
    'three adjacent': '44412356789',
    zeros: '00000000000',
    'part of a word': `a${IDNR}`,
    'part of another word': `${IDNR}b`,
    'part of a hash': `f${IDNR}c0ffee`,
    'behind an underscore': `x_${IDNR}`,
    'a telephone number': `+${IDNR}`,
    'a telephone number with blanks': '+86 095 742 719',
    'a fraction': `3.${IDNR}`,
    'a whole number with a fraction': `${IDNR}.5`,
    'an IBAN': 'DE02 1203 0000 0000 2020 51',
    'a Steuernummer': '860/9574/2719',
    'two separators': '86  095  742  719',
    'different separators and other numbers': '1 86-095.742/719',
    'a line between': '86095\n742719',
  }
  for (const [what, text] of Object.entries(others)) t.equal(find(text), 'none', what)
})

t.test('every number is found in every surrounding', async (t) => {
  const beside = fc.constantFrom('', ' ', '"', ':', '>', '<', '\n', ',', '„', '(', ')', '=', '&', '\t')
  const separator = fc.constantFrom('', ' ', '.', '-', '/', '\u00a0')
  fc.assert(
    fc.property(idnr, beside, beside, separator, fc.string(), fc.string(), (number, before, after, by, left, right) => {
      const text = [number.slice(0, 2), number.slice(2, 5), number.slice(5, 8), number.slice(8)].join(by)
      const outer = (part: string): string => part.replace(/[0-9 ./\-\u0000]/g, '')
      const whole = `${outer(left)},${before}${text}${after},${outer(right)}`
      return find(whole) === (number.startsWith('0') ? 'test' : 'issued')
    }),
    { numRuns: 2000 },
  )
  t.pass('in 2000 of them')
})

t.test('of eleven digits exactly those are found that the rule says', async (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{11}$/), (digits) => (find(digits) !== 'none') === isIdnr(digits)),
    { numRuns: 5000 },
  )
  fc.assert(
    fc.property(idnr, fc.nat(10), fc.integer({ min: 1, max: 9 }), (number, at, by) => {
      const changed = number.slice(0, at) + ((Number(number[at]) + by) % 10) + number.slice(at + 1)
      return find(changed) === 'none'
    }),
    { numRuns: 2000 },
  )
  t.pass('in 7000 cases')
})

t.test('in parts the same is found as in one piece, wherever the seams are', async (t) => {
  const size = SEAM_BYTES * 4
  const scanned = (octets: Buffer, bytes: number): IdnrFinding => {
    const scan = openIdnrScan()
    for (let at = 0; at < octets.length; at += bytes)
      scan.add(octets.subarray(at, at + bytes), at + bytes >= octets.length)
    return scan.finding
  }
  for (let at = 0; at < 2 * size; at++) {
    for (const text of [`"${IDNR}"`, '"86 095 742 719"', '"8609-5742-719"']) {
      const octets = Buffer.alloc(3 * size, '.,')
      octets.write(text, at)
      if (scanned(octets, size) !== 'issued') t.fail(`${text} at ${at}`)
    }
    for (const text of [`"${IDNR}8"`, `"a${IDNR}"`, '"5 8609-5742-719"', `${IDNR}b`]) {
      const octets = Buffer.alloc(3 * size, ',')
      octets.write(text, at)
      if (scanned(octets, size) !== 'none') t.fail(`${text} at ${at} is none`)
    }
  }
  t.pass('at every place')
})
