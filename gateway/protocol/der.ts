/**
 * Strict DER, as much of it as evidence needs: definite lengths in their shortest form, one-octet tags, nothing
 * trailing, bounded depth and size. ITU-T X.690 §8 and §10. Whatever is not DER is refused, never repaired: what was
 * hashed or signed must have one encoding.
 */

export const DER_BYTES_MAX = 16 * 1024 * 1024
export const DER_DEPTH_MAX = 32
/** Of one value, taken at once: each costs far more memory than its octets. */
export const DER_MEMBERS_MAX = 10_000

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

export class DerError extends Error {
  override readonly name = 'DerError'
}

/** One value: its whole encoding and what is inside. */
export interface Der {
  readonly tag: number
  /** Tag, length and content. */
  readonly octets: Buffer
  readonly content: Buffer
  readonly depth: number
}

/** Tag of `[number]`, constructed. */
export function contextTag(number: number): number {
  return 0xa0 | number
}

/**
 * @param octets exactly one value
 * @throws {DerError}
 */
export function readDer(octets: Buffer): Der {
  if (octets.length > DER_BYTES_MAX) throw new DerError('The value is too large')
  const value = readAt(octets, 0, 0)
  if (value.octets.length !== octets.length) throw new DerError('Octets follow the value')
  return value
}

/**
 * The members of a constructed value, read one after the other. Every member must be taken: `end` refuses what is left.
 *
 * @throws {DerError} on another tag than `tag`
 */
export function membersOf(value: Der, tag: number): Members {
  return new Members(content(value, tag), value.depth + 1)
}

/** What stands alone inside a constructed value, whatever its tag. @throws {DerError} on none or several */
export function onlyMemberOf(value: Der): Der {
  const members = membersOf(value, value.tag)
  const member = members.next()
  members.end()
  return member
}

export class Members {
  readonly #octets: Buffer
  readonly #depth: number
  #at = 0
  #peeked: Der | undefined

  constructor(octets: Buffer, depth: number) {
    if (depth > DER_DEPTH_MAX) throw new DerError('Values are nested too deep')
    this.#octets = octets
    this.#depth = depth
  }

  get more(): boolean {
    return this.#at < this.#octets.length
  }

  /** The tag of the next member, or undefined at the end. */
  peek(): number | undefined {
    if (!this.more) return undefined
    this.#peeked ??= readAt(this.#octets, this.#at, this.#depth)
    return this.#peeked.tag
  }

  next(tag?: number): Der {
    const found = this.peek()
    const value = this.#peeked
    if (value === undefined) throw new DerError('A member is missing')
    if (tag !== undefined && found !== tag) throw new DerError('A member has another tag than expected')
    this.#peeked = undefined
    this.#at += value.octets.length
    return value
  }

  optional(tag: number): Der | undefined {
    return this.peek() === tag ? this.next() : undefined
  }

  rest(tag?: number): Der[] {
    const values: Der[] = []
    while (this.more) {
      if (values.length === DER_MEMBERS_MAX) throw new DerError('A value has too many members')
      values.push(this.next(tag))
    }
    return values
  }

  end(): void {
    if (this.more) throw new DerError('A member is one too many')
  }
}

/** @throws {DerError} on another tag or an integer that is not in its shortest form */
export function integerOf(value: Der): bigint {
  const octets = integerOctets(value)
  const unsigned = BigInt(`0x${octets.toString('hex')}`)
  return (octets[0] as number) & 0x80 ? unsigned - (1n << BigInt(8 * octets.length)) : unsigned
}

/** The content of an INTEGER as it stands: for serial numbers, which are only compared. */
export function integerOctets(value: Der): Buffer {
  const octets = content(value, TAG.integer)
  const [first, second] = octets
  if (first === undefined) throw new DerError('An integer is empty')
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new DerError('An integer is not in its shortest form')
  }
  return octets
}

export function octetsOf(value: Der): Buffer {
  return content(value, TAG.octetString)
}

/** A BIT STRING that is whole octets. */
export function bitOctetsOf(value: Der): Buffer {
  const octets = content(value, TAG.bitString)
  if (octets[0] !== 0) throw new DerError('A bit string is not whole octets')
  return octets.subarray(1)
}

/** @returns dotted decimal */
export function oidOf(value: Der): string {
  const octets = content(value, TAG.oid)
  if (octets.length === 0 || octets.length > 64) throw new DerError('An object identifier is empty or too long')
  const arcs: bigint[] = []
  let arc = 0n
  let begins = true
  for (const octet of octets) {
    if (begins && octet === 0x80) throw new DerError('An object identifier is not in its shortest form')
    arc = (arc << 7n) | BigInt(octet & 0x7f)
    begins = (octet & 0x80) === 0
    if (!begins) continue
    if (arcs.length === 0) {
      const first = arc < 80n ? arc / 40n : 2n
      arcs.push(first, arc - first * 40n)
    } else arcs.push(arc)
    arc = 0n
  }
  if (!begins) throw new DerError('An object identifier is cut off')
  return arcs.join('.')
}

export function booleanOf(value: Der): boolean {
  const octets = content(value, TAG.boolean)
  if (octets.length !== 1 || (octets[0] !== 0 && octets[0] !== 0xff)) throw new DerError('A boolean is not DER')
  return octets[0] === 0xff
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{0,8}[1-9])?Z$/

/**
 * UTCTime or GeneralizedTime, UTC to the second; a fraction as RFC 3161 §2.4.2 allows it, cut to milliseconds.
 *
 * @returns milliseconds since the Unix epoch
 */
export function timeOf(value: Der): number {
  const text = value.content.toString('latin1')
  const match = (value.tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME).exec(text)
  if (match === null || (value.tag !== TAG.utcTime && value.tag !== TAG.generalizedTime)) {
    throw new DerError('A time is not DER')
  }
  const [year = 0, ...rest] = match.slice(1, 7).map(Number)
  // RFC 5280 §4.1.2.5.1: two digits from 50 on are of the last century.
  const century = value.tag === TAG.generalizedTime ? 0 : year < 50 ? 2000 : 1900
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest
  const time = Date.UTC(century + year, month - 1, day, hour, minute, second)
  const back = new Date(time)
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    throw new DerError('A time does not exist')
  }
  return time + Number((match[7] ?? '.').slice(1, 4).padEnd(3, '0'))
}

/** Any value of `tag` around contents that are DER already. */
export function writeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of contents) length += part.length
  return Buffer.concat([Buffer.from([tag]), lengthOctets(length), ...contents])
}

export function writeSequence(...members: readonly Uint8Array[]): Buffer {
  return writeDer(TAG.sequence, ...members)
}

/** SET OF: sorted by encoding. X.690 §11.6. */
export function writeSetOf(...members: readonly Uint8Array[]): Buffer {
  return writeDer(TAG.set, ...[...members].sort(Buffer.compare))
}

/** @param value not negative */
export function writeInteger(value: bigint | number): Buffer {
  let hex = BigInt(value).toString(16)
  if (hex.startsWith('-')) throw new TypeError('Only integers from 0 on are written')
  if (hex.length % 2 === 1) hex = `0${hex}`
  const octets = Buffer.from(hex, 'hex')
  return writeDer(TAG.integer, ...((octets[0] as number) & 0x80 ? [Buffer.from([0]), octets] : [octets]))
}

export function writeOctets(octets: Uint8Array): Buffer {
  return writeDer(TAG.octetString, octets)
}

/** @param dotted e.g. `2.16.840.1.101.3.4.2.1` */
export function writeOid(dotted: string): Buffer {
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt)
  const octets = [first * 40n + second, ...rest].flatMap((arc) => {
    const groups = [Number(arc & 0x7fn)]
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80)
    return groups
  })
  return writeDer(TAG.oid, Buffer.from(octets))
}

function content(value: Der, tag: number): Buffer {
  if (value.tag !== tag) throw new DerError('A value has another tag than expected')
  return value.content
}

function readAt(octets: Buffer, at: number, depth: number): Der {
  const tag = octets[at]
  const first = octets[at + 1]
  if (tag === undefined || first === undefined) throw new DerError('A value is cut off')
  if ((tag & 0x1f) === 0x1f) throw new DerError('A tag has more than one octet')
  let start = at + 2
  let length = first
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 4) throw new DerError('A length is indefinite or too long')
    start += count
    if (start > octets.length) throw new DerError('A value is cut off')
    length = octets.readUIntBE(at + 2, count)
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw new DerError('A length is not in its shortest form')
  }
  const end = start + length
  if (end > octets.length) throw new DerError('A value is cut off')
  return { tag, octets: octets.subarray(at, end), content: octets.subarray(start, end), depth }
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const count = Math.ceil(Math.log2(length + 1) / 8)
  const octets = Buffer.alloc(1 + count, 0x80 | count)
  octets.writeUIntBE(length, 1, count)
  return octets
}
