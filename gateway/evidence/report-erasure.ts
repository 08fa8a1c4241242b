/** What the report says of contents that are erased: when, why, and where the log says so. */

import type { Html } from '../html.ts'
import { html } from '../html.ts'
import type { ReportTexts } from './report-texts.ts'
import { timeText } from './report-times.ts'

export interface ReportedErasure {
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly by: 'retention' | 'order'
  /** The rule of retention, or the reason of the order, as it is on record. */
  readonly reason: string
  /** Number of the record that says so. */
  readonly seq: number
}

export function erasureText(erasure: ReportedErasure | undefined, texts: ReportTexts): Html {
  if (erasure === undefined) return html``
  const { at, by, reason, seq } = erasure
  return html`<p>${texts.erasedAt} ${timeText(at, texts)}, ${texts.erasedBy[by]}: ${reason} (${texts.record} ${seq}).</p>`
}
