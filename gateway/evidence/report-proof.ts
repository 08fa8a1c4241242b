/** What the report says of the weight of its evidence (who sealed, qualified or not, until when) and of data protection. */

import type { Html } from '../html.ts'
import { html } from '../html.ts'
import type { ReportedCertificate } from './qualification.ts'
import type { ExchangeReport, ReportedMessage, ReportedSeal } from './report.ts'
import { erasureText } from './report-erasure.ts'
import { PROOF_TEXTS } from './report-proof-texts.ts'
import { german, messageText, pairs, partyText } from './report-tables.ts'
import type { ReportTexts } from './report-texts.ts'
import { plainTime, timeText } from './report-times.ts'

/** Nothing where no key of the development CA was used. */
export function developmentBox(report: ExchangeReport, { language }: ReportTexts): Html {
  const used = report.messages.flatMap(({ stamps, signer, seal }) => [
    ...[...stamps.map(({ by }) => by), signer?.by, seal?.by, seal?.stampedBy],
  ])
  if (!used.some((by) => by?.qualification === 'development')) return html``
  return html`<p class="warning" role="note"><strong>${PROOF_TEXTS[language].development}</strong></p>
`
}

export function proofText(report: ExchangeReport, texts: ReportTexts): Html {
  const { labels, seals, stamps, times, trustedList } = PROOF_TEXTS[texts.language]
  const there = report.messages.filter(({ file }) => file !== undefined)
  if (there.length === 0) return html`<p>${texts.erasedNote}</p>`
  const parts = there.map((message) => {
    const { signer, seal } = message
    const stamp = message.stamps[0]?.by
    const rows: readonly (readonly [string, Html | string | undefined])[] = [
      [labels.sender, signer && nameOf(signer, texts)],
      [labels.senderSeal, signer?.by && seals[signer.by.qualification]],
      [labels.stamp, stamp && stamps[stamp.qualification]],
      [labels.renewed, message.stamps.length === 0 ? undefined : times(message.stamps.length - 1)],
      [labels.container, sealText(seal, texts)],
      [labels.containerSeal, seal?.by && seals[seal.by.qualification]],
      [labels.validUntil, validityText(message, report.madeAt, texts)],
    ]
    const known = rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
    return html`<h3>${messageText(message, texts)}</h3>
${pairs(known)}
`
  })
  return html`<p>${trustedList}</p>
${parts}`
}

function nameOf({ party, by }: Pick<ReportedSeal, 'party' | 'by'>, texts: ReportTexts): Html | string {
  if (party !== undefined) return partyText(party)
  return by?.name === undefined ? texts.unknown : german(by.name)
}

function sealText(seal: ReportedSeal | undefined, texts: ReportTexts): Html | string {
  const { unsealed, sealedBy, sealedAt, sealedWithoutTime } = PROOF_TEXTS[texts.language]
  if (seal === undefined) return unsealed
  const when = seal.at === undefined ? sealedWithoutTime : html`${sealedAt} ${timeText(seal.at, texts)}`
  return html`${sealedBy} ${nameOf(seal, texts)}, ${when}`
}

/** Whatever lasts longest of the last time-stamp and that of the seal; ended or not as of when the page was made. */
function validityText({ stamps, seal }: ReportedMessage, madeAt: number | undefined, texts: ReportTexts) {
  const { until, expired } = PROOF_TEXTS[texts.language]
  const last: readonly (ReportedCertificate | undefined)[] = [stamps.at(-1)?.by, seal?.stampedBy]
  const ends = last.flatMap((by) => by?.validUntil ?? [])
  if (ends.length === 0) return undefined
  const end = Math.max(...ends)
  return (madeAt !== undefined && madeAt > end ? expired : until)(plainTime(end, texts))
}

export function protectionText({ purpose, messages }: ExchangeReport, texts: ReportTexts): Html {
  const { labels, days, erasure } = PROOF_TEXTS[texts.language]
  const { dataCategories, retention } = purpose ?? {}
  const rows: readonly (readonly [string, Html | string | undefined])[] = [
    [labels.categories, dataCategories?.length ? german(dataCategories.join(', ')) : undefined],
    [labels.bodyRetention, retention && days(retention.bodyDays)],
    [labels.recordRetention, retention && days(retention.recordDays)],
    [labels.retentionBasis, retention?.retentionBasis === undefined ? undefined : german(retention.retentionBasis)],
  ]
  const states = messages.map((message) => {
    const isWhole = message.objects.every(({ isKept }) => isKept)
    const state = message.file === undefined ? erasure.record : isWhole ? erasure.none : erasure.body
    return html`<li>${messageText(message, texts)}: ${state}${erasureText(message.erasure, texts)}</li>
`
  })
  return html`${pairs(rows.map(([name, value]) => [name, value ?? texts.unknown]))}
<ul>${states}</ul>`
}
