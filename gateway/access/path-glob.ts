/** Path patterns of endpoint rights: `*` within one segment, `**` across segments, `\*` and `\\` literal. Contract §2.7. */

const WITHIN_SEGMENT = Symbol('*')
const ACROSS_SEGMENTS = Symbol('**')

/** Literal text, or what a star stands for. */
type Token = string | typeof WITHIN_SEGMENT | typeof ACROSS_SEGMENTS

const known = new Map<string, readonly Token[]>()
const KNOWN_MAX = 10_000

/**
 * Both sides are the raw path behind the service code, as forwarded: `%2F` is three characters of a segment, never a
 * separator, and nothing is decoded, so what is judged is what is sent.
 *
 * Not by a regular expression: one with some stars takes minutes to refuse a path that is made for it.
 *
 * @param path `''` or `/…`, without query
 */
export function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '**') return true
  // Everywhere in the path that the pattern so far can end, ascending.
  let ends: readonly number[] = [0]
  for (const token of tokensOf(pattern)) ends = endsBehind(token, path, ends)
  return ends.at(-1) === path.length
}

function endsBehind(token: Token, path: string, from: readonly number[]): readonly number[] {
  if (typeof token === 'string') return from.filter((at) => path.startsWith(token, at)).map((at) => at + token.length)
  const ends: number[] = []
  let next = 0
  for (const at of from) {
    if (at < next) continue
    const slash = token === WITHIN_SEGMENT ? path.indexOf('/', at) : -1
    const last = slash === -1 ? path.length : slash
    for (next = at; next <= last; next++) ends.push(next)
  }
  return ends
}

function tokensOf(pattern: string): readonly Token[] {
  let tokens = known.get(pattern)
  if (tokens === undefined) {
    if (known.size >= KNOWN_MAX) known.clear()
    tokens = read(pattern)
    known.set(pattern, tokens)
  }
  return tokens
}

function read(pattern: string): Token[] {
  return Array.from(pattern.matchAll(/\*+|(?:\\[*\\]|[^*])+/g), ([text]) => {
    if (!text.startsWith('*')) return text.replace(/\\([*\\])/g, '$1')
    return text === '*' ? WITHIN_SEGMENT : ACROSS_SEGMENTS
  })
}
