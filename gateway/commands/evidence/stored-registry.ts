/** Stored states of the registry, for the verification of evidence: signed global configurations as a gateway keeps them. Architecture, "Trust". */

import { hash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { JWK } from 'jose'
import { calculateJwkThumbprint, importJWK } from 'jose'
import { permit } from '../../access/agreements.ts'
import { GatewayError } from '../../errors.ts'
import { openFile } from '../../evidence/byte-source.ts'
import type { RegistryState } from '../../evidence/registry-checks.ts'
import { readZip } from '../../evidence/zip-reader.ts'
import { CONFIGURATION_NAME } from '../../message-log/record/log-record.ts'
import { checkConfiguration } from '../../trust/configuration-check.ts'
import type { Anchor } from '../../trust/signed-document.ts'
import { CONFIGURATION, openDocument } from '../../trust/signed-document.ts'
import type { Snapshot } from '../../trust/snapshot.ts'
import { makeSnapshot } from '../../trust/snapshot.ts'
import type { StoredRegistry } from './verify.ts'

const FILES_MAX = 10_000
const FILE_BYTES_MAX = 64 * 1024 * 1024
const CONTAINER = /\.asice$/
/** As a gateway keeps them, and as its log's records of them are exported. */
const DOCUMENT = /^(?:\d+(?:\.jws|-configuration\.asice)|configuration-\d+\.json)$/
/** As it lies beside the evidence of an exchange: the recorded octets alone. */
const RECORDED = /^configuration-\d+\.json$/

/**
 * @param paths signed documents, exported records of configurations, or directories of them. A record has what the registry
 *   said, known by the hash that messages name, and not its signature: where there are keys, its CAs are no anchors
 * @param keys public JWKs of registries, JSON text; with none, the documents are believed as they are given
 * @throws {GatewayError} `BadRequest` when one is no configuration, or none of the keys signed it
 */
export async function readStoredRegistry(paths: readonly string[], keys: readonly string[]): Promise<StoredRegistry> {
  const anchors = await Promise.all(keys.map(readKey))
  const states = new Map<number, RegistryState>()
  const issuing = new Map<string, Buffer>()
  const stamping = new Map<string, Buffer>()
  let previous: Snapshot | undefined
  for (const file of await filesOf(paths)) {
    try {
      const recorded = configurationIn(file)
      const { octets, isSigned } = recorded ?? (await open(await readFile(file, 'utf8'), anchors))
      const configuration = checkConfiguration(JSON.parse(octets.toString('utf8')), 'open')
      const sha256 = hash('sha256', octets, 'hex')
      const known = states.get(configuration.version)
      if (known?.sha256 === sha256 && (known.isSigned || !isSigned)) continue
      // A registry that says two things at once has been tampered with, whoever signed them.
      if (known !== undefined && known.sha256 !== sha256)
        throw new GatewayError('BadRequest', { reason: split(configuration.version) })
      previous = makeSnapshot(configuration, sha256, previous)
      states.set(previous.version, stateOf(previous, isSigned))
      if (recorded !== undefined && anchors.length > 0) continue
      for (const { certificate } of previous.issuing) issuing.set(certificate.sha256, certificate.der)
      for (const { ca } of previous.tsa) stamping.set(ca.sha256, ca.der)
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause
      const reason = `${file} is no global configuration that the registry signed`
      throw new GatewayError('BadRequest', { reason, cause })
    }
  }
  if (states.size === 0) throw new GatewayError('BadRequest', { reason: '--registry holds no global configuration' })
  return { states: [...states.values()], issuing: [...issuing.values()], stamping: [...stamping.values()] }
}

function split(version: number): string {
  return `--registry holds two different configurations of version ${version}: the registry must explain that`
}

async function readKey(text: string): Promise<Anchor> {
  try {
    const { kty, crv, x, y } = JSON.parse(text) as JWK
    const jwk = { kty, crv, x, y } as JWK
    return { thumbprint: await calculateJwkThumbprint(jwk), key: (await importJWK(jwk, 'ES256')) as Anchor['key'] }
  } catch (cause) {
    throw new GatewayError('BadRequest', { reason: 'an anchor is no public JWK for ES256', cause })
  }
}

async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of paths) {
    try {
      const isDirectory = (await stat(path)).isDirectory()
      const names = isDirectory ? (await readdir(path)).filter((name) => DOCUMENT.test(name)).sort() : ['']
      files.push(...names.map((name) => join(path, name)))
    } catch (cause) {
      throw new GatewayError('BadRequest', { reason: `${path} is not there or cannot be read`, cause })
    }
  }
  if (files.length > FILES_MAX) throw new GatewayError('BadRequest', { reason: 'there are too many configurations' })
  return files
}

/** Recorded octets of a file or a container; nothing when the file is none. @throws {Error} when it holds no configuration */
function configurationIn(path: string): { octets: Buffer; isSigned: false } | undefined {
  if (RECORDED.test(basename(path))) {
    if (statSync(path).size > FILE_BYTES_MAX) throw new RangeError('The configuration is too large')
    return { octets: readFileSync(path), isSigned: false }
  }
  if (!CONTAINER.test(path)) return undefined
  const file = openFile(path)
  try {
    for (const { name, content } of readZip(file, { entriesMax: FILES_MAX, isLenient: false })) {
      if (name !== CONFIGURATION_NAME) continue
      if (content.size > FILE_BYTES_MAX) throw new RangeError('The configuration is too large')
      return { octets: Buffer.from(content.read(0, content.size)), isSigned: false }
    }
    throw new TypeError('The container holds no configuration')
  } finally {
    file.close()
  }
}

async function open(text: string, anchors: readonly Anchor[]): Promise<{ octets: Buffer; isSigned: boolean }> {
  if (text.length > FILE_BYTES_MAX) throw new RangeError('The document is too large')
  if (anchors.length === 0) {
    return { octets: Buffer.from(text.trim().split('.')[1] ?? '', 'base64url'), isSigned: false }
  }
  let failure: unknown
  for (const anchor of anchors) {
    try {
      return { octets: await openDocument(text.trim(), CONFIGURATION, anchor), isSigned: true }
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function stateOf(snapshot: Snapshot, isSigned: boolean): RegistryState {
  const { version, sha256, configuration, tsa } = snapshot
  const units = new Set(tsa.map(({ certificate }) => certificate.sha256))
  return {
    issuedAt: Date.parse(configuration.issued),
    stamps: (unit) => units.has(unit),
    version,
    sha256,
    isSigned,
    memberOfSeal: (x5t) => snapshot.seal(x5t)?.member,
    gateway: (id) => snapshot.gateway(id),
    permit: (call, purpose, at) => permit(snapshot, call, purpose, at).agreement,
  }
}
