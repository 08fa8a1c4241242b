/** ECDSA signatures as JWS writes them (r ‖ s, RFC 7518 §3.4) and as OpenSSL does (DER, RFC 3279 §2.2.3). */

/** @param der ECDSA-Sig-Value as node:crypto makes it @param size octets of r and of s: 32 for P-256, 48 for P-384 */
export function derToRaw(der: Uint8Array, size: 32 | 48): Buffer {
  const raw = Buffer.alloc(2 * size)
  // SEQUENCE and INTEGER headers are two octets each here: r and s have at most 49.
  const rLength = der[3] as number
  copyInteger(der, 4, rLength, raw, size)
  const sAt = 4 + rLength + 2
  copyInteger(der, sAt, der[sAt - 1] as number, raw, 2 * size)
  return raw
}

function copyInteger(from: Uint8Array, at: number, length: number, to: Buffer, end: number): void {
  const skip = from[at] === 0 && length > 1 ? 1 : 0
  to.set(from.subarray(at + skip, at + length), end - (length - skip))
}

export function rawToDer(raw: Uint8Array): Buffer {
  const size = raw.length / 2
  const r = integer(raw.subarray(0, size))
  const s = integer(raw.subarray(size))
  return Buffer.concat([Buffer.from([0x30, r.length + s.length]), r, s])
}

function integer(octets: Uint8Array): Buffer {
  let start = 0
  while (start < octets.length - 1 && octets[start] === 0) start++
  const pad = (octets[start] as number) & 0x80 ? 1 : 0
  const out = Buffer.alloc(2 + pad + octets.length - start)
  out[0] = 0x02
  out[1] = out.length - 2
  out.set(octets.subarray(start), 2 + pad)
  return out
}
