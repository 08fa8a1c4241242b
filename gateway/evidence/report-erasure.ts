/** What the report says of contents that are erased: when, why, and where the log says so. */

import type { Html } from '../html.ts'
import { html } from '../html.ts'
import type { StatedErasure } from './report-statement.ts'
import type { ReportTexts } from './report-texts.ts'
import { timeText } from './report-times.ts'

export function erasureText(erasure: StatedErasure | undefined, texts: ReportTexts): Html {
  if (erasure === undefined) return html``
  const { at, by, reason, decision } = erasure
  return html`<p>${texts.erasedAt} ${timeText(at, texts)}, ${texts.erasedBy[by]}: ${reason} (${texts.record} ${decision}).</p>`
}
