/** Certificate and key as two PEM files: what is kept from an earlier run, and how new ones are written. */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

/** Both PEM: certificate (RFC 7468) and PKCS#8 key. */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

const KEY_MODE = 0o600

/**
 * Reads a pair that is still good: both files there, belonging together, signed by this issuer, not expired.
 * Anything else is `undefined` and will be made again; so a crash between two writes heals at the next run.
 *
 * @param path without extension
 * @param issuer absent: the certificate signs itself
 * @param now milliseconds since the Unix epoch
 */
export async function readPair(
  dir: string,
  path: string,
  now: number,
  issuer?: X509Certificate,
): Promise<Pair | undefined> {
  const [certificate, key] = await Promise.all([readText(join(dir, `${path}.pem`)), readText(join(dir, `${path}.key`))])
  if (certificate === undefined || key === undefined) return undefined
  const parsed = parse(certificate, key)
  if (parsed === undefined || !parsed.certificate.checkPrivateKey(parsed.key)) return undefined
  const by = issuer ?? parsed.certificate
  const good =
    parsed.certificate.checkIssued(by) &&
    parsed.certificate.verify(by.publicKey) &&
    parsed.certificate.validToDate.getTime() > now
  return good ? { certificate, key } : undefined
}

export async function writePair(dir: string, path: string, pair: Pair): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true })
  await replaceFile(join(dir, `${path}.key`), pair.key, KEY_MODE)
  await replaceFile(join(dir, `${path}.pem`), pair.certificate)
}

/** Whoever reads at this moment gets the old file or the new one, never half of one. */
async function replaceFile(path: string, text: string, mode = 0o644): Promise<void> {
  const fresh = `${path}.${process.pid}.new`
  await writeFile(fresh, text, { mode })
  await rename(fresh, path)
}

const LOCK_WAIT_MS = 10_000
const LOCK_STEP_MS = 20

/** One maker at a time: two would each sign a certificate for what both miss. The kernel's lock ends with its process. */
export async function alone<T>(dir: string, work: () => Promise<T>): Promise<T> {
  // Asked without waiting inside SQLite, which would hold the thread: the other maker may live in it.
  const lock = new DatabaseSync(join(dir, '.lock'), { timeout: 0 })
  try {
    const until = Date.now() + LOCK_WAIT_MS
    while (!tookLock(lock)) {
      if (Date.now() > until) throw new Error(`${dir} is being changed by another process`)
      await sleep(LOCK_STEP_MS)
    }
    return await work()
  } finally {
    lock.close()
  }
}

const BUSY = 5

function tookLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== BUSY) throw error
    return false
  }
}

/** Writes a derived file only when that changes it. */
export async function writeText(dir: string, path: string, text: string): Promise<void> {
  if ((await readText(join(dir, path))) !== text) await replaceFile(join(dir, path), text)
}

export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(certificate: string, key: string) {
  try {
    return { certificate: new X509Certificate(certificate), key: createPrivateKey(key) }
  } catch {
    return undefined
  }
}
