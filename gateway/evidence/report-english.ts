/** The report on an exchange in English. */

import { FAULTS } from '../errors.ts'
import type { ReportTexts } from './report-texts.ts'

export const ENGLISH: ReportTexts = {
  language: 'en',
  name: 'English',
  title: 'Evidence of a data exchange',
  about:
    'This summary says what the message log holds on one exchange. Only the attached evidence files (ASiC-E) are evidence.',
  headings: {
    parties: 'Parties, purpose and legal basis',
    outcome: 'Outcome',
    times: 'Times',
    checks: 'What was checked',
    proof: 'Weight as evidence, and how long',
    protection: 'Data protection: retention and erasure',
    files: 'Attached evidence files',
    verification: 'How to check it yourself',
    notes: 'Notes',
  },
  labels: {
    client: 'Asking agency',
    provider: 'Agency that was asked',
    service: 'Service',
    call: 'Call',
    purpose: 'Purpose given',
    legalBasis: 'Legal basis of that purpose',
    issue: 'File reference',
    userId: 'Identifier of the clerk',
    requestId: 'Request id',
    keeper: 'Recording agency',
    log: 'Message log',
    madeAt: 'Summary made',
    configuration: 'Global configuration',
    agreement: 'Agreement',
    reason: 'Reason',
    code: 'Fault code',
    stage: 'Last check that was passed',
    message: 'Message',
    claimed: 'Claimed time (sender)',
    recorded: 'Recorded',
    proven: 'There at the latest (time-stamp)',
    gap: 'Gap',
    authority: 'Time-stamp authority',
    file: 'File',
    object: 'Part',
    digest: 'SHA-256',
    state: 'State',
    signer: 'Seal certificate (SHA-256)',
    revocation: 'Revocation answer on the seal',
    connection: 'Connection (TLS)',
    stages: 'Checks passed',
  },
  states: { kept: 'included', absent: 'not included, known by its digest only', erased: 'erased' },
  ownDigest: 'secured by the time-stamp',
  record: 'record',
  erasedNote: 'The record is erased. Only its hash is left, in the chain of the message log.',
  erasedAt: 'Erased at',
  erasedBy: { retention: 'since its retention ended', order: 'since the operator ordered it' },
  unknown: 'not recorded',
  none: 'none',
  noPurpose: 'No purpose was given.',
  unstamped: 'no time-stamp yet',
  messages: {
    'request out': 'Request, sent',
    'request in': 'Request, received',
    'reply out': 'Reply, sent',
    'reply in': 'Reply, received',
    'refusal out': 'Refusal, sent',
    'refusal in': 'Refusal, received',
    'failure out': 'Failure, found by this gateway',
    'failure in': 'Failure, received',
    erased: 'Erased record',
    'in-doubt': 'Outcome unknown, found by this gateway',
  },
  outcomes: {
    reply: 'The request was answered.',
    refusal: 'The request was refused.',
    failure: 'The exchange failed.',
    'in-doubt':
      'The outcome is unknown: after the request was recorded no result was. Ask the other agency whether it acted on the request.',
    open: 'The attached evidence files hold no outcome of this request.',
    erased: 'The outcome is erased.',
  },
  stages: {
    received: 'The message is complete and its digest made. Where there is a schema for it, it follows that schema.',
    admitted: 'The local system may act for the asking agency.',
    located: 'The gateway of the other agency is known; the purpose is settled.',
    sealed: 'The message carries the seal of the agency; the seal certificate is not revoked.',
    recorded: 'The request is durably recorded before it is passed on.',
    sent: 'The registered gateway of the other side has answered.',
    opened: 'Head and signature have the agreed form.',
    attested: 'The connection belongs to a gateway registered for the asking agency.',
    verified: 'The seal holds, is that of the named agency, is not revoked and covers exactly this message.',
    fresh: 'The message is addressed to this agency, recent, and no repetition.',
    permitted: 'An agreement allows the asking agency this call of the service for this purpose.',
    delivered: 'The local system of the other agency has answered.',
    concluded: 'The outcome is durably recorded.',
  },
  faults: Object.fromEntries(Object.entries(FAULTS).map(([code, { message }]) => [code, `${message}.`])),
  statuses: {
    good: 'not revoked',
    revoked: 'revoked',
    stale: 'not revoked, by an old answer',
    unknown: 'status unknown',
  },
  revocation: (status, source, thisUpdate) => `${status}, by ${source} of ${thisUpdate}`,
  seconds: (text) => `${text} s`,
  timesNote:
    'The claimed time is the sender’s. The time-stamp of a registered authority (RFC 3161) is evidence that the message was ' +
    'there, as it is, at that moment at the latest. The gap is the time in between.',
  checksNote:
    'The recording gateway had passed these checks before it recorded the message. What they rest on is part of ' +
    'log-record.json, and so covered by the time-stamp.',
  filesNote:
    'There is one file for each message. It holds head and body of the message, the sender’s signature, the log record ' +
    'and the evidence record (RFC 4998).',
  steps: {
    owl: 'The software owl-gateway makes all checks in one step, without network and without access to any gateway:',
    single:
      'Single checks need none of that software. These commands check the first evidence file; the others are checked ' +
      'in the same way. The files ca.pem and er_verify.py lie beside the evidence files.',
    record: 'An independent program (er_verify.py) and OpenSSL check the evidence record:',
    seal: 'Where the file was exported with a seal (META-INF/signature001.p7s), OpenSSL checks seal and archive time-stamp:',
    signature:
      'The sender’s signature (signature.jades.json) names the digests of the parts. This makes them, to compare:',
    anchors:
      'The file ca.pem holds the certificates of the certification authorities that you trust: for the seals of agencies ' +
      'and for the time-stamp authority. Get them in a way of your own, not together with the evidence files. The program ' +
      'er_verify.py comes with the software (test/tools).',
  },
  notes: [
    'When this summary was made and what is erased, the recording agency states (report.json). No evidence shows it.',
    'This summary is not signed and takes the place of none of the evidence files.',
    'Contents that were erased are known by their digest only. Signature and evidence record can still be checked.',
    'The evidence files can hold personal data. Purpose and legal basis apply to whoever passes them on or keeps them.',
  ],
}
