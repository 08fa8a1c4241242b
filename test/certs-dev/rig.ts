/** What these tests share: two agencies, a folder for their PKI, openssl as the outside judge, HTTP in one line. */

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Member } from '../../certs-dev/members.ts'
import type { TrustService, TrustServiceOptions } from '../../certs-dev/trust-service.ts'
import { openTrustService } from '../../certs-dev/trust-service.ts'
import { copyPki } from './made-pki.ts'

export const PADERBORN: Member = {
  code: '05774032',
  name: 'Stadt Paderborn',
  id: 'OWL/GOV/05774032',
  slug: 'paderborn',
  subsystems: ['BUERGERBUERO', 'MELDEWESEN'],
}

export const DELBRUECK: Member = {
  code: '05774020',
  name: 'Stadt Delbrück',
  id: 'OWL/GOV/05774020',
  slug: 'delbrueck',
  subsystems: ['PORTAL'],
  gateways: ['gw1', 'gw2'],
}

export const SEAL = 'members/paderborn/seal.pem'

export interface Outcome {
  readonly code: number
  /** Standard output and standard error, in that order. */
  readonly text: string
}

/** Asynchronous, since it often talks to a server of this very process. */
export function openssl(cwd: string, ...args: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    execFile('openssl', args, { cwd, encoding: 'latin1' }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : 1, text: stdout + stderr })
    })
  })
}

export async function freshDir(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'owl-certs-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export interface TrustRig {
  readonly dir: string
  readonly service: TrustService
  readonly url: string
  /** Gives an order to the control endpoint and expects it to be taken. */
  order(path: '/revoke' | '/behaviour', value: unknown): Promise<unknown>
}

export async function trustRig(
  t: Test,
  options: Partial<TrustServiceOptions> & { dir?: string } = {},
): Promise<TrustRig> {
  const dir = options.dir ?? (await freshDir(t))
  if (options.dir === undefined) await copyPki(dir, [PADERBORN, DELBRUECK])
  const service = await openTrustService({ ...options, dir })
  t.teardown(() => service.close())
  const { url } = service
  return {
    dir,
    service,
    url,
    async order(path, value) {
      const response = await postJson(`${url}${path}`, value)
      t.equal(response.status, 200, `${path} is taken`)
      return response.json()
    },
  }
}

export function postJson(url: string, value: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof value === 'string' ? value : JSON.stringify(value),
  })
}

export async function post(url: string, type: string, body: Uint8Array): Promise<Buffer> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body: new Uint8Array(body) })
  return Buffer.from(await response.arrayBuffer())
}

export async function get(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer())
}

/** For openssl, which reads files. @returns the path, relative to the folder */
export async function saved(dir: string, octets: Uint8Array): Promise<string> {
  await writeFile(join(dir, 'saved.der'), octets)
  return 'saved.der'
}

/** Asks the service as `openssl ocsp` does: POST, with nonce. @param questions `-cert PATH`, `-serial N` … in a row */
export function ask({ dir, url }: TrustRig, ...questions: readonly string[]): Promise<Outcome> {
  return openssl(dir, 'ocsp', '-issuer', 'issuing.pem', ...questions, '-url', `${url}/ocsp`, '-CAfile', 'ca.pem')
}

/** @param name `root`, `issuing` or `tsa-ca` @returns what openssl reads in its revocation list */
export async function readCrl({ dir, url }: TrustRig, name: string, ...more: readonly string[]): Promise<string> {
  const path = await saved(dir, await get(`${url}/crl/${name}.crl`))
  const args = ['crl', '-inform', 'DER', '-in', path, '-noout', '-text', '-CAfile', `${name}.pem`, '-verify', ...more]
  return (await openssl(dir, ...args)).text
}

/** @param unit path of the service, e.g. `tsa` @returns the reply, DER */
export function stamp({ url }: TrustRig, unit: string, query: Uint8Array): Promise<Buffer> {
  return post(`${url}/${unit}`, 'application/timestamp-query', query)
}

/** A request for a time-stamp of the seal's PEM file, as `openssl ts` writes it. */
export async function stampQuery(dir: string, ...more: readonly string[]): Promise<Buffer> {
  await openssl(dir, 'ts', '-query', '-data', SEAL, '-out', 'q.tsq', ...more)
  return readFile(join(dir, 'q.tsq'))
}
