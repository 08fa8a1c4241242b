/** Which JSON numbers survive a double. Source: RFC 7493 §2.2, ECMA-262 Number::toString (shortest round-trip). */

/**
 * Integers survive within ±(2^53 − 1), where every integer is itself. A decimal survives when its double prints as the
 * same decimal: `0.10` and `1E2` do, `0.30000000000000004441`, `1e400` and `1e-400` do not.
 *
 * @param literal a JSON number
 * @param integer it has neither fraction nor exponent
 */
export function keepsItsValue(literal: string, integer: boolean): boolean {
  const value = Number(literal)
  if (integer) return Number.isSafeInteger(value)
  if (!Number.isFinite(value)) return false
  const [digits, exponent] = decimalOf(literal)
  const [digitsBack, exponentBack] = decimalOf(String(value))
  return digits === digitsBack && exponent === exponentBack
}

/** Sign aside, a number is digits × 10^exponent: without zeros at either end this is one way to write it. */
function decimalOf(literal: string): readonly [digits: string, exponent: number] {
  const [mantissa = '', power = '0'] = literal.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const leading = `${whole}${fraction}`.replace(/^0+/, '')
  const digits = trimZeros(leading)
  return digits === '' ? ['', 0] : [digits, Number(power) - fraction.length + leading.length - digits.length]
}

/** A loop: `/0+$/` is quadratic on zeros that are followed by something else. */
function trimZeros(digits: string): string {
  let end = digits.length
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30) end--
  return digits.slice(0, end)
}
