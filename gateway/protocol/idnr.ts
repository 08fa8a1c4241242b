/**
 * Finds identification numbers in octets of any kind: § 139b AO, ISO 7064 MOD 11,10.
 *
 * One is found as eleven digits in a row, in its printed form 2-3-3-3 with one separator throughout, or as a run of
 * digits and single separators that has eleven digits in all; also as programs write it that take it for a quantity
 * (`86095742719.0`, `8.6095742719E10`), and in full-width digits. Separators are blank (also no-break, figure, thin, hair
 * and of no width), `.`, `-` (also the hyphens of Unicode, the figure and the en dash) and `/`. What stands directly beside a letter is part of something else (a UUID, a hash, base64); what follows `+` is a
 * telephone number, what stands behind a decimal point a fraction, 3/4/4 and 3/3/5 with slashes a Steuernummer. Of all
 * other numbers of eleven digits one in 270 passes check digit and repetition rule.
 */

/** `test`: it begins with 0, which is never issued. */
export type IdnrFinding = 'none' | 'test' | 'issued'

const DIGITS = 11

/** What else ends a run. Octets of zero count as nothing, so that UTF-16 is read as well. */
const [DIGIT, SEPARATOR, NOTHING] = [1, 2, 3]
const CLASS = new Uint8Array(256)
CLASS[0] = NOTHING
for (let digit = 0x30; digit <= 0x39; digit++) CLASS[digit] = DIGIT
// Blank, point, hyphen, slash; octets of U+00A0, U+00AD, U+2007, U+2009 to U+200B, U+202F, U+2010 to U+2013 in UTF-8.
for (const octet of [0x20, 0x2d, 0x2e, 0x2f, 0xc2, 0xa0, 0xad, 0xe2, 0x80]) CLASS[octet] = SEPARATOR
for (const octet of [0x87, 0x89, 0x8a, 0x8b, 0xaf, 0x90, 0x91, 0x92, 0x93]) CLASS[octet] = SEPARATOR

/** One message, or a part of one that is whole. */
export function findIdnr(octets: Buffer): IdnrFinding {
  return scan(octets, true, true)
}

export interface IdnrScan {
  /** Parts in their order, each but the last of at least `SEAM_BYTES`. */
  add(part: Buffer, isLast: boolean): void
  readonly finding: IdnrFinding
}

/** A number that two parts share is looked for in so many octets before and after the seam. */
export const SEAM_BYTES = 64

/** For what is never in memory as a whole. */
export function openIdnrScan(): IdnrScan {
  let finding: IdnrFinding = 'none'
  let tail: Buffer | undefined
  return {
    add(part, isLast) {
      if (tail !== undefined) {
        const isWhole = isLast && part.length <= SEAM_BYTES
        finding = worse(finding, scan(Buffer.concat([tail, part.subarray(0, SEAM_BYTES)]), false, isWhole))
      }
      finding = worse(finding, scan(part, tail === undefined, isLast))
      tail = Buffer.from(part.subarray(-SEAM_BYTES))
    },
    get finding() {
      return finding
    },
  }
}

function worse(a: IdnrFinding, b: IdnrFinding): IdnrFinding {
  if (a === 'issued' || b === 'issued') return 'issued'
  return a === 'test' ? a : b
}

function scan(octets: Buffer, isBeginning: boolean, isEnd: boolean): IdnrFinding {
  if (octets.length < DIGITS) return 'none'
  const finding = scanRuns(octets, isBeginning, isEnd)
  const narrow = finding === 'issued' ? undefined : narrowed(octets)
  return narrow === undefined ? finding : worse(finding, scanRuns(narrow, isBeginning, isEnd))
}

/** What U+FF0D to U+FF19, full-width hyphen to nine, begin with in UTF-8. */
const WIDE = Buffer.from([0xef, 0xbc])

/** Full-width digits and separators as they are in ASCII; nothing where there are none. */
function narrowed(octets: Buffer): Buffer | undefined {
  if (!octets.includes(WIDE)) return undefined
  const text = octets.toString('latin1')
  // Their last octets are those of ASCII and 0x60.
  const narrow = text.replace(/\xef\xbc([\x8d-\x99])/g, (_, last: string) =>
    String.fromCharCode(last.charCodeAt(0) - 0x60),
  )
  return narrow.length === text.length ? undefined : Buffer.from(narrow, 'latin1')
}

/** Looks at one octet in eleven: what is shorter than that between two looks can be no number. */
function scanRuns(octets: Buffer, isBeginning: boolean, isEnd: boolean): IdnrFinding {
  const { length } = octets
  let finding: IdnrFinding = 'none'
  let judged = 0
  for (let at = DIGITS - 1; at < length; at += DIGITS) {
    if (CLASS[octets[at] as number] === 0) continue
    let start = at
    while (start > judged && CLASS[octets[start - 1] as number] !== 0) start -= 1
    let end = at
    while (end < length && CLASS[octets[end] as number] !== 0) end += 1
    if (end - start >= DIGITS && isTenthPower(octets, end)) {
      const digits = QUANTITY.exec(textOf(octets, start, end))
      if (digits !== null) finding = worse(finding, judge(`${digits[1]}${digits[2]}`.padEnd(DIGITS, '0')))
    }
    if (end - start >= DIGITS && hasShape(octets, start, end)) {
      const before = start === 0 ? (isBeginning ? OUTSIDE : UNKNOWN) : neighbour(octets[start - 1] as number)
      const after = end === length ? (isEnd ? OUTSIDE : UNKNOWN) : neighbour(octets[end] as number)
      finding = worse(finding, findInRun(before + textOf(octets, start, end) + after))
      if (finding === 'issued') return finding
    }
    judged = end
    at = end
  }
  return finding
}

/** Does `E10` follow? `1.0E10` is how Java and its kin write numbers of eleven digits. */
function isTenthPower(octets: Buffer, at: number): boolean {
  if (octets[at] !== 0x45 && octets[at] !== 0x65) return false
  const from = octets[at + 1] === 0x2b ? at + 2 : at + 1
  return octets[from] === 0x31 && octets[from + 1] === 0x30 && CLASS[octets[from + 2] as number] !== DIGIT
}

/** The last number of a run: one digit, a point, nine or ten more. */
const QUANTITY = /(?<![0-9a?+.])([0-9])\.([0-9]{9,10})$/

/** Lengths of four groups of digits, a hexadecimal digit each. */
const PRINTED_SHAPE = 0x2333

/** Nearly all runs of digits and separators (dates, UUIDs, file numbers) are told apart by the lengths of their groups. */
function hasShape(octets: Buffer, start: number, end: number): boolean {
  let digits = 0
  let group = 0
  let shape = 0
  for (let at = start; at <= end; at++) {
    const found = at === end ? SEPARATOR : CLASS[octets[at] as number]
    if (found === DIGIT) group += 1
    else if (found === SEPARATOR && group > 0) {
      if (group === DIGITS) return true
      digits += group
      shape = ((shape << 4) | Math.min(group, 15)) & 0xffff
      if (shape === PRINTED_SHAPE) return true
      group = 0
    }
  }
  return digits === DIGITS
}

/** What may stand beside a number, what may not, and what only the part before or after would tell. */
const OUTSIDE = '|'
const LETTER = 'a'
const UNKNOWN = '?'

function neighbour(octet: number): string {
  if (octet === 0x2b) return '+'
  const upper = octet & 0xdf
  return (upper >= 0x41 && upper <= 0x5a) || octet === 0x5f ? LETTER : OUTSIDE
}

/** Digits and separators of one character each. */
function textOf(octets: Buffer, start: number, end: number): string {
  const text = octets.toString('latin1', start, end)
  if (!/[\0\x80-\xff]/.test(text)) return text
  return text
    .replace(/\0/g, '')
    .replace(/\xc2\xa0|\xe2\x80[\x87\x89-\x8b\xaf]/g, ' ')
    .replace(/\xc2\xad|\xe2\x80[\x90-\x93]/g, '-')
}

/** `.0` behind it is no fraction: it has been through a column of quantities. */
const IN_A_ROW = /(?<![0-9a?+]|[0-9]\.)[0-9]{11}(?![0-9a?]|\.(?!0+(?![0-9?]))[0-9])/g
const PRINTED = /(?<![0-9a?+])[0-9]{2}([ ./-])[0-9]{3}\1[0-9]{3}\1[0-9]{3}(?![0-9a?])/g
/** The whole run; what stands at its ends besides separators is known to be no letter. */
const GROUPED = /^(?:\||[|a][ ./-]+)([0-9]+(?:[ ./-][0-9]+)+)(?:\||[ ./-]+[|a+])$/
const STEUERNUMMER = /^[0-9]{3}\/(?:[0-9]{4}\/[0-9]{4}|[0-9]{3}\/[0-9]{5})$/

function findInRun(text: string): IdnrFinding {
  let finding: IdnrFinding = 'none'
  for (const pattern of [IN_A_ROW, PRINTED]) {
    for (const [found] of text.matchAll(pattern)) finding = worse(finding, judge(found))
  }
  const grouped = GROUPED.exec(text)?.[1]
  if (grouped !== undefined && !STEUERNUMMER.test(grouped)) finding = worse(finding, judge(grouped))
  return finding
}

/** @param text digits and separators */
function judge(text: string): IdnrFinding {
  const digits = text.replace(/[^0-9]/g, '')
  if (digits.length !== DIGITS || !hasRepetition(digits) || !hasCheckDigit(digits)) return 'none'
  return digits.startsWith('0') ? 'test' : 'issued'
}

/** Of the first ten digits one is there twice or, not all adjacent, three times; no other is there again. */
function hasRepetition(digits: string): boolean {
  const counts = new Uint8Array(10)
  for (let at = 0; at < DIGITS - 1; at++) {
    const digit = digits.charCodeAt(at) - 0x30
    counts[digit] = (counts[digit] as number) + 1
  }
  let repeated = 0
  for (const count of counts) {
    if (count > 3) return false
    if (count > 1) repeated += 1
  }
  return repeated === 1 && !/([0-9])\1\1/.test(digits.slice(0, -1))
}

function hasCheckDigit(digits: string): boolean {
  let product = 10
  for (let at = 0; at < DIGITS - 1; at++) {
    const sum = (digits.charCodeAt(at) - 0x30 + product) % 10 || 10
    product = (2 * sum) % 11
  }
  return (11 - product) % 10 === digits.charCodeAt(DIGITS - 1) - 0x30
}
