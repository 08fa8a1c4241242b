/**
 * The chain of records and its end: computes what one transaction adds. Source: design of the evidence, sections 3 and 4.
 *
 * Runs in the writer's thread. Nothing of the state here is ahead of the store once a call has returned or thrown.
 */

import { groupLeafHex, sha256Hex } from '../../protocol/hash-tree.ts'
import type { BodyFiles } from '../files/body-files.ts'
import { SHARE_BYTES, seal } from '../keys/content-cipher.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { dayOf, openDayKeys } from '../keys/key-store.ts'
import type { RandomOctets } from '../keys/random-octets.ts'
import type { Draft } from '../record/draft.ts'
import { ownDraft } from '../record/draft.ts'
import type { Entry } from '../record/entry.ts'
import { openArchiveHash } from '../record/kept-signature.ts'
import type { LogIdentity } from '../record/log-place.ts'
import { bodyName, formatRecordStart, HEAD_NAME, openRecordOctets, SIGNATURE_NAME } from '../record/log-record.ts'
import type { Place, Result, Tip } from '../record/log-state.ts'
import { replayKey } from '../store/log-store.ts'
import type { Changes, NewRecordRow, NewText, WritableStore } from '../store/writable-store.ts'

export interface ChainDeps {
  readonly store: Pick<WritableStore, 'write' | 'nextText'>
  readonly identity: LogIdentity
  readonly keys: KeyStore
  readonly files: BodyFiles
  readonly random: RandomOctets
}

export interface Chain {
  readonly tip: Tip
  /** While changes are computed only, as `addEntry`. */
  add(draft: Draft): Place
  /** @returns `replayed` when the log, or these changes, have the replay key; `unreadable` when the file is gone */
  addEntry(entry: Entry, context: EntryContext): Result
  /** Texts in common are stored anew from here on, so that those of old records can go with them. */
  forgetTexts(): void
  /**
   * Computes what is to be written, then writes it in one transaction. Whatever is thrown, the chain ends where it ended
   * before.
   *
   * @param also what else goes with it
   */
  commit<T>(compute: () => T, also?: (computed: T) => Changes): T
}

export interface EntryContext {
  readonly etsiU: string
  readonly basis: string
  /** Replay keys that the log has, or these changes. */
  readonly taken: Set<string>
}

/** Texts known to be stored. A text that is stored twice costs space, nothing else. */
const REPEATED_MAX = 2048

export function openChain({ store, identity, keys, files, random }: ChainDeps, start: Tip): Chain {
  const dayKeys = openDayKeys(keys)
  const archiveHash = openArchiveHash()
  const recordOctets = openRecordOctets()

  let tip = start
  let nextText = store.nextText()
  /** What is to be written. */
  let records: NewRecordRow[] = []
  let texts: NewText[] = []
  let isAnyAdopted = false
  /** Texts stored since the log was opened, most of them never again after some minutes. */
  const repeated = new Map<string, number>()

  function add({ columns, objects, content, request, basis }: Draft, subjects: Buffer | null = null): Place {
    const seq = tip.seq + 1
    const { at, kind, side, direction, requestId, code } = columns
    const { start, sha256 } = recordOctets(
      formatRecordStart({
        log: identity.name,
        epoch: identity.epoch,
        seq,
        prev: tip.leaf?.toString('hex') ?? null,
        salt: random(32).toString('hex'),
        id: requestId,
        kind,
        direction,
        side,
        at,
        outcome: code,
        request: request?.toString('hex') ?? null,
        objects,
      }),
      basis,
    )
    const leaf = Buffer.from(groupLeafHex([...objects.map((object) => object.sha256), sha256]), 'hex')
    // The octets are good until the next record only.
    records.push({ seq, leaf, columns, record: Buffer.from(start), content, subjects })
    const place = { seq, leaf }
    tip = place
    return place
  }

  function addEntry(entry: Entry, context: EntryContext): Result {
    const { sender, requestId, filePath } = entry
    const key = sender === null || requestId === null ? undefined : replayKey({ requestId, sender })
    if (key !== undefined && context.taken.has(key)) return 'replayed'
    if (entry.kind === 'configuration' || entry.kind === 'access') return add(ownDraft(entry, entry.kind))
    if (filePath !== null && !adopt(filePath)) return 'unreadable'
    if (key !== undefined) context.taken.add(key)
    return add(messageDraft(entry, context), entry.subjects)
  }

  function messageDraft(entry: Entry, { etsiU, basis }: EntryContext): Draft {
    const { head, body, bodySha256, fileKey, extension, signature, at } = entry
    const purpose = entry.purpose ?? ''
    const keysOfDay = dayKeys(dayOf(at), purpose)
    const share = random(SHARE_BYTES)
    const bodyShare = body === null && fileKey === null ? null : random(SHARE_BYTES)
    const objects = [{ name: HEAD_NAME, sha256: sha256Hex(head as Buffer) }]
    if (bodySha256 !== null) objects.push({ name: bodyName(extension), sha256: bodySha256.toString('hex') })
    objects.push({ name: SIGNATURE_NAME, sha256: archiveHash(signature, etsiU) })
    return {
      columns: entry,
      objects,
      content: {
        basis: storeRepeated(basis),
        signature,
        etsiU: storeRepeated(etsiU),
        extension: bodySha256 === null ? null : extension,
        share,
        bodyShare,
        bodyKey: fileKey === null ? null : seal('file', keysOfDay.body, bodyShare as Buffer, fileKey),
        head: seal('head', keysOfDay.record, share, head as Buffer),
        body: body === null ? null : seal('body', keysOfDay.body, bodyShare as Buffer, body),
      },
      request: entry.requestLeaf,
      basis,
    }
  }

  function adopt(path: string): boolean {
    const seq = tip.seq + 1
    try {
      files.adopt(path, seq)
    } catch {
      // This message has no body to keep; the others of the transaction have nothing to do with it.
      return false
    }
    isAnyAdopted = true
    return true
  }

  function storeRepeated(text: string): number {
    const known = repeated.get(text)
    if (known !== undefined) return known
    if (repeated.size >= REPEATED_MAX) repeated.clear()
    const id = nextText++
    texts.push({ id, text })
    repeated.set(text, id)
    return id
  }

  function commit<T>(compute: () => T, also: (computed: T) => Changes = () => ({})): T {
    const before = tip
    isAnyAdopted = false
    try {
      const computed = compute()
      if (isAnyAdopted) files.sync()
      store.write({ texts, records, ...also(computed) })
      return computed
    } catch (error) {
      tip = before
      // A number given to a text here is gone with it.
      repeated.clear()
      throw error
    } finally {
      texts = []
      records = []
    }
  }

  return {
    get tip() {
      return tip
    },
    add,
    addEntry,
    forgetTexts: () => repeated.clear(),
    commit,
  }
}
