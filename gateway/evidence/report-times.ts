/** Times in the report: legal time in Germany, to the millisecond, in the words of each language. */

import type { Html } from '../html.ts'
import { html } from '../html.ts'
import type { ReportTexts } from './report-texts.ts'

export function timeText(at: number | undefined, texts: ReportTexts): Html | string {
  if (at === undefined) return texts.unknown
  return html`<time datetime="${new Date(at).toISOString()}">${plainTime(at, texts)}</time>`
}

const FORMS = { de: clock('de-DE'), en: clock('en-GB') } as const

function clock(locale: string): Intl.DateTimeFormat {
  const digits = '2-digit'
  const day = { year: 'numeric', month: digits, day: digits } as const
  const time = { hour: digits, minute: digits, second: digits, fractionalSecondDigits: 3 } as const
  return new Intl.DateTimeFormat(locale, { ...day, ...time, timeZone: 'Europe/Berlin', timeZoneName: 'short' })
}

export function plainTime(at: number | undefined, { language, unknown }: ReportTexts): string {
  return at === undefined ? unknown : FORMS[language].format(at)
}

export function secondsText(ms: number, { language }: ReportTexts): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1, minimumFractionDigits: 1 }).format(ms / 1000)
}
