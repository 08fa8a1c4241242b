/** Makes the development PKI of a region, or what is missing of it. Every key in it is public. */

import { createHash, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Authority, PkiAlgorithm } from './certificates.ts'
import type { AuthorityName, Entry } from './layout.ts'
import { clientEntry, ISSUING, layout, ROOT, TSA_CA } from './layout.ts'
import type { Member } from './members.ts'
import { parseMembers, parseRegion, REGION } from './members.ts'
import type { Pair } from './pairs.ts'
import { alone, readPair, readText, writePair, writeText } from './pairs.ts'

export interface PkiOptions {
  /** Folder of the PKI, made when it is missing. */
  readonly dir: string
  readonly members: readonly Member[]
  /** That of the PKI already there, else `p256`. */
  readonly algorithm?: PkiAlgorithm
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number
}

export interface PkiReport {
  /** Paths of the certificates made by this run, relative, without extension. */
  readonly made: readonly string[]
  readonly kept: number
  /** RFC 7638 SHA-256 thumbprint of the registry's signing key, base64url. */
  readonly anchor: string
}

export interface ClientFiles {
  /** Absolute path, PEM. */
  readonly cert: string
  /** Absolute path, PKCS#8 PEM. */
  readonly key: string
}

/** The issuing side of a PKI while it is being made: opens what the signing of a missing certificate needs. */
interface Workshop {
  readonly dir: string
  readonly algorithm: PkiAlgorithm
  readonly now: number
  readonly made: string[]
  kept: number
}

interface Opened {
  readonly pair: Pair
  readonly certificate: X509Certificate
  authority?: Promise<Authority>
}

type Authorities = Readonly<Record<AuthorityName, Opened>>

/**
 * @throws {TypeError} when `members` cannot be names of files and certificates
 * @throws {Error} when the folder holds a PKI of another algorithm
 */
export async function makePki(options: PkiOptions): Promise<PkiReport> {
  const dir = resolve(options.dir)
  const members = parseMembers(options.members)
  await mkdir(dir, { recursive: true })
  return alone(dir, async () => {
    await writeText(dir, 'README.txt', README)
    const shop = await openWorkshop(dir, options.now?.() ?? Date.now(), options.algorithm)
    const authorities = await makeAuthorities(shop)
    const entries = layout(members)
    await Promise.all(entries.map((entry) => makeEntry(shop, authorities, entry)))
    const anchor = await makeAnchor(dir)
    return { made: shop.made, kept: shop.kept, anchor }
  })
}

/**
 * Makes the TLS client certificate of one more subsystem, or finds it made.
 *
 * @param dir a PKI that `makePki` made
 */
export async function makeClient(
  dir: string,
  member: Pick<Member, 'id' | 'name' | 'slug'>,
  subsystem: string,
): Promise<ClientFiles> {
  parseMembers([{ ...member, code: member.id.split('/').at(-1), subsystems: [subsystem] }])
  const home = resolve(dir)
  if ((await readText(join(home, 'issuing.pem'))) === undefined) throw new Error(`${home} holds no PKI`)
  const entry = clientEntry(member, subsystem)
  await alone(home, async () => {
    const shop = await openWorkshop(home, Date.now())
    await makeEntry(shop, await makeAuthorities(shop), entry)
  })
  return { cert: join(home, `${entry.path}.pem`), key: join(home, `${entry.path}.key`) }
}

async function openWorkshop(dir: string, now: number, wanted?: PkiAlgorithm): Promise<Workshop> {
  const root = await readPair(dir, ROOT.path, now)
  const found = root && (createPublicKey(root.certificate).asymmetricKeyType === 'rsa' ? 'rsa3072' : 'p256')
  if (found !== undefined && wanted !== undefined && found !== wanted) {
    throw new Error(`${dir} holds a ${found} PKI; choose another folder for ${wanted}`)
  }
  return { dir, algorithm: found ?? wanted ?? 'p256', now, made: [], kept: 0 }
}

async function makeAuthorities(shop: Workshop): Promise<Authorities> {
  const root = await makePair(shop, ROOT, undefined)
  const [issuing, tsaCa] = await Promise.all([makePair(shop, ISSUING, root), makePair(shop, TSA_CA, root)])
  const bundle = [root, issuing, tsaCa].map(({ pair }) => pair.certificate).join('')
  await writeText(shop.dir, 'ca.pem', bundle)
  return { root, issuing, 'tsa-ca': tsaCa }
}

async function makeEntry(shop: Workshop, authorities: Authorities, entry: Entry): Promise<void> {
  const issuer = authorities[entry.issuer]
  const { pair } = await makePair(shop, entry, issuer)
  if (entry.chain) {
    await writeText(shop.dir, `${entry.path}.chain.pem`, `${pair.certificate}${issuer.pair.certificate}`)
  }
}

async function makePair(shop: Workshop, entry: Entry, issuer: Opened | undefined): Promise<Opened> {
  const { dir, algorithm, now } = shop
  const kept = await readPair(dir, entry.path, now, issuer?.certificate)
  if (kept !== undefined) {
    shop.kept += 1
    return { pair: kept, certificate: new X509Certificate(kept.certificate) }
  }

  // Loaded only when something is missing: it costs more than checking a whole PKI.
  const { issue, openAuthority } = await import('./certificates.ts')
  if (issuer !== undefined) issuer.authority ??= openAuthority(issuer.pair, algorithm)
  const pair = await issue(entry, algorithm, now, await issuer?.authority)
  await writePair(dir, entry.path, pair)
  shop.made.push(entry.path)
  return { pair, certificate: new X509Certificate(pair.certificate) }
}

/** The key that signs the global configuration is ES256 in every PKI, and bare: its thumbprint is what is pinned. */
async function makeAnchor(dir: string): Promise<string> {
  const keyFile = join(dir, 'registry/signing.key')
  let key = await readText(keyFile)
  if (key === undefined || !isEcKey(key)) {
    key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString()
    await mkdir(join(dir, 'registry'), { recursive: true })
    await writeFile(keyFile, key, { mode: 0o600 })
  }

  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  // RFC 7638 §3.2: the required members only, in this order.
  const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  const jwk = { kty, crv, x, y, alg: 'ES256', use: 'sig', kid: thumbprint }
  await writeText(dir, 'registry/anchor.jwk.json', `${JSON.stringify(jwk, null, 2)}\n`)
  await writeText(dir, 'registry/anchor.sha256', `${thumbprint}\n`)
  return thumbprint
}

function isEcKey(pem: string): boolean {
  try {
    return createPublicKey(pem).asymmetricKeyType === 'ec'
  } catch {
    return false
  }
}

const README = `Development certificates of owl-gateway.

EVERY KEY IN THIS FOLDER IS PUBLIC. Anyone can make, copy and publish it.
Never use any of it, nor anything signed by it, for real data.

root, issuing, tsa-ca    certification authorities; ca.pem holds all three
ocsp, tsa, tsa2          OCSP responder and time-stamping units of the trust service
registry/                TLS server, and the key that signs the global configuration
                         (anchor.jwk.json, its RFC 7638 thumbprint in anchor.sha256)
members/NAME/            seal, operator, one folder per gateway, clients/ per subsystem
service/                 TLS server of local systems
state.json               what the trust service has revoked
*.chain.pem              certificate and issuing CA, for TLS servers

Made by: node certs-dev/make.ts --dir DIR
`

const USAGE = 'usage: node certs-dev/make.ts --dir DIR [--algorithm p256|rsa3072] [--region FILE.json]'

async function main(): Promise<number> {
  const started = performance.now()
  const { values } = parseArgs({
    options: { dir: { type: 'string' }, algorithm: { type: 'string' }, region: { type: 'string' } },
  })
  const { dir, algorithm, region } = values
  if (dir === undefined || (algorithm !== undefined && algorithm !== 'p256' && algorithm !== 'rsa3072')) {
    process.stderr.write(`${USAGE}\n`)
    return 2
  }
  const members = region === undefined ? REGION : parseRegion(await readFile(region))
  const { made, kept, anchor } = await makePki({ dir, members, ...(algorithm !== undefined && { algorithm }) })
  const seconds = ((performance.now() - started) / 1000).toFixed(2)
  process.stdout.write(`made ${made.length} certificates, kept ${kept}, in ${seconds} s; anchor sha256 ${anchor}\n`)
  return 0
}

if (import.meta.main) {
  process.exitCode = await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n${USAGE}\n`)
    return 2
  })
}
