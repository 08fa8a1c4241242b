/** What the registry's commands print for people. */

import { shown } from '../../protocol/text.ts'
import type { ListedAuthority } from '../../registry/authorities.ts'
import type { Published } from '../../registry/store.ts'
import type { Outcome } from './changes.ts'

const STATES = {
  'taken-up': 'has taken it up',
  down: 'does not run; it takes it up when it starts',
  late: 'has not taken it up within 15 s',
} as const

export function formatOutcome({ version, gateways, client }: Outcome): string {
  return [
    `version ${version}`,
    ...gateways.map(({ member, state, config }) => `  gateway of ${member} ${STATES[state]}${reasonIn(config)}`),
    ...(client === undefined ? [] : [`  ${client.id} authenticates with`, `    ${client.cert}`, `    ${client.key}`]),
  ].join('\n')
}

function reasonIn(config: string | undefined): string {
  return config === undefined ? '' : `; why: npx owl gateway check --config ${config}`
}

const DAY_MS = 86_400_000
const KINDS = { issuing: 'issues certificates', 'time-stamp': 'time-stamps' } as const

/** @param now milliseconds since the Unix epoch */
export function formatAuthorities(authorities: readonly ListedAuthority[], now: number): string {
  return authorities
    .map(({ kind, sha256, subject, validTo, urls }) => {
      const days = Math.floor((Date.parse(validTo) - now) / DAY_MS)
      const lasts = days < 0 ? 'expired' : `${days} days left`
      return `${sha256}  ${KINDS[kind]}, until ${validTo.slice(0, 10)} (${lasts})\n  ${subject}\n  ${urls.join('  ')}`
    })
    .join('\n')
}

export function formatRegion({ version, sha256, configuration }: Published): string {
  const { members, gateways, services, purposes, agreements, issued } = configuration
  return [
    `version ${version}, ${issued}, sha256 ${sha256}`,
    ...section(
      'members',
      members.map(({ id, name, subsystems }) => `${id}  ${name}  ${subsystems.map(({ code }) => code).join(' ')}`),
    ),
    ...section(
      'gateways',
      gateways.map(({ id, address }) => `${id}  ${address}`),
    ),
    ...section(
      'services',
      services.map(({ id, title, disabledNotice }) =>
        disabledNotice === undefined ? `${id}  ${title}` : `${id}  ${title}  (disabled: ${disabledNotice})`,
      ),
    ),
    ...section(
      'purposes',
      purposes.map(({ code, title, legalBasis }) => `${code}  ${title}  ${legalBasis}`),
    ),
    ...section(
      'agreements',
      agreements.flatMap(({ id, client, service, endpoints }) =>
        endpoints.map(
          ({ method, path, purposes }) =>
            `${id}  ${client} → ${service}  ${method} ${path}  ${purposes.join(' ') || '(no purpose required)'}`,
        ),
      ),
    ),
  ].join('\n')
}

/** Names and titles are of others' making: what a terminal would obey, or nobody sees, is shown by its number. */
function section(title: string, lines: readonly string[]): string[] {
  return [`${title} (${lines.length})`, ...lines.map((line) => `  ${shown(line)}`)]
}
