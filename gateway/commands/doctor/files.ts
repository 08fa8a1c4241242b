/** `owl doctor`: what could keep a gateway from working, looked at from where it runs, with what to do about it. */

import type { X509Certificate } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, readFile, stat, statfs } from 'node:fs/promises'
import type { CheckState } from '../../admin/health/health.ts'
import { DISK_FAIL_BYTES, DISK_WARN_BYTES } from '../../admin/health/health.ts'
import type { Config, KeyPair } from '../../config/config.ts'
import { logPlace } from '../../config/config.ts'
import { configFaults } from '../../config/faults.ts'
import { findLogFault } from '../../message-log/reading/log-fault.ts'
import { checkValidity, keyBelongs, readCertificates } from './certificates.ts'

export interface Finding {
  readonly state: CheckState
  readonly what: string
  readonly detail: string
  /** A command, or what to do in words. */
  readonly next?: string
}

const MASTER_KEY_BYTES = 32
const MODE_OTHERS = 0o077

/** What a gateway could not start with, and every service that could be opened. */
export async function* examineConfig(config: Config): AsyncGenerator<Finding> {
  const faults = await configFaults(config)
  for (const { member, id, detail } of faults) {
    const what = id === undefined ? member : `${member === 'services' ? 'service' : 'client'} ${id}`
    yield { state: 'fail', what, detail, next: `mend ${member} in the configuration` }
  }
  for (const { id, adapter, url } of config.services) {
    if (faults.some((fault) => fault.id === id)) continue
    const detail = url === undefined ? `adapter ${adapter}` : `at ${new URL(url).origin}`
    yield { state: 'ok', what: `service ${id}`, detail }
  }
}

/** The same findings, none of which keeps a gateway from starting. */
export async function* onlyAdvice(findings: AsyncIterable<Finding>): AsyncGenerator<Finding> {
  for await (const finding of findings) yield finding.state === 'fail' ? { ...finding, state: 'warn' } : finding
}

/** Files alone: what can be said without a network. */
export async function* examineFiles(config: Config, now: number): AsyncGenerator<Finding> {
  yield* examinePairs(config, now)
  yield await examineMasterKey(config.log.masterKey)
  yield await examineDirectory(config.directory)
  yield* examineLog(config)
  yield* examineOperators(config)
}

export async function* examinePairs(config: Config, now: number): AsyncGenerator<Finding> {
  for (const [use, pair] of Object.entries(pairsOf(config))) yield* examinePair(use, pair, now)
}

export function pairsOf({ seal, consumer, provider, admin }: Config): Readonly<Record<string, KeyPair>> {
  return { seal, consumer, provider, 'provider.client': provider.client, admin }
}

async function* examinePair(use: string, { key, certificate: file }: KeyPair, now: number): AsyncGenerator<Finding> {
  const what = `certificate ${use}`
  let certificate: X509Certificate
  try {
    ;[certificate] = (await readCertificates(file)) as [X509Certificate]
  } catch (error) {
    yield { state: 'fail', what, detail: sentence(error), next: `put the certificate at ${file}` }
    return
  }
  const { state, detail = '' } = checkValidity(certificate, now)
  yield { state, what, detail, ...(state !== 'ok' && { next: `renew ${file}; npx owl cert show ${file}` }) }
  yield await examineKey(`key ${use}`, key, certificate)
}

async function examineKey(what: string, file: string, certificate: X509Certificate): Promise<Finding> {
  try {
    if (!(await keyBelongs(file, certificate))) {
      return { state: 'fail', what, detail: 'belongs to another certificate', next: `put the right key at ${file}` }
    }
    return (await looseMode(what, file)) ?? { state: 'ok', what, detail: 'fits, readable by its owner alone' }
  } catch (error) {
    return { state: 'fail', what, detail: sentence(error), next: `put a PKCS#8 PEM key at ${file}` }
  }
}

async function examineMasterKey(file: string): Promise<Finding> {
  const what = 'key of the message log'
  try {
    const { length } = await readFile(file)
    if (length !== MASTER_KEY_BYTES) {
      return { state: 'fail', what, detail: `has ${length} octets, not ${MASTER_KEY_BYTES}`, next: 'restore it' }
    }
    return (await looseMode(what, file)) ?? { state: 'ok', what, detail: 'readable by its owner alone' }
  } catch (error) {
    // Never a command that makes a new one: it would open nothing that was written before.
    return { state: 'fail', what, detail: sentence(error), next: `restore ${file} from where its copy is kept` }
  }
}

async function looseMode(what: string, file: string): Promise<Finding | undefined> {
  const { mode } = await stat(file)
  if ((mode & MODE_OTHERS) === 0) return undefined
  return { state: 'warn', what, detail: 'others than its owner can read it', next: `chmod 600 ${file}` }
}

/** Nothing where there is no log yet. */
function* examineLog(config: Config): Generator<Finding> {
  const [what, place] = ['message log', logPlace(config)]
  const fault = findLogFault(place)
  if (fault !== undefined) yield { state: 'fail', what, detail: fault.message, next: fault.next }
  else if (existsSync(place.file)) yield { state: 'ok', what, detail: 'is the one that its key store knows' }
}

async function examineDirectory(directory: string): Promise<Finding> {
  const what = 'state directory'
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    const { bavail, bsize } = await statfs(directory)
    const free = bavail * bsize
    const detail = `writable, ${formatBytes(free)} free`
    if (free >= DISK_WARN_BYTES) return { state: 'ok', what, detail }
    return { state: free < DISK_FAIL_BYTES ? 'fail' : 'warn', what, detail, next: `free space for ${directory}` }
  } catch (error) {
    return { state: 'fail', what, detail: sentence(error), next: `mkdir -p ${directory}` }
  }
}

function* examineOperators({ admin, clients }: Config): Generator<Finding> {
  const [what, count] = ['operators', admin.operators.length]
  if (count > 0) yield { state: 'ok', what, detail: `${count} may use the admin port` }
  else {
    const next = 'add the SHA-256 that `npx owl cert show FILE` prints to admin.operators'
    yield { state: 'warn', what, detail: 'nobody may use the admin port', next }
  }
  for (const { id, auth, certificates } of clients) {
    if (auth !== 'mtls' || certificates.length > 0) continue
    const next = 'add the SHA-256 of its certificate to clients[].certificates'
    yield { state: 'warn', what: `client ${id}`, detail: 'must show a certificate, and none is listed', next }
  }
}

/** What Node says of files names the file and the reason; nothing that is in it. */
export function sentence(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'the file is not there'
  if (code === 'EACCES') return 'this user may not read it'
  return message.split('\n')[0] ?? ''
}

function formatBytes(bytes: number): string {
  const gib = bytes / 1024 ** 3
  return gib >= 1 ? `${gib.toFixed(1)} GiB` : `${Math.floor(bytes / 1024 ** 2)} MiB`
}
