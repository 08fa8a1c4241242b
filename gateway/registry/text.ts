/** What the registry's commands print for people. */

import type { Outcome } from './changes.ts'
import type { Published } from './store.ts'

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

function section(title: string, lines: readonly string[]): string[] {
  return [`${title} (${lines.length})`, ...lines.map((line) => `  ${line}`)]
}
