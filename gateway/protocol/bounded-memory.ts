/** What few texts, said again and again, were read as: targets, clients, names of headers. */

const TEXTS_MAX = 1000

/**
 * It is emptied when full and keeps nothing long, so a stranger's flood costs what it would cost without.
 *
 * @param read depends on nothing but the text; what it throws is not remembered
 * @param charsMax of a text that is remembered
 */
export function remembered<T>(read: (text: string) => T, charsMax: number): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const value = read(text)
    if (text.length > charsMax) return value
    if (known.size >= TEXTS_MAX) known.clear()
    known.set(text, value)
    return value
  }
}
