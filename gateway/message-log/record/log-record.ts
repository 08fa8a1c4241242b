/**
 * The objects that the log itself writes: `log-record.json`, the archive form of a signature, `event.json`,
 * `batch-header.json`. Source: design of the evidence, sections 2 to 4. Their octets are hashed as they are written here
 * and never serialised again.
 */

import { sha256Hex } from '../../protocol/hash-tree.ts'
import type { Outcome, Side } from '../message-log.ts'

export const RECORD_NAME = 'log-record.json'
export const HEAD_NAME = 'message-head.txt'
export const SIGNATURE_NAME = 'signature.jades.json'
export const CONFIGURATION_NAME = 'configuration.json'
export const EVENT_NAME = 'event.json'
export const BATCH_HEADER_NAME = 'batch-header.json'
export const BATCH_LEAVES_NAME = 'batch-leaves.bin'

export function bodyName(extension: string): string {
  return `message-body.${extension}`
}

export interface NamedDigest {
  readonly name: string
  /** Hex. */
  readonly sha256: string
}

/** The members of `log-record.json`, in their order. Leaves and salt are hex. */
export interface LogRecord {
  readonly v: 1
  /** `gateway/node` */
  readonly log: string
  readonly epoch: number
  readonly seq: number
  /** Leaf of the record before; null for the first of a log. */
  readonly prev: string | null
  readonly salt: string
  /** The request id; null where the record is about no exchange. */
  readonly id: string | null
  readonly kind: Outcome
  readonly direction: 'in' | 'out' | null
  readonly side: Side | null
  /** ISO 8601, ms. */
  readonly at: string
  /** Fault code of a refusal or failure. */
  readonly outcome: string | null
  /** Leaf of the request's record that this one ends. */
  readonly request: string | null
  /** Of the group, without `log-record.json` itself; also of objects that are not kept. */
  readonly objects: readonly NamedDigest[]
  /** What the message was judged by. */
  readonly basis: unknown
}

/** `log-record.json` up to its basis, which many records have in common. */
export function formatRecordStart(record: Omit<LogRecord, 'v' | 'at' | 'basis'> & { readonly at: number }): string {
  const { log, epoch, seq, prev, salt, id, kind, direction, side, at, outcome, request, objects } = record
  let list = ''
  for (const { name, sha256 } of objects) list += `${list === '' ? '' : ','}{"name":"${name}","sha256":"${sha256}"}`
  return (
    `{"v":1,"log":${jsonOf(log)},"epoch":${epoch},"seq":${seq},"prev":${quoted(prev)},"salt":"${salt}",` +
    `"id":${id === null ? 'null' : jsonOf(id)},"kind":"${kind}","direction":${quoted(direction)},` +
    `"side":${quoted(side)},"at":"${new Date(at).toISOString()}","outcome":${quoted(outcome)},` +
    `"request":${quoted(request)},"objects":[${list}],"basis":`
  )
}

/** The whole of `log-record.json`. @param basis JSON text; nothing where a record is about no message */
export function completeRecord(start: Buffer, basis: string | null | undefined): Buffer {
  return Buffer.concat([start, Buffer.from(`${basis ?? 'null'}}`)])
}

/** The octets of a start, good until the next, and the hash of the whole. */
export function openRecordOctets(): (start: string, basis: string | null) => { start: Buffer; sha256: string } {
  let room = Buffer.allocUnsafeSlow(16 * 1024)
  return (start, basis) => {
    const basisAt = Buffer.byteLength(start)
    const endAt = basisAt + Buffer.byteLength(basis ?? 'null')
    if (endAt >= room.length) room = Buffer.allocUnsafeSlow(endAt + 1)
    room.write(start)
    room.write(basis ?? 'null', basisAt)
    room.write('}', endAt)
    return { start: room.subarray(0, basisAt), sha256: sha256Hex(room.subarray(0, endAt + 1)) }
  }
}

/** V8 takes 8 KiB to look for what to escape; names and ids have nothing of the kind. */
function jsonOf(text: string): string {
  return /^[\w/.-]*$/.test(text) ? quoted(text) : JSON.stringify(text)
}

/** For values of our own that need no escape. */
function quoted(value: string | null): string {
  return value === null ? 'null' : `"${value}"`
}

/**
 * The archive form: flattened JWS JSON, RFC 7515 §7.2.2, with the unprotected `etsiU` of ETSI TS 119 182-1 §5.3.1. It
 * stands first: it is most of the octets and the same in many signatures, so hashing begins behind it.
 *
 * @param etsiU JSON text of the array
 */
export function formatArchiveStart(etsiU: string): string {
  return `{"header":{"etsiU":${etsiU}},"payload":"",`
}

/** @param wire as it stands in `OWL-Signature`: `protected..signature` */
export function formatArchiveRest(wire: string): string {
  const end = wire.indexOf('.')
  return `"protected":"${wire.slice(0, end)}","signature":"${wire.slice(end + 2)}"}`
}

export interface InDoubt {
  readonly request: { readonly seq: number; readonly leaf: string }
  /** The gateway stopped in between, or the end could not be written or signed. */
  readonly reason: 'restart' | 'no-end'
}

export function formatInDoubt({ request, reason }: InDoubt): string {
  return JSON.stringify({ v: 1, event: 'in-doubt', request: { seq: request.seq, leaf: request.leaf }, reason })
}

/** Hashes and leaves are hex. `first` to `last` are the records whose leaves follow group 0 in the tree. */
export interface BatchHeader {
  readonly log: string
  readonly epoch: number
  readonly batch: number
  readonly first: number
  readonly last: number
  readonly count: number
  /** SHA-256 of the header before; null for the first. */
  readonly prevHeader: string | null
  /** Leaf of record `last`. */
  readonly lastRecord: string
}

export function formatBatchHeader(header: BatchHeader): string {
  const { log, epoch, batch, first, last, count, prevHeader, lastRecord } = header
  return JSON.stringify({ log, epoch, batch, first, last, count, prevHeader, lastRecord })
}
