/** What the report on an exchange says, in the shape that both languages fill. */

import type { StatedErasure } from './report-statement.ts'

export interface ReportTexts {
  readonly language: 'de' | 'en'
  readonly name: string
  readonly title: string
  readonly about: string
  readonly headings: {
    readonly parties: string
    readonly outcome: string
    readonly times: string
    readonly checks: string
    readonly proof: string
    readonly protection: string
    readonly files: string
    readonly verification: string
    readonly notes: string
  }
  readonly labels: {
    readonly client: string
    readonly provider: string
    readonly service: string
    readonly call: string
    readonly purpose: string
    readonly legalBasis: string
    readonly issue: string
    readonly userId: string
    readonly requestId: string
    readonly keeper: string
    readonly log: string
    readonly madeAt: string
    readonly configuration: string
    readonly agreement: string
    readonly reason: string
    readonly code: string
    readonly stage: string
    readonly message: string
    readonly claimed: string
    readonly recorded: string
    readonly proven: string
    readonly gap: string
    readonly authority: string
    readonly file: string
    readonly object: string
    readonly digest: string
    readonly state: string
    readonly signer: string
    readonly revocation: string
    readonly connection: string
    readonly stages: string
  }
  readonly states: { readonly kept: string; readonly absent: string; readonly erased: string }
  /** In place of a digest, of what the log itself adds. */
  readonly ownDigest: string
  /** Before the number of a record. */
  readonly record: string
  readonly erasedNote: string
  /** Before a time, and after it. */
  readonly erasedAt: string
  readonly erasedBy: Readonly<Record<StatedErasure['by'], string>>
  readonly unknown: string
  readonly none: string
  /** Where a request has none. */
  readonly noPurpose: string
  readonly unstamped: string
  /** By kind and direction of a record. */
  readonly messages: Readonly<Record<string, string>>
  readonly outcomes: Readonly<Record<string, string>>
  readonly stages: Readonly<Record<string, string>>
  /** Meaning of a fault code without its prefix; the message as it was sent where there is none. */
  readonly faults: Readonly<Record<string, string>>
  /** Of a certificate, by revocation status. */
  readonly statuses: Readonly<Record<string, string>>
  readonly revocation: (status: string, source: string, thisUpdate: string) => string
  readonly seconds: (text: string) => string
  readonly timesNote: string
  readonly checksNote: string
  readonly filesNote: string
  readonly steps: {
    readonly owl: string
    readonly single: string
    readonly record: string
    readonly seal: string
    readonly signature: string
    readonly anchors: string
  }
  readonly notes: readonly string[]
}
