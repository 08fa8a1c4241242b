/** Every character and sequence of DIN 91379 data type A, read out of the pattern itself. */

import { readFileSync } from 'node:fs'

const file = new URL('../../schemas/codelists/din91379.json', import.meta.url)

export const din91379 = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly patterns: Readonly<Record<string, string>>
  readonly searchForm: Readonly<Record<string, string>>
}

export const NAME_ENTRIES: readonly string[] = entriesOf(din91379.patterns['A'] ?? '')

function entriesOf(pattern: string): string[] {
  const alternatives = pattern.slice('^(?:'.length, -')*$'.length).split('|')
  return alternatives.flatMap((alternative) => {
    const parts = alternative.match(/\[[^\]]+\]|\\u[0-9A-F]{4}/g) ?? []
    return parts.map(charactersOf).reduce((all, next) => all.flatMap((head) => next.map((tail) => head + tail)), [''])
  })
}

function charactersOf(part: string): string[] {
  return [...part.matchAll(/\\u([0-9A-F]{4})(?:-\\u([0-9A-F]{4}))?/g)].flatMap(([, from = '', to = from]) => {
    const first = Number.parseInt(from, 16)
    return Array.from({ length: Number.parseInt(to, 16) - first + 1 }, (_, offset) =>
      String.fromCodePoint(first + offset),
    )
  })
}
