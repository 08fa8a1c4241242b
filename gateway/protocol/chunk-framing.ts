/**
 * Finds trailers and loose framing in a chunked body, which Node's parser accepts and does not show.
 *
 * Source: RFC 9112 §7.1. Extensions of chunks are ignored, as §7.1.1 asks, up to a limit. That is safe because both
 * gateways re-frame every body: no octet of an extension goes on, and a chunk line ends at CRLF only, so that we and
 * a proxy before us cannot disagree on where a body ends. Trailers are refused: they could not be passed on.
 */

export interface ChunkScan {
  /** What the next octet belongs to. */
  at: 'size' | 'size-rest' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'end-cr' | 'end-lf' | 'done'
  /** Of the current chunk: its size while that is read, then what is left of it. */
  octetsLeft: number
  /** Of all extensions of the body: how many octets of them may still come. */
  extensionOctetsLeft: number
  refused?: 'chunk-framing' | 'trailer'
}

/** RFC 9112 §7.1.1 asks for a limit over the whole body: extensions are octets that count for no other limit. */
export const EXTENSION_OCTETS_MAX = 16 * 1024

export function startChunkScan(): ChunkScan {
  return { at: 'size', octetsLeft: 0, extensionOctetsLeft: EXTENSION_OCTETS_MAX }
}

/**
 * Looks at the next octets of the body.
 *
 * @param scan carried from one piece to the next; `refused` says why when an index is returned
 * @param octets a piece of the connection's octets, in order and without gaps
 * @param from where in it the body (or its continuation) begins
 * @returns index of the first octet that is neither framing nor data, or -1
 */
export function scanChunks(scan: ChunkScan, octets: Uint8Array, from: number): number {
  for (let i = from; i < octets.length && scan.at !== 'done'; i++) {
    const octet = octets[i]
    switch (scan.at) {
      case 'size':
      case 'size-rest': {
        const digit = hexDigit(octet)
        if (digit !== -1) {
          scan.octetsLeft = scan.octetsLeft * 16 + digit
          if (scan.octetsLeft > Number.MAX_SAFE_INTEGER) return refuse(scan, i, 'chunk-framing')
          scan.at = 'size-rest'
        } else if (octet === CR && scan.at === 'size-rest') scan.at = 'size-lf'
        else if (octet === SEMICOLON && scan.at === 'size-rest') scan.at = 'extension'
        else return refuse(scan, i, 'chunk-framing')
        break
      }
      case 'extension':
        if (octet === CR) scan.at = 'size-lf'
        else if (isControl(octet) || --scan.extensionOctetsLeft < 0) return refuse(scan, i, 'chunk-framing')
        break
      case 'size-lf':
        if (octet !== LF) return refuse(scan, i, 'chunk-framing')
        scan.at = scan.octetsLeft === 0 ? 'end-cr' : 'data'
        break
      case 'data': {
        const taken = Math.min(scan.octetsLeft, octets.length - i)
        scan.octetsLeft -= taken
        i += taken - 1
        if (scan.octetsLeft === 0) scan.at = 'data-cr'
        break
      }
      case 'data-cr':
        if (octet !== CR) return refuse(scan, i, 'chunk-framing')
        scan.at = 'data-lf'
        break
      case 'data-lf':
        if (octet !== LF) return refuse(scan, i, 'chunk-framing')
        scan.at = 'size'
        break
      case 'end-cr':
        if (octet !== CR) return refuse(scan, i, 'trailer')
        scan.at = 'end-lf'
        break
      case 'end-lf':
        if (octet !== LF) return refuse(scan, i, 'chunk-framing')
        scan.at = 'done'
        break
    }
  }
  return -1
}

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b

/** No extension holds one but the tabulator: RFC 9110 §5.6.2 to §5.6.4. */
function isControl(octet: number | undefined): boolean {
  return octet === undefined || (octet < 0x20 && octet !== 0x09) || octet === 0x7f
}

function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30
  const letter = octet | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function refuse(scan: ChunkScan, index: number, reason: 'chunk-framing' | 'trailer'): number {
  scan.refused = reason
  return index
}
