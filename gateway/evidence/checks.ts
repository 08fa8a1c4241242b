/** The checks of a verification: one table of what there is and what each rests on, and what came of them. Design of the evidence, section 6. */

/** `not-checked`: something that it needs was not given. `not-proven`: it was checked, and proves too little. */
export type Verdict = 'ok' | 'warning' | 'failed' | 'not-proven' | 'not-checked'

interface Row {
  readonly restsOn: string
  /** Without it nothing is proven, so that it must have been made. */
  readonly essential?: true
}

/** One row per check. The key is the stable id; a row is never renamed. In the order of work. */
export const CHECKS = {
  'zip.form': { restsOn: 'every octet of the archive' },
  'container.files': { restsOn: 'the files a container has, EN 319 162-1' },
  'container.leftovers': { restsOn: 'names that systems and archivers are known to leave' },
  'container.time': { restsOn: 'the headers of the archive and log-record.json' },

  'record.manifest': { restsOn: 'SHA-256 of every file that the manifest names' },
  'record.form': { restsOn: 'DER, RFC 4998', essential: true },
  'record.group': { restsOn: 'the first hash list of each chain', essential: true },
  'record.tree': { restsOn: 'the hash trees up to the imprint of each token', essential: true },
  'record.order': { restsOn: 'the times in the tokens' },
  'record.token': { restsOn: 'signature and certificate of the time-stamp authority', essential: true },
  'record.revocation': { restsOn: 'the revocation list inside the token' },
  'record.lifetime': { restsOn: 'the certificate of the latest token' },

  'log-record.form': { restsOn: 'the exact form of log-record.json' },
  'log-record.time': { restsOn: 'time in log-record.json and time proven by the first token' },
  'log-record.origin': { restsOn: 'the seal of the owner of the log' },
  'log-record.objects': { restsOn: 'SHA-256 of every object of the group', essential: true },
  'log-record.message': { restsOn: 'log-record.json beside the signed head' },
  'log-record.basis': { restsOn: 'log-record.json beside certificate and revocation answer' },
  body: { restsOn: 'the octets of the body' },
  'batch.leaves': { restsOn: 'batch-header.json and batch-leaves.bin' },

  'signature.form': { restsOn: 'ETSI TS 119 182-1, the exact form of the archive', essential: true },
  'signature.references': { restsOn: 'the hashes of head and body that were signed', essential: true },
  'signature.value': { restsOn: 'the key in the signer’s certificate', essential: true },
  'signature.certificate': { restsOn: 'the issuing CA among the anchors, at the proven time', essential: true },
  'signature.revocation': { restsOn: 'the revocation answer inside the signature, at the proven time' },
  'signature.member': { restsOn: 'the member that the certificate names' },
  'signature.time': { restsOn: 'time claimed in the signature and time proven by the first token' },

  'registry.document': { restsOn: 'the global configuration that the message names', essential: true },
  'registry.time-stamp': { restsOn: 'time-stamp authorities as registered when they stamped', essential: true },
  'registry.seal': { restsOn: 'the seal as registered for the owner of the log when it was made', essential: true },
  'registry.member': { restsOn: 'the certificate registered for the member' },
  'registry.gateway': { restsOn: 'gateways, their logs and whom they speak for' },
  'registry.permission': { restsOn: 'agreement and purpose as registered' },

  'seal.manifest': { restsOn: 'SHA-256 of every file that the manifest names' },
  'seal.form': { restsOn: 'DER, CAdES of ETSI EN 319 122-1' },
  'seal.value': { restsOn: 'the key in the certificate of the exporting gateway' },
  'seal.certificate': { restsOn: 'the issuing CA among the anchors', essential: true },
  'seal.member': { restsOn: 'the member that the certificate names and the log that log-record.json names' },
  'seal.revocation': { restsOn: 'the revocation answer inside the seal' },
  'seal.time': { restsOn: 'the time-stamp on the seal', essential: true },
  'seal.archive': { restsOn: 'the time-stamp over everything in the container', essential: true },
  'seal.stamps': { restsOn: 'the revocation lists inside the time-stamps of the seal' },
  'seal.lifetime': { restsOn: 'what keeps the seal verifiable' },

  'archive.exchange': { restsOn: 'the exchange that each record names' },
  'archive.configuration': { restsOn: 'SHA-256 that records and signed heads name' },
  'report.page': { restsOn: 'the page that the evidence makes, octet by octet', essential: true },

  'exchange.request': { restsOn: 'owl-request-digest of the reply' },
  'exchange.hash': { restsOn: 'X-Road-Request-Hash of the reply' },
  'exchange.receipt': { restsOn: 'owl-receipt of the reply and the record of the request' },
  'exchange.record': { restsOn: 'the leaf that the record of the reply names' },
  'exchange.copies': { restsOn: 'the records of both sides' },
  'chain.place': { restsOn: 'log, epoch and number in the records' },
  'chain.previous': { restsOn: 'the leaf that the next record names' },
} as const satisfies Record<string, Row>

export type CheckId = keyof typeof CHECKS

export interface Check {
  readonly id: CheckId
  readonly verdict: Verdict
  /** Says what, never a value of a message. */
  readonly detail?: string
}

/** What all checks together say: `indeterminate` is not proven and not disproven. */
export type Outcome = 'valid' | 'valid-with-warnings' | 'indeterminate' | 'invalid'

export interface Checks {
  readonly list: readonly Check[]
  ok(id: CheckId, detail?: string): void
  warn(id: CheckId, detail: string): void
  fail(id: CheckId, detail: string): void
  skip(id: CheckId, detail: string): void
  add(id: CheckId, found: { readonly verdict: Verdict; readonly detail: string }): void
  has(id: CheckId, verdict: Verdict): boolean
  /** Of evidence: nothing disproves it, no essential check is missing, and each proves what it should. */
  outcome(): Outcome
}

export function openChecks(): Checks {
  const list: Check[] = []
  const add =
    (verdict: Verdict) =>
    (id: CheckId, detail?: string): void => {
      list.push(detail === undefined ? { id, verdict } : { id, verdict, detail })
    }
  return {
    list,
    ok: add('ok'),
    warn: add('warning'),
    fail: add('failed'),
    skip: add('not-checked'),
    add: (id, { verdict, detail }) => add(verdict)(id, detail),
    has: (id, verdict) => list.some((check) => check.id === id && check.verdict === verdict),
    outcome: () => outcomeOf(list),
  }
}

/** The worst decides. */
export function outcomeOf(list: readonly Check[]): Outcome {
  if (list.some(({ verdict }) => verdict === 'failed')) return 'invalid'
  if (list.some(({ id, verdict }) => verdict === 'not-proven' || (verdict === 'not-checked' && isEssential(id)))) {
    return 'indeterminate'
  }
  return list.some(({ verdict }) => verdict === 'warning') ? 'valid-with-warnings' : 'valid'
}

function isEssential(id: CheckId): boolean {
  const row: Row = CHECKS[id]
  return row.essential === true
}

/** Texts made last: the times of tokens, answers and certificates are the same in many records. */
const instants = new Map<number, string>()
const INSTANTS_MAX = 1000

/** ISO 8601. @param time milliseconds since the Unix epoch */
export function instant(time: number): string {
  let text = instants.get(time)
  if (text === undefined) {
    text = new Date(time).toISOString().replace('.000Z', 'Z')
    if (instants.size >= INSTANTS_MAX) instants.clear()
    instants.set(time, text)
  }
  return text
}

/** Errors that say what is wrong without quoting what they read; any other says only that it was unreadable. */
const TELLING: ReadonlySet<string> = new Set([
  'DerError',
  'FileError',
  'GatewayError',
  'JsonError',
  'ManifestError',
  'OcspError',
  'RecordError',
  'RecordFormError',
  'TimeStampError',
  'ZipError',
])

export function reasonOf(error: unknown): string {
  return error instanceof Error && TELLING.has(error.name) ? error.message : 'the octets cannot be read'
}
