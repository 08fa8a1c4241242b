/** One table per local system says which of its fields is which of ours; it is read in both directions. */

/** Turns one value; `undefined` leaves the field out. */
export interface Codec {
  fromLocal(value: unknown): unknown
  toLocal(value: unknown): unknown
}

/** Path in the shared payload, path in the local record, how the value differs when it does. */
export type FieldRow = readonly [shared: string, local: string, codec?: Codec]
export type FieldMap = readonly FieldRow[]

export function fromLocal(map: FieldMap, record: unknown): Record<string, unknown> {
  const shared = {}
  for (const [to, from, codec] of map) put(shared, to, convert(at(record, from), codec?.fromLocal))
  return shared
}

export function toLocal(map: FieldMap, shared: unknown): Record<string, unknown> {
  const record = {}
  for (const [from, to, codec] of map) put(record, to, convert(at(shared, from), codec?.toLocal))
  return record
}

/** A list of records, or of plain values when there is no map. An empty list is left out. */
export function listOf(map?: FieldMap): Codec {
  const each = (value: unknown, convertOne: (item: unknown) => unknown): unknown => {
    if (!Array.isArray(value)) throw new TypeError('a list is no list')
    return value.length === 0 ? undefined : value.map(convertOne)
  }
  return {
    fromLocal: (value) => each(value, (item) => (map === undefined ? item : fromLocal(map, item))),
    toLocal: (value) => each(value, (item) => (map === undefined ? item : toLocal(map, item))),
  }
}

export function recordOf(map: FieldMap): Codec {
  return { fromLocal: (value) => fromLocal(map, value), toLocal: (value) => toLocal(map, value) }
}

/** Codes that the local system writes in its own way. A code it does not know is left to the schema. */
export function codeOf(localByShared: Readonly<Record<string, string>>): Codec {
  const sharedByLocal = Object.fromEntries(Object.entries(localByShared).map(([shared, local]) => [local, shared]))
  return {
    fromLocal: (value) => sharedByLocal[String(value)] ?? value,
    toLocal: (value) => localByShared[String(value)] ?? value,
  }
}

function convert(value: unknown, codec: ((value: unknown) => unknown) | undefined): unknown {
  if (value === undefined || value === null || value === '') return undefined
  return codec === undefined ? value : codec(value)
}

function at(record: unknown, path: string): unknown {
  let found = record
  for (const step of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined
    found = (found as Record<string, unknown>)[step]
  }
  return found
}

function put(record: Record<string, unknown>, path: string, value: unknown): void {
  if (value === undefined) return
  const steps = path.split('.')
  const last = steps.pop() ?? ''
  let target = record
  for (const step of steps) target = (target[step] ??= {}) as Record<string, unknown>
  target[last] = value
}
