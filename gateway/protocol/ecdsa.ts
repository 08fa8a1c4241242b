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
  const first = from[at] === 0 && length > 1 ? at + 1 : at
  let next = end - (at + length - first)
  for (let i = first; i < at + length; i++) to[next++] = from[i] as number
}

export function rawToDer(raw: Uint8Array): Buffer {
  const size = raw.length / 2
  // SEQUENCE and INTEGER headers, and a zero before a number whose first bit is set.
  const der = Buffer.allocUnsafe(raw.length + 8)
  const end = writeInteger(raw, size, raw.length, der, writeInteger(raw, 0, size, der, 2))
  der[0] = 0x30
  der[1] = end - 2
  return der.subarray(0, end)
}

/** @returns where it ends */
function writeInteger(from: Uint8Array, start: number, end: number, to: Buffer, at: number): number {
  let first = start
  while (first < end - 1 && from[first] === 0) first++
  let next = at + 2
  if ((from[first] as number) & 0x80) to[next++] = 0
  for (let i = first; i < end; i++) to[next++] = from[i] as number
  to[at] = 0x02
  to[at + 1] = next - at - 2
  return next
}
