/** Who gets certificates: the members of a region, as X-Road names them. */

export interface Member {
  /** Official key: AGS, Kreis or Regierungsbezirk, e.g. `05774032`. */
  readonly code: string
  /** Name as it appears in certificates, e.g. `Stadt Paderborn`. */
  readonly name: string
  /** `INSTANCE/CLASS/CODE`. */
  readonly id: string
  /** Folder name and host label, e.g. `paderborn`. */
  readonly slug: string
  readonly subsystems: readonly string[]
  /** Server codes; `['gw1']` when absent. */
  readonly gateways?: readonly string[]
}

export const GATEWAYS_DEFAULT: readonly string[] = ['gw1']

/** The model region Ostwestfalen-Lippe. */
export const REGION: readonly Member[] = [
  {
    code: '05774032',
    name: 'Stadt Paderborn',
    id: 'OWL/GOV/05774032',
    slug: 'paderborn',
    subsystems: ['BUERGERBUERO', 'MELDEWESEN', 'GEWERBE', 'EAKTE', 'PARKEN'],
  },
  {
    code: '05774',
    name: 'Kreis Paderborn',
    id: 'OWL/GOV/05774',
    slug: 'kreis-paderborn',
    subsystems: ['KFZ', 'GESUNDHEIT', 'EAKTE'],
  },
  {
    code: '05774020',
    name: 'Stadt Delbrück',
    id: 'OWL/GOV/05774020',
    slug: 'delbrueck',
    subsystems: ['PORTAL', 'MELDEWESEN', 'GEWERBE'],
  },
  {
    code: '05711000',
    name: 'Stadt Bielefeld',
    id: 'OWL/GOV/05711000',
    slug: 'bielefeld',
    subsystems: ['MELDEWESEN', 'KFZ', 'TOURISMUS', 'OPENDATA'],
  },
  {
    code: '057',
    name: 'Bezirksregierung Detmold',
    id: 'OWL/GOV/057',
    slug: 'detmold',
    subsystems: ['EAKTE', 'ARBEITSSCHUTZ', 'OPENDATA'],
  },
]

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const CODE = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/
// X.520 upper bounds: organizationName 64, serialNumber 64, commonName 64.
const NAME_LENGTH_MAX = 64

/**
 * @param octets of a file: JSON in UTF-8, or in UTF-16 with its byte order mark
 * @throws {TypeError} on another encoding, and as `parseMembers`
 */
export function parseRegion(octets: Uint8Array): readonly Member[] {
  const encoding = { 254: 'utf-16be', 255: 'utf-16le' }[octets[0] ?? 0]
  return parseMembers(JSON.parse(new TextDecoder(encoding, { fatal: true }).decode(octets)))
}

/**
 * Checks a list of members before any of it becomes a path or a name in a certificate.
 *
 * @param value an array of members, or an object with one as `members`
 * @throws {TypeError} naming the first bad member by position
 */
export function parseMembers(value: unknown): readonly Member[] {
  const list = isRecord(value) ? value.members : value
  if (!Array.isArray(list)) throw new TypeError('members is not an array')
  const members = list.map(parseMember)
  unique(
    members.map(({ slug }) => slug),
    'members: two with one slug',
  )
  return members
}

function parseMember(value: unknown, index: number): Member {
  const at = `members[${index}]`
  if (!isRecord(value)) throw new TypeError(`${at} is not an object`)
  const code = matching(value.code, CODE, `${at}.code`)
  const slug = matching(value.slug, SLUG, `${at}.slug`)
  const { id, name } = value
  if (typeof name !== 'string' || name === '' || name.length > NAME_LENGTH_MAX) throw new TypeError(`${at}.name`)
  if (typeof id !== 'string' || !/^[A-Z0-9-]+\/[A-Z0-9-]+\/[A-Za-z0-9._-]+$/.test(id) || !id.endsWith(`/${code}`)) {
    throw new TypeError(`${at}.id is not INSTANCE/CLASS/CODE with the code of this member`)
  }
  const subsystems = codes(value.subsystems, id, `${at}.subsystems`)
  const gateways = codes(value.gateways ?? GATEWAYS_DEFAULT, id, `${at}.gateways`)
  if (gateways.includes('clients')) throw new TypeError(`${at}.gateways: "clients" is a folder of its own`)
  return { code, name, id, slug, subsystems, gateways }
}

function codes(value: unknown, id: string, at: string): readonly string[] {
  if (!Array.isArray(value)) throw new TypeError(`${at} is not an array`)
  const list = value.map((item, index) => matching(item, CODE, `${at}[${index}]`))
  if (list.some((code) => `${id}/${code}`.length > NAME_LENGTH_MAX)) throw new TypeError(`${at}: name too long`)
  unique(list, `${at}: one twice`)
  return list
}

function matching(value: unknown, pattern: RegExp, at: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new TypeError(`${at} is missing or malformed`)
  return value
}

function unique(values: readonly string[], message: string): void {
  if (new Set(values).size !== values.length) throw new TypeError(message)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
