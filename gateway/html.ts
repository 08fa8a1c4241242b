/** HTML whose every inserted text is escaped: what stands in a message or a log may have been chosen by others. */

/** Markup that was made here. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Inserted = string | number | Html | undefined | readonly (Html | string)[]

/** A template whose literal parts are markup and whose inserted parts are text, or `Html` made by it; undefined is nothing. */
export function html(literals: TemplateStringsArray, ...inserted: readonly Inserted[]): Html {
  let text = literals[0] ?? ''
  for (const [index, value] of inserted.entries()) text += formatted(value) + (literals[index + 1] ?? '')
  return new Html(text)
}

function formatted(value: Inserted): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(formatted).join('')
  return escaped(String(value))
}

/** For element content and quoted attributes; what has no place in a document, or turns its direction, is shown as such. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(UNSEEN, '\ufffd')
}

/**
 * Cc but tab and line feed, Bidi_Control, noncharacters, lone surrogates, and what takes no room and joins nothing: soft
 * hyphen, zero-width space, word joiner and its kin, byte order mark, tags.
 */
const UNSEEN =
  /(?![\t\n])\p{Cc}|\p{Bidi_Control}|\p{Noncharacter_Code_Point}|\p{Cs}|[\u00ad\u200b\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/gu
