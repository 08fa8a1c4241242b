/**
 * How commands speak: data to standard output, talk to standard error, colours only where somebody sees them.
 *
 * Security row 34: what comes out of a log may have been chosen by others, so nothing that a terminal obeys leaves here.
 */

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { stripVTControlCharacters, styleText } from 'node:util'

export interface Terminal {
  /** A line of data. */
  out(line: string): void
  /** A line about the data. */
  say(line: string): void
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void
  /** Names and values, one to a line. */
  fields(rows: readonly (readonly [string, string])[]): void
  json(value: unknown): void
  /** As they are. */
  octets(octets: Buffer | Readable): Promise<void>
  /** Somebody reads standard output, not a program. */
  readonly isInteractive: boolean
  /** For data; the same text where there are no colours. */
  style(format: Style, text: string): string
}

export interface Column {
  readonly title: string
  /** Numbers stand on the right. */
  readonly right?: true
  readonly style?: (cell: string) => Style | undefined
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** A standard stream, or what stands for one. */
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean }

/** `styleText` asks the stream and the environment: `NO_COLOR`, `FORCE_COLOR`. */
export function openTerminal(stdout: OutputStream, stderr: Pick<OutputStream, 'write'>): Terminal {
  const style = (format: Style, text: string): string => styleText(format, text, { stream: stdout })
  const out = (line: string): void => {
    stdout.write(`${line}\n`)
  }
  return {
    out,
    say(line) {
      stderr.write(`${line}\n`)
    },
    octets: (octets) => pipeline(Buffer.isBuffer(octets) ? Readable.from([octets]) : octets, stdout, { end: false }),
    isInteractive: stdout.isTTY === true,
    json: (value) => out(JSON.stringify(value).replace(UNSAFE, escaped)),
    style,
    fields(rows) {
      const width = Math.max(...rows.map(([name]) => name.length))
      for (const [name, value] of rows) out(`  ${style('dim', name.padEnd(width))}  ${plain(value)}`)
    },
    table(columns, rows) {
      const cells = rows.map((row) => row.map(plain))
      const widths = columns.map(({ title }, at) =>
        Math.max(title.length, ...cells.map((row) => widthOf(row[at] ?? ''))),
      )
      const line = (row: readonly string[], styled: (cell: string, at: number) => string): string =>
        row.map((cell, at) => padded(cell, styled(cell, at), widths[at] ?? 0, columns[at]?.right === true)).join('  ')
      out(
        line(
          columns.map(({ title }) => title),
          (title) => style('dim', title),
        ).trimEnd(),
      )
      for (const row of cells) {
        const styled = (cell: string, at: number): string => {
          const format = columns[at]?.style?.(cell)
          return format === undefined ? cell : style(format, cell)
        }
        out(line(row, styled).trimEnd())
      }
    },
  }
}

function padded(cell: string, styled: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)))
  return right ? space + styled : styled + space
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function widthOf(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : [...graphemes.segment(text)].length
}

/** Text without escape sequences, control characters (C0, C1, DEL), changes of direction and what has no width. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(UNSAFE, '')
}

/** The same for text of several lines. */
export function plainLines(text: string): string {
  return text.split(/\r?\n/).map(plain).join('\n')
}

/** The same character as JSON writes it in ASCII. RFC 8259 §7. */
function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('')
}

/** Cc, Bidi_Control, line and paragraph separators, zero-width characters and the byte order mark, tags. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\u200b\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/gu
