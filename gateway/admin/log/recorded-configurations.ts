/** What the registry said when an exchange was judged: every configuration that was used is in the log. */

import type { LogReader } from '../../message-log/reading/reader.ts'
import type { LogRecord } from '../../message-log/record/log-record.ts'
import type { Configuration } from '../../trust/configuration.ts'

export interface RecordedConfigurations {
  /** The one that record `seq` names, or nothing when that was erased or names none. */
  of(seq: number): Promise<Configuration | undefined>
  /** @param sha256 hex, as record `seq` names it */
  octetsNamed(seq: number, sha256: string | undefined): RecordedConfiguration | undefined
}

export interface RecordedConfiguration {
  /** Of the octets, hex. */
  readonly sha256: string
  readonly octets: Buffer
  readonly configuration: Configuration
}

export function openRecordedConfigurations(reader: LogReader): RecordedConfigurations {
  const { contents, store } = reader
  const known = new Map<string, RecordedConfiguration | undefined>()

  function find(seq: number, sha256: string): RecordedConfiguration | undefined {
    // The one that counts is nearly always the latest before the exchange.
    for (const row of store.configurations.before(seq)) {
      const stored = contents.complete(row)
      const start = contents.record(stored)
      if (start === undefined) continue
      const { objects } = JSON.parse(start.toString()) as LogRecord
      if (objects[0]?.sha256 !== sha256) continue
      const octets = contents.body(stored)
      if (octets === undefined) return undefined
      return { sha256, octets, configuration: JSON.parse(octets.toString()) as Configuration }
    }
    return undefined
  }

  function octetsNamed(seq: number, sha256: string | undefined): RecordedConfiguration | undefined {
    if (sha256 === undefined) return undefined
    if (!known.has(sha256)) known.set(sha256, find(seq, sha256))
    return known.get(sha256)
  }

  return {
    octetsNamed,
    async of(seq) {
      const detail = await reader.get(seq)
      const basis = detail?.record?.basis as { readonly config?: { readonly sha256?: string } } | null | undefined
      return octetsNamed(seq, basis?.config?.sha256)?.configuration
    },
  }
}
