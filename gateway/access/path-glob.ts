/** Path patterns of endpoint rights: `*` within one segment, `**` across segments, `\*` and `\\` literal. Contract §2.7. */

const compiled = new Map<string, RegExp>()
const COMPILED_MAX = 10_000

/**
 * Both sides are the raw path behind the service code, as forwarded: `%2F` is three characters of a segment, never a
 * separator, and nothing is decoded, so what is judged is what is sent.
 *
 * @param path `''` or `/…`, without query
 */
export function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '**') return true
  let regex = compiled.get(pattern)
  if (regex === undefined) {
    if (compiled.size >= COMPILED_MAX) compiled.clear()
    regex = compile(pattern)
    compiled.set(pattern, regex)
  }
  return regex.test(path)
}

function compile(pattern: string): RegExp {
  const source = pattern.replace(/\\([*\\])|\*{2,}|\*|[\\^$.|?+()[\]{}/-]/g, (token, escaped?: string) => {
    if (escaped !== undefined) return `\\${escaped}`
    if (token.startsWith('**')) return '.*'
    return token === '*' ? '[^/]*' : `\\${token}`
  })
  return new RegExp(`^${source}$`, 's')
}
