/** What to type after `owl adapter new`: the way of a new service behind a gateway of the region, up to its first call. */

import type { Federation } from './federation.ts'

export interface NewService {
  /** As `adapters/index.ts` lists it. */
  readonly adapter: string
  readonly agency: string
  readonly system: string
  readonly service: string
  readonly test: string
  readonly example: unknown
}

/** A slug → its member. */
export type Members = ReadonlyMap<string, string>

/** The smallest agency's portal calls over plain HTTP on loopback: the shortest command line there is. */
const CALLER = 'OWL/GOV/05774020/PORTAL'
const CALLER_MEMBER = 'OWL/GOV/05774020'

/** @param federation of the running region; without it the commands say what has to be filled in */
export function nextSteps(made: NewService, members: Members, federation: Federation | undefined): string[] {
  const { adapter, agency, system, service, test, example } = made
  const member = members.get(agency) ?? 'OWL/GOV/MEMBER'
  const id = `${member}/${system.toUpperCase()}/${service}`
  const caller = federation?.gateways.find((gateway) => gateway.member === CALLER_MEMBER)
  const url = caller?.consumerHttp ?? 'http://127.0.0.1:7380'
  return [
    ...(federation === undefined ? ['npm start'] : []),
    `npx tsc --noEmit; npx biome check; node ${test}`,
    `npx owl registry service add ${id} --adapter ${adapter} --endpoint 'POST /v1'`,
    `npx owl registry agreement add --client ${CALLER} --service ${id} --method POST --path /v1`,
    `curl -i ${url}/r1/${id}/v1 -H 'X-Road-Client: ${CALLER}' -H 'Content-Type: application/json' -d '${JSON.stringify(example)}'`,
    ...(caller === undefined ? [] : [`npx owl log list --config ${caller.config} --service ${id}`]),
  ]
}
