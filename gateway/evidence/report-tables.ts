/** Tables and names in the report on an exchange. */

import type { Html } from '../html.ts'
import { html } from '../html.ts'
import type { Party, ReportedMessage } from './report.ts'
import type { ReportTexts } from './report-texts.ts'

export function partyText({ id, name }: Party): Html {
  return name === undefined ? html`<code>${id}</code>` : html`${german(name)} (<code>${id}</code>)`
}

/** Names are the registry's: German in either part. */
export function german(name: string): Html {
  return html`<span lang="de">${name}</span>`
}

export function messageText({ seq, kind }: ReportedMessage, texts: ReportTexts): Html {
  return html`${texts.messages[kind] ?? kind} (${texts.record} ${seq})`
}

export function pairs(rows: readonly (readonly [string, Html | string])[]): Html {
  return html`<table class="pairs" role="table"><tbody role="rowgroup">
${rows.map(
  ([name, value]) => html`<tr role="row"><th scope="row" role="rowheader">${name}</th><td role="cell">${value}</td></tr>
`,
)}</tbody></table>`
}

/** The roles keep it a table where a narrow screen shows its rows as blocks; `data-label` is what each cell is then called. */
export function table(heads: readonly string[], rows: readonly (readonly (Html | string)[])[]): Html {
  return html`<table role="table"><thead role="rowgroup"><tr role="row">${heads.map((head) => html`<th scope="col" role="columnheader">${head}</th>`)}</tr></thead><tbody role="rowgroup">
${rows.map(
  ([
    first = '',
    ...cells
  ]) => html`<tr role="row"><th scope="row" role="rowheader" data-label="${heads[0]}">${first}</th>${cells.map((cell, index) => html`<td role="cell" data-label="${heads[index + 1]}">${cell}</td>`)}</tr>
`,
)}</tbody></table>`
}
