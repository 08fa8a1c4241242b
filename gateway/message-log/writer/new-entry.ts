/** Entries for the writer out of what the gateway knows of a message, a configuration or a look-up. */

import { sha256 } from '../../protocol/hash-tree.ts'
import { dayOf } from '../keys/key-store.ts'
import type { Pseudonyms } from '../keys/pseudonyms.ts'
import type { NewRecord } from '../message-log.ts'
import type { Waiting } from './writer-queue.ts'

export interface Retention {
  readonly bodyRetentionDays: number
  readonly recordRetentionDays: number
}

export interface NewEntryContext extends Retention {
  readonly at: number
  readonly pseudonyms: Pseudonyms
}

export function messageEntry(record: NewRecord, context: NewEntryContext): Waiting {
  const { body, bodyDigest, request, subjects = [] } = record
  const { at, bodyRetentionDays, recordRetentionDays, pseudonyms } = context
  const day = dayOf(at)
  return {
    kind: record.outcome,
    at,
    side: record.side,
    direction: record.direction,
    requestId: record.requestId,
    xRoadId: record.xRoadId,
    client: record.client,
    service: record.service,
    method: record.method,
    purpose: record.purpose,
    code: record.code ?? null,
    stage: record.stage ?? null,
    sender: record.replaySender ?? null,
    extension: record.extension,
    signature: record.signature,
    etsiU: 0,
    etsiUText: record.etsiU,
    basis: 0,
    basisText: record.basis,
    ends: request?.seq ?? null,
    bodyUntil: body === undefined ? null : day + bodyRetentionDays,
    recordUntil: day + recordRetentionDays,
    bodyBytes: body?.size ?? bodyDigest?.size ?? 0,
    filePath: body?.file?.path ?? null,
    head: record.head,
    body: body?.bytes ?? null,
    bodySha256: body?.sha256 ?? bodyDigest?.sha256 ?? null,
    requestLeaf: request?.leaf ?? null,
    fileKey: body?.file?.key ?? null,
    subjects: subjects.length === 0 ? null : pseudonyms.of(subjects),
  }
}

/** A record of the log's own, about no message. */
export function ownEntry(kind: 'configuration' | 'access', octets: Buffer, at: number): Waiting {
  const absent = { side: null, direction: null, requestId: null, xRoadId: null, client: null, service: null }
  const none = { method: null, purpose: null, code: null, stage: null, sender: null, ends: null, filePath: null }
  const texts = { extension: '', signature: '', etsiU: 0, etsiUText: '', basis: 0, basisText: '' }
  return {
    ...{ ...absent, ...none, ...texts, kind, at, bodyUntil: null, recordUntil: null },
    ...{ bodyBytes: octets.length, head: null, body: octets, bodySha256: sha256(octets) },
    ...{ requestLeaf: null, fileKey: null, subjects: null },
  }
}
