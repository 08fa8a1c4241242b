/** What to type after `owl adapter new`: the way of a new service behind a gateway of the region, up to its first call. */

import { EXAMPLE_REQUEST } from '../../../adapters/scaffold-templates.ts'
import { readFederation } from '../../region/federation.ts'
import { OWL_REGION } from '../../region/owl-region.ts'

export interface NewService {
  /** As `adapters/index.ts` lists it. */
  readonly adapter: string
  readonly agency: string
  readonly system: string
  readonly service: string
  /** Paths in the clone; the test is the last one. */
  readonly written: readonly string[]
}

/** The smallest agency's portal calls over plain HTTP on loopback: the shortest command line there is. */
const CALLER_MEMBER = 'OWL/GOV/05774020'
const CALLER = `${CALLER_MEMBER}/PORTAL`
const CONSUMER_HTTP = 'http://127.0.0.1:7380'

/**
 * @param federation file of the running region; when it is not there, its start comes first
 * @param where options that name it, for commands that have another default
 */
export async function nextSteps(made: NewService, federation: string, where: readonly string[]): Promise<string[]> {
  const { adapter, agency, system, service, written } = made
  const running = await readFederation(federation).catch(() => undefined)
  const caller = running?.gateways.find(({ member }) => member === CALLER_MEMBER)
  const known = OWL_REGION.agencies.find(({ slug }) => slug === agency)
  const id = `${known?.id ?? 'OWL/GOV/MEMBER'}/${system.toUpperCase()}/${service}`
  const owl = (command: string): string => ['npx owl', command, ...where].join(' ')
  return [
    ...(known === undefined
      ? [`# ${agency} is no agency of this region: put the code of one in the place of MEMBER`]
      : []),
    `npx node ${written.at(-1)}`,
    ...(running === undefined ? ['npm start'] : []),
    owl(`registry service add ${id} --adapter ${adapter} --endpoint 'POST /v1'`),
    owl(`registry agreement add --client ${CALLER} --service ${id} --method POST --path /v1`),
    `curl -i ${caller?.consumerHttp ?? CONSUMER_HTTP}/r1/${id}/v1 -H 'X-Road-Client: ${CALLER}' ` +
      `-H 'Content-Type: application/json' -d '${JSON.stringify(EXAMPLE_REQUEST)}'`,
    ...(caller === undefined ? [] : [`npx owl log list --config ${caller.config} --service ${id}`]),
  ]
}
