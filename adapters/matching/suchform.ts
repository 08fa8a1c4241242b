/** Search form and phonetics of names. Sources: DIN 91379 table 9; BMeldDAV annex; Hans Joachim Postel 1969 (Kölner Phonetik). */

import { readJson } from '../../schemas/codelist.ts'

/** Longest sequence of the table in code points: base and two combining characters. */
const SEQUENCE_MAX = 3

let table: Readonly<Record<string, string>> | undefined

/**
 * Upper-case letters A to Z of what the table maps; every other character goes, blank and hyphen too.
 *
 * Digits stay: they cannot occur in names and tell streets apart. An empty result means that nothing was given.
 */
export function suchform(text: string): string {
  table ??= (readJson('codelists/din91379.json') as { searchForm: Record<string, string> }).searchForm
  const points = [...text.normalize('NFC')]
  let form = ''
  for (let at = 0; at < points.length; ) {
    const length = sequenceAt(points, at, table)
    if (length > 0) form += table[points.slice(at, at + length).join('')]
    else if (/^[0-9]$/.test(points[at] ?? '')) form += points[at]
    at += Math.max(length, 1)
  }
  return form
}

/** What registers index a name by. The name that a person rightly does not have is its own key. */
export function searchKey(name: string): string {
  return name === '+' ? name : suchform(name)
}

function sequenceAt(points: readonly string[], at: number, of: Readonly<Record<string, string>>): number {
  for (let length = SEQUENCE_MAX; length > 0; length--) {
    if (at + length <= points.length && of[points.slice(at, at + length).join('')] !== undefined) return length
  }
  return 0
}

/** Kölner Phonetik of the search form, uncut. */
export function koelnerPhonetik(text: string): string {
  const letters = suchform(text).replaceAll(/[0-9]/g, '')
  let code = ''
  for (let at = 0; at < letters.length; at++) {
    code += digitsOf(letters[at] ?? '', letters[at - 1] ?? '', letters[at + 1] ?? '')
  }
  const single = code.replaceAll(/(.)\1+/g, '$1')
  return single.slice(0, 1) + single.slice(1).replaceAll('0', '')
}

function digitsOf(letter: string, before: string, after: string): string {
  if ('AEIJOUY'.includes(letter)) return '0'
  if (letter === 'H') return ''
  if (letter === 'B') return '1'
  if (letter === 'P') return after === 'H' ? '3' : '1'
  if ('DT'.includes(letter)) return after !== '' && 'CSZ'.includes(after) ? '8' : '2'
  if ('FVW'.includes(letter)) return '3'
  if ('GKQ'.includes(letter)) return '4'
  if (letter === 'C') return hardC(before, after) ? '4' : '8'
  if (letter === 'X') return before !== '' && 'CKQ'.includes(before) ? '8' : '48'
  if (letter === 'L') return '5'
  if ('MN'.includes(letter)) return '6'
  if (letter === 'R') return '7'
  return '8'
}

function hardC(before: string, after: string): boolean {
  if (after === '') return false
  if (before === '') return 'AHKLOQRUX'.includes(after)
  return !'SZ'.includes(before) && 'AHKOQUX'.includes(after)
}
