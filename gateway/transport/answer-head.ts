/**
 * The head of a service's answer, before Node's parser reads it. That one does not know `Transfer-Encoding: chunked`
 * any more when a tab follows, and would take the chunks' sizes for a part of the body.
 */

const TAB = 0x09
const BLANK = 0x20
const CR = 0x0d
const HEAD_END = '\r\n\r\n'
const INTERIM = /^HTTP\/1\.[01] 1/

/**
 * Makes tabs at the ends of header lines blanks, in place. They mean the same (RFC 9110 §5.5), and are no part of the
 * value.
 *
 * @param octets as they came from the connection: of the head, and possibly of what follows it, which stays as it is
 */
export function blankTabs(octets: Buffer): void {
  let tab = octets.indexOf(TAB)
  if (tab === -1) return
  const end = endOfHead(octets)
  for (; tab !== -1 && tab < end; tab = octets.indexOf(TAB, tab + 1)) {
    let after = tab + 1
    while (octets[after] === TAB || octets[after] === BLANK) after++
    // Where the octets end is nobody's middle of a value, but for one in thousands, whose tab is a blank then.
    if (after >= octets.length || octets[after] === CR) octets[tab] = BLANK
  }
}

/** Interim answers are heads alone: the final one may stand in the same octets. */
function endOfHead(octets: Buffer): number {
  let from = 0
  for (;;) {
    const end = octets.indexOf(HEAD_END, from)
    if (end === -1) return octets.length
    if (!INTERIM.test(octets.toString('latin1', from, from + 10))) return end
    from = end + HEAD_END.length
  }
}
