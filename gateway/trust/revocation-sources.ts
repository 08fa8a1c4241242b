/** Where revocation is asked: OCSP by POST (RFC 6960 A.1), CRLs by GET. URLs come from the registry, never from a certificate. */

import { Agent, request } from 'undici'

export interface SourceLimits {
  /** For one question, from connecting to the last octet. */
  readonly timeoutMs?: number
  readonly connectionsMax?: number
  readonly ocspBytesMax?: number
  readonly crlBytesMax?: number
}

export interface RevocationSources {
  /** @throws {Error} on anything but an answer of at most `ocspBytesMax` in time */
  askOcsp(url: string, question: Buffer): Promise<Buffer>
  /** @throws {Error} on anything but a list of at most `crlBytesMax` in time */
  fetchCrl(url: string): Promise<Buffer>
  close(): Promise<void>
}

export const SOURCE_LIMITS: Required<SourceLimits> = {
  timeoutMs: 3000,
  connectionsMax: 8,
  ocspBytesMax: 64 * 1024,
  crlBytesMax: 10 * 1024 * 1024,
}

export function openRevocationSources(limits: SourceLimits = {}): RevocationSources {
  const { timeoutMs, connectionsMax, ocspBytesMax, crlBytesMax } = { ...SOURCE_LIMITS, ...limits }
  const dispatcher = new Agent({ connections: connectionsMax, connect: { timeout: timeoutMs } })

  async function fetch(url: string, body: Buffer | undefined, bytesMax: number): Promise<Buffer> {
    // undici follows no redirect unless told to, and `request` inflates nothing.
    const answer = await request(url, {
      dispatcher,
      method: body === undefined ? 'GET' : 'POST',
      signal: AbortSignal.timeout(timeoutMs),
      ...(body !== undefined && { body, headers: { 'content-type': 'application/ocsp-request' } }),
    })
    if (answer.statusCode !== 200) {
      // Unread, it ends in an error that nobody waits for: unheard, that would end the process.
      answer.body.on('error', () => {}).destroy()
      throw new Error(`the answer is HTTP ${answer.statusCode}`)
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of answer.body) {
      bytes += (chunk as Buffer).length
      // Leaving the loop destroys the body and its connection.
      if (bytes > bytesMax) throw new Error('the answer is too large')
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks)
  }

  return {
    askOcsp: (url, question) => fetch(url, question, ocspBytesMax),
    fetchCrl: (url) => fetch(url, undefined, crlBytesMax),
    close: () => dispatcher.destroy(),
  }
}
