/**
 * Finds chunk extensions and trailers in a chunked body, which Node's parser accepts and does not show.
 *
 * Source: RFC 9112 §7.1. We re-frame every body, so neither could be passed on; a sender that uses them means
 * something by it, or means us and a proxy before us to disagree on where the body ends.
 */

export interface ChunkScan {
  /** What the next octet belongs to. */
  at: 'size' | 'size-rest' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'end-cr' | 'end-lf' | 'done'
  /** Of the current chunk: its size while that is read, then what is left of it. */
  octetsLeft: number
  refused?: 'chunk-framing' | 'trailer'
}

export function startChunkScan(): ChunkScan {
  return { at: 'size', octetsLeft: 0 }
}

/**
 * Looks at the next octets of the body.
 *
 * @param scan carried from one piece to the next; `refused` says why when an index is returned
 * @param octets a piece of the connection's octets, in order and without gaps
 * @param from where in it the body (or its continuation) begins
 * @returns index of the first octet that is not plain framing or data, or -1
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
        else return refuse(scan, i, 'chunk-framing')
        break
      }
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
