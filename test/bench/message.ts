/** The one request that every path of the benchmark carries, octet for octet the same. */

export const KIB = 1024
export const CLIENT = 'OWL/GOV/05774032/TEST'
export const SERVICE = 'OWL/GOV/05711000/TEST/echo'

/** A JSON object of exactly so many octets. */
export function jsonOfBytes(bytes: number): Buffer {
  const frame = JSON.stringify({ nachricht: '', art: 'bench' })
  return Buffer.from(JSON.stringify({ nachricht: 'x'.repeat(bytes - frame.length), art: 'bench' }))
}

/** The request as octets, for a client that only has to write them. */
export function requestOctets(): Buffer {
  const body = jsonOfBytes(KIB)
  const head =
    `POST /r1/${SERVICE}/v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Road-Client: ${CLIENT}\r\n` +
    `Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}
