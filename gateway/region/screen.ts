/** How the launcher speaks in a terminal: short lines, no colours where nobody sees them. */

import { styleText } from 'node:util'

export interface Screen {
  title(text: string): void
  line(text: string): void
  /** A step of several, with how it went. */
  step(step: { readonly ok: boolean; readonly title: string; readonly tookMs?: number; readonly detail: string }): void
  table(rows: readonly (readonly string[])[]): void
}

const TITLE_CHARS = 80

/** @param stream colours follow it and `NO_COLOR` */
export function openScreen(stream: NodeJS.WriteStream): Screen {
  const style = (format: Parameters<typeof styleText>[0], text: string): string => styleText(format, text, { stream })
  const line = (text: string): void => {
    stream.write(`${text}\n`)
  }
  return {
    title: (text) => line(`\n${style('bold', text)}`),
    line: (text) => line(`  ${text}`),
    step({ ok, title, tookMs, detail }) {
      const mark = ok ? style('green', '✓') : style('red', '✗')
      const time = tookMs === undefined ? '' : style('dim', `${tookMs.toFixed(0)} ms`.padStart(8))
      line(`  ${mark} ${time === '' ? title : title.padEnd(TITLE_CHARS)}${time}`)
      if (detail !== '') line(`    ${detail}`)
    },
    table(rows) {
      const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
      for (const row of rows) {
        line(`    ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
      }
    },
  }
}
