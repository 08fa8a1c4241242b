/**
 * The report on an exchange: one HTML page that people read and print, in German and English. No scripts, nothing from
 * elsewhere, every value escaped. Accessible as WCAG 2.2 AA has it: languages, headings, table headers, contrast.
 */

import type { Html } from '../html.ts'
import { html } from '../html.ts'
import type { ReportedCertificate } from './qualification.ts'
import { ENGLISH } from './report-english.ts'
import { GERMAN } from './report-german.ts'
import { developmentBox, proofText, protectionText } from './report-proof.ts'
import type { StatedErasure } from './report-statement.ts'
import { REPORT_STYLE } from './report-style.ts'
import { german, messageText, pairs, partyText, table } from './report-tables.ts'
import type { ReportTexts } from './report-texts.ts'
import { plainTime, secondsText, timeText } from './report-times.ts'

/** Times are milliseconds since the Unix epoch. What is undefined is not on record. */
export interface ExchangeReport {
  readonly requestId: string
  /** `gateway/node` */
  readonly log: string
  /** Whose gateway keeps that log. */
  readonly keeper: Party
  /** As stated, like the version of owl-gateway that made the page. */
  readonly madeAt?: number
  readonly version?: string
  readonly client?: Party
  readonly provider?: Party
  readonly service?: Party
  /** Method and path, without the query. */
  readonly call?: string
  readonly purpose?: ReportedPurpose
  /** The request says that it has none. */
  readonly isWithoutPurpose: boolean
  readonly issue?: string
  readonly userId?: string
  readonly outcome: ReportedOutcome
  readonly messages: readonly ReportedMessage[]
}

export interface Party {
  readonly id: string
  readonly name?: string
}

export interface ReportedPurpose {
  readonly code: string
  readonly title?: string
  readonly legalBasis?: string
  readonly dataCategories?: readonly string[]
  readonly retention?: { readonly bodyDays: number; readonly recordDays: number; readonly retentionBasis?: string }
}

export interface ReportedOutcome {
  readonly kind: 'reply' | 'refusal' | 'failure' | 'in-doubt' | 'open' | 'erased'
  readonly code?: string
  /** As it was sent, in English. */
  readonly message?: string
  readonly stage?: string
}

export interface ReportedMessage {
  readonly seq: number
  /** `request out` and so on; `in-doubt` has no direction. */
  readonly kind: string
  /** Of the container; none where the record is erased. */
  readonly file?: string
  readonly recordedAt?: number
  readonly claimedAt?: number
  /** Of the evidence record, the first one first. */
  readonly stamps: readonly ReportedStamp[]
  readonly stages: readonly string[]
  /** Whose seal is on the message; certificates by SHA-256, hex. */
  readonly signer?: { readonly sha256: string; readonly party?: Party; readonly by?: ReportedCertificate }
  /** Over the container. */
  readonly seal?: ReportedSeal
  readonly revocation?: { readonly status: string; readonly source: string; readonly thisUpdate?: number }
  readonly agreement?: string
  readonly configuration?: { readonly version: number; readonly sha256: string }
  readonly connection?: string
  readonly erasure?: StatedErasure
  readonly objects: readonly { readonly name: string; readonly sha256: string; readonly isKept: boolean }[]
}

export interface ReportedStamp {
  readonly at: number
  readonly by?: ReportedCertificate
}

export interface ReportedSeal {
  readonly party?: Party
  readonly by?: ReportedCertificate
  /** Time-stamped, by whom. */
  readonly at?: number
  readonly stampedBy?: ReportedCertificate
}

export function formatReport(report: ExchangeReport): Buffer {
  const page = html`<!DOCTYPE html>
<html lang="de">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${GERMAN.title} · ${report.requestId}</title>
${REPORT_STYLE}
</head>
<body>
<nav aria-label="Sprache · Language"><a href="#de">${GERMAN.name}</a> <a href="#en" lang="en" hreflang="en">${ENGLISH.name}</a></nav>
<main>
${languagePart(report, GERMAN)}
${languagePart(report, ENGLISH)}
</main>
</body>
</html>
`
  return Buffer.from(page.text)
}

interface Part {
  readonly report: ExchangeReport
  readonly texts: ReportTexts
}

function languagePart(report: ExchangeReport, texts: ReportTexts): Html {
  const { language, headings, title, about } = texts
  const part = { report, texts }
  const sections: readonly (readonly [keyof ReportTexts['headings'], Html])[] = [
    ['parties', partiesTable(part)],
    ['outcome', outcomeText(part)],
    ['times', timesTable(part)],
    ['checks', checksText(part)],
    ['proof', proofText(report, texts)],
    ['protection', protectionText(report, texts)],
    ['files', filesTable(part)],
    ['verification', verificationText(part)],
    ['notes', html`<ul>${texts.notes.map((note) => html`<li>${note}</li>`)}</ul>`],
  ]
  return html`<article id="${language}" lang="${language}">
<h1>${title}</h1>
${developmentBox(report, texts)}<p>${about}</p>
${sections.map(
  ([name, content]) => html`<section aria-labelledby="${language}-${name}">
<h2 id="${language}-${name}">${headings[name]}</h2>
${content}
</section>
`,
)}</article>`
}

function partiesTable({ report, texts }: Part): Html {
  const { labels } = texts
  const { client, provider, service, purpose } = report
  const rows: readonly (readonly [string, Html | string | undefined])[] = [
    [labels.client, client && partyText(client)],
    [labels.provider, provider && partyText(provider)],
    [labels.service, service && partyText(service)],
    [labels.call, report.call === undefined ? undefined : html`<code>${report.call}</code>`],
    [
      labels.purpose,
      purpose === undefined ? (report.isWithoutPurpose ? texts.noPurpose : undefined) : purposeText(purpose),
    ],
    [labels.legalBasis, purpose?.legalBasis === undefined ? undefined : german(purpose.legalBasis)],
    [labels.issue, report.issue],
    [labels.userId, report.userId],
    [labels.requestId, html`<code>${report.requestId}</code>`],
    [labels.keeper, partyText(report.keeper)],
    [labels.log, html`<code>${report.log}</code>`],
    [labels.madeAt, timeText(report.madeAt, texts)],
  ]
  return pairs(rows.map(([name, value]) => [name, value ?? texts.unknown]))
}

function outcomeText({ report, texts }: Part): Html {
  const { kind, code, message, stage } = report.outcome
  const said = html`<p><strong>${texts.outcomes[kind]}</strong></p>`
  if (code === undefined) return said
  const meaning = texts.faults[code.replace(/^(?:Client|Server\.(?:Client|Server)Proxy)\./, '')]
  const original = message === undefined ? texts.unknown : html`<span lang="en">${message}</span>`
  return html`${said}
${pairs([
  [texts.labels.reason, meaning ?? original],
  [texts.labels.code, html`<code>${code}</code>`],
  ...(stage === undefined ? [] : ([[texts.labels.stage, stageText(stage, texts)]] as const)),
])}`
}

function timesTable({ report, texts }: Part): Html {
  const { labels } = texts
  const heads = [labels.message, labels.claimed, labels.recorded, labels.proven, labels.gap, labels.authority]
  const rows = report.messages.map((message) => {
    const { claimedAt, recordedAt, stamps } = message
    const [first] = stamps
    const provenAt = first?.at
    const authority = first?.by?.name
    const from = claimedAt ?? recordedAt
    const gap = from === undefined || provenAt === undefined ? '' : texts.seconds(secondsText(provenAt - from, texts))
    return [
      messageText(message, texts),
      timeText(claimedAt, texts),
      timeText(recordedAt, texts),
      provenAt === undefined
        ? message.file === undefined
          ? texts.states.erased
          : texts.unstamped
        : timeText(provenAt, texts),
      gap,
      authority === undefined ? '' : german(authority),
    ]
  })
  return html`${table(heads, rows)}
<p>${texts.timesNote}</p>`
}

function checksText({ report, texts }: Part): Html {
  const { labels } = texts
  const parts = report.messages.map((message) => {
    const { stages, signer, revocation, agreement, configuration, connection } = message
    const basis: readonly (readonly [string, Html | string | undefined])[] = [
      [labels.agreement, agreement ?? texts.none],
      [labels.configuration, configuration && html`${configuration.version}, <code>${configuration.sha256}</code>`],
      [labels.signer, signer && html`<code>${signer.sha256}</code>`],
      [labels.revocation, revocation && revocationText(revocation, texts)],
      [labels.connection, connection],
      [
        labels.stages,
        stages.length === 0
          ? undefined
          : html`<ol>${stages.map((stage) => html`<li>${stageText(stage, texts)}</li>`)}</ol>`,
      ],
    ]
    const known = basis.filter(([, value]) => value !== undefined) as [string, Html | string][]
    return html`<h3>${messageText(message, texts)}</h3>
${message.file === undefined ? html`<p>${texts.erasedNote}</p>` : pairs(known)}
`
  })
  return html`<p>${texts.checksNote}</p>
${parts}`
}

function filesTable({ report, texts }: Part): Html {
  const { labels, states } = texts
  const parts = report.messages.map((message) => {
    const { file, objects } = message
    if (file === undefined) return html`<h3>${messageText(message, texts)}</h3><p>${texts.erasedNote}</p>`
    const rows = objects.map(({ name, sha256, isKept }) => [
      html`<code>${name}</code>`,
      html`<code>${sha256}</code>`,
      isKept ? states.kept : states.absent,
    ])
    const own = ['log-record.json', 'META-INF/evidencerecord001.ers'].map((name) => [
      html`<code>${name}</code>`,
      texts.ownDigest,
      states.kept,
    ])
    return html`<h3>${messageText(message, texts)}: <code>${file}</code></h3>
${table([labels.object, labels.digest, labels.state], [...rows, ...own])}
`
  })
  return html`<p>${texts.filesNote}</p>
${parts}`
}

function verificationText({ report, texts }: Part): Html {
  const { steps } = texts
  const files = report.messages.flatMap(({ file }) => file ?? [])
  const message = report.messages.find(({ file }) => file !== undefined)
  if (message?.file === undefined) return html`<p>${texts.erasedNote}</p>`
  const { file, objects } = message
  const names = [...objects.filter(({ isKept }) => isKept).map(({ name }) => name), 'log-record.json']
  const digests = objects.filter(({ isKept }) => !isKept).map(({ sha256 }) => ` --digest ${sha256}`)
  const record = `python3 ../er_verify.py ../ca.pem META-INF/evidencerecord001.ers${digests.join('')} ${names.join(' ')}`
  const seal =
    'openssl cms -verify -inform DER -binary -in META-INF/signature001.p7s -content META-INF/ASiCManifest001.xml -CAfile ../ca.pem -out manifest.xml\n' +
    'openssl ts -verify -data META-INF/ASiCArchiveManifest.xml -in META-INF/timestamp001.tst -token_in -CAfile ../ca.pem'
  const signed = names.filter((name) => name.startsWith('message-'))
  const digest = `for f in ${signed.join(' ')}; do openssl dgst -sha256 -binary "$f" | base64 | tr '+/' '-_' | tr -d '='; done`
  return html`<p>${steps.owl}</p>
<pre><code>npx owl evidence verify ${files.join(' ')} --anchors ca.pem</code></pre>
<p>${steps.single}</p>
<p>${steps.record}</p>
<pre><code>unzip -d evidence ${file} &amp;&amp; cd evidence
${record}</code></pre>
<p>${steps.seal}</p>
<pre><code>${seal}</code></pre>
${
  signed.length === 0
    ? ''
    : html`<p>${steps.signature}</p>
<pre><code>${digest}</code></pre>
`
}<p>${steps.anchors}</p>`
}

function purposeText({ code, title }: NonNullable<ExchangeReport['purpose']>): Html {
  return title === undefined ? html`<code>${code}</code>` : html`${german(title)} (<code>${code}</code>)`
}

function stageText(stage: string, texts: ReportTexts): Html {
  const meaning = texts.stages[stage]
  return meaning === undefined ? html`<code>${stage}</code>` : html`${meaning} (<code>${stage}</code>)`
}

function revocationText(
  { status, source, thisUpdate }: NonNullable<ReportedMessage['revocation']>,
  texts: ReportTexts,
): string {
  return texts.revocation(texts.statuses[status] ?? status, source.toUpperCase(), plainTime(thisUpdate, texts))
}
