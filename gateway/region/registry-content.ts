/** The region as its registry publishes it: the data of the region joined with its certificates and addresses. */

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Content } from '../registry/store.ts'
import type { Gateway, Member, RegisteredCertificate } from '../trust/configuration.ts'
import type { Agency, Region } from './owl-region.ts'
import type { RegionPorts } from './ports.ts'

/** Every agency of the development region runs one gateway with one node. */
export const SERVER_CODE = 'gw1'

export async function registryContent(region: Region, pki: string, ports: RegionPorts): Promise<Content> {
  const trust = `http://127.0.0.1:${ports.trust}`
  const [issuing, tsa, tsaCa] = await Promise.all(
    ['issuing.pem', 'tsa.pem', 'tsa-ca.pem'].map((name) => certificate(join(pki, name))),
  )
  const members = await Promise.all(region.agencies.map((agency) => memberOf(agency, pki)))
  const gateways = await Promise.all(
    region.agencies.map((agency, index) => gatewayOf(agency, pki, ports.gateways[index]?.provider ?? 0)),
  )
  return {
    instance: region.instance,
    authorities: {
      issuing: [{ certificate: base64(issuing), ocsp: `${trust}/ocsp`, crl: `${trust}/crl/issuing.crl` }],
      tsa: [
        {
          url: `${trust}/tsa`,
          certificate: base64(tsa),
          ca: base64(tsaCa),
          crl: `${trust}/crl/tsa-ca.crl`,
        },
      ],
    },
    members,
    gateways,
    services: region.agencies.flatMap(({ id, services }) =>
      services.map(({ subsystem, code, title, endpoints }) => ({
        id: `${id}/${subsystem}/${code}`,
        title,
        type: 'OPENAPI' as const,
        endpoints,
      })),
    ),
    purposes: region.purposes,
    agreements: region.agreements,
  }
}

/** What commands added to an earlier run of the region stays; what the region's data say comes first. */
export function mergeContent(fresh: Content, before: Content): Content {
  const idOf = ({ id }: { readonly id: string }): string => id
  const codeOf = ({ code }: { readonly code: string }): string => code
  return {
    ...fresh,
    members: joined(fresh.members, before.members, idOf, (now, then) => ({
      ...now,
      subsystems: joined(now.subsystems, then.subsystems, codeOf),
    })),
    gateways: joined(fresh.gateways, before.gateways, idOf, (now, then) => ({
      ...now,
      subsystems: [...new Set([...now.subsystems, ...then.subsystems])],
    })),
    services: joined(fresh.services, before.services, idOf),
    purposes: joined(fresh.purposes, before.purposes, codeOf),
    agreements: joined(fresh.agreements, before.agreements, idOf),
  }
}

/** All of `now` in its order, then what only `then` has. */
export function joined<T>(
  now: readonly T[],
  then: readonly T[],
  keyOf: (item: T) => string,
  both: (now: T, then: T) => T = (item) => item,
): T[] {
  const earlier = new Map(then.map((item) => [keyOf(item), item]))
  const first = now.map((item) => {
    const other = earlier.get(keyOf(item))
    earlier.delete(keyOf(item))
    return other === undefined ? item : both(item, other)
  })
  return [...first, ...earlier.values()]
}

/** @returns SHA-256 of the DER, lower-case hex */
export async function fingerprintOf(pem: string): Promise<string> {
  return fingerprint(await certificate(pem))
}

async function memberOf(agency: Agency, pki: string): Promise<Member> {
  const { id, name, dvdv, slug, subsystems } = agency
  const seal = await certificate(join(pki, 'members', slug, 'seal.pem'))
  return {
    id,
    name,
    dvdv,
    seals: [registered(seal)],
    subsystems: subsystems.map(({ code, name }) => ({ code, name })),
  }
}

async function gatewayOf(agency: Agency, pki: string, providerPort: number): Promise<Gateway> {
  const { id, slug, subsystems } = agency
  const home = join(pki, 'members', slug, SERVER_CODE)
  const [server, client] = await Promise.all([
    certificate(join(home, 'peer-server.pem')),
    certificate(join(home, 'peer-client.pem')),
  ])
  const gateway = `${id}/${SERVER_CODE}`
  return {
    id: gateway,
    address: `https://127.0.0.1:${providerPort}`,
    tls: [
      { ...registered(server), use: 'server' },
      { ...registered(client), use: 'client' },
    ],
    subsystems: subsystems.map(({ code }) => `${id}/${code}`),
    logs: [`${gateway}/n1`],
  }
}

async function certificate(file: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(file))
}

function registered(own: X509Certificate): RegisteredCertificate {
  return { sha256: fingerprint(own), certificate: base64(own) }
}

function fingerprint({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase()
}

function base64(own: X509Certificate | undefined): string {
  if (own === undefined) throw new TypeError('a certificate is missing')
  return own.raw.toString('base64')
}
