/**
 * Times in the report: legal time in Germany, to the millisecond, in the words of each language. Written here and not by
 * the platform, whose forms change: the same page must come out of every version of Node.
 */

import type { Html } from '../html.ts'
import { html } from '../html.ts'
import type { ReportTexts } from './report-texts.ts'

export function timeText(at: number | undefined, texts: ReportTexts): Html | string {
  if (at === undefined) return texts.unknown
  return html`<time datetime="${new Date(at).toISOString()}">${plainTime(at, texts)}</time>`
}

const FORMS = {
  de: { date: '.', millis: ',', summer: 'MESZ', winter: 'MEZ' },
  en: { date: '/', millis: '.', summer: 'CEST', winter: 'CET' },
} as const
const HOUR_MS = 3_600_000

export function plainTime(at: number | undefined, { language, unknown }: ReportTexts): string {
  if (at === undefined) return unknown
  const { date, millis, summer, winter } = FORMS[language]
  const isSummer = isSummerTime(at)
  const local = new Date(at + (isSummer ? 2 : 1) * HOUR_MS).toISOString()
  const [year, month, day] = local.slice(0, 10).split('-')
  const time = `${local.slice(11, 19)}${millis}${local.slice(20, 23)}`
  return `${day}${date}${month}${date}${year}, ${time} ${isSummer ? summer : winter}`
}

/** From the last Sunday of March to that of October, 01:00 UTC. Directive 2000/84/EC */
function isSummerTime(at: number): boolean {
  const year = new Date(at).getUTCFullYear()
  return at >= lastSunday(year, 2) && at < lastSunday(year, 9)
}

function lastSunday(year: number, month: number): number {
  const last = Date.UTC(year, month, 31, 1)
  return last - new Date(last).getUTCDay() * 24 * HOUR_MS
}

/** Of a length in milliseconds, to a tenth. */
export function secondsText(ms: number, { language }: ReportTexts): string {
  const [whole = '', tenth = ''] = (ms / 1000).toFixed(1).split('.')
  const [group, point] = language === 'de' ? ['.', ','] : [',', '.']
  return `${whole.replace(/\B(?=(?:\d{3})+$)/g, group)}${point}${tenth}`
}
