/** Calls as a local system makes them: through the consumer port of its own agency's gateway, with its certificate. */

import { readFile } from 'node:fs/promises'
import { Agent, request } from 'undici'
import type { ScenarioCall } from '../../adapters/scenario-messages.ts'
import type { Federation, FederationGateway } from './federation.ts'

/** The one operation of the region's services. */
const PATH = '/v1'

export interface RegionReply {
  readonly status: number
  /** The gateway's, as both message logs have it. */
  readonly requestId: string
  /** `X-Road-Error` of a gateway that refused. */
  readonly error: string | undefined
  readonly text: string
  readonly json: unknown
  readonly tookMs: number
}

export interface Caller {
  call(call: ScenarioCall<unknown>): Promise<RegionReply>
  close(): Promise<void>
}

const TIMEOUT_MS = 30_000

export function openCaller(federation: Federation): Caller {
  const agents = new Map<string, Promise<Agent>>()

  function agentFor(gateway: FederationGateway, client: string): Promise<Agent> {
    let agent = agents.get(client)
    if (agent === undefined) {
      agent = openAgent(federation, gateway.clients[client])
      agents.set(client, agent)
    }
    return agent
  }

  return {
    async call({ client, service, purpose, issue, userId, body }) {
      const gateway = gatewayOf(federation, client)
      const dispatcher = await agentFor(gateway, client)
      const started = performance.now()
      const reply = await request(`${gateway.consumer}/r1/${service}${PATH}`, {
        dispatcher,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-road-client': client,
          'x-road-issue': issue,
          'x-road-userid': userId,
          'owl-purpose': purpose,
        },
        body: JSON.stringify(body),
        bodyTimeout: TIMEOUT_MS,
        headersTimeout: TIMEOUT_MS,
      })
      const text = await reply.body.text()
      const tookMs = performance.now() - started
      const header = (name: string): string | undefined => reply.headers[name]?.toString()
      return {
        status: reply.statusCode,
        requestId: header('x-road-request-id') ?? '',
        error: header('x-road-error'),
        text,
        json: parse(text),
        tookMs,
      }
    },
    async close() {
      for (const agent of agents.values()) await (await agent).close()
    },
  }
}

/** The gateway of the agency that a member, subsystem or service belongs to. */
export function gatewayOf(federation: Federation, id: string): FederationGateway {
  const member = id.split('/').slice(0, 3).join('/')
  const gateway = federation.gateways.find((candidate) => candidate.member === member)
  if (gateway === undefined) throw new TypeError(`the region has no member ${member}`)
  return gateway
}

export async function openAgent(
  { trust }: Federation,
  files: { readonly cert: string; readonly key: string } | undefined,
): Promise<Agent> {
  if (files === undefined) throw new TypeError('the subsystem has no certificate')
  const [ca, cert, key] = await Promise.all([trust.ca, files.cert, files.key].map((file) => readFile(file)))
  return new Agent({ connect: { ca, cert, key } })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
