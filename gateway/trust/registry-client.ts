/** How a gateway asks the registry: two documents over TLS with a pinned CA, never more octets or time than allowed. */

import { Agent, request } from 'undici'

export interface RegistryClientOptions {
  /** `https://host:port` */
  readonly url: string
  /** PEM of the CA that issued the registry's server certificate; no other is believed. */
  readonly ca: string | Buffer
  /** Until the registry begins to answer, and between two octets of its answer. */
  readonly timeoutMs?: number
  readonly documentBytesMax?: number
}

export interface RegistryClient {
  /**
   * @param after the version at hand: the registry answers at once when it has another, else after `waitMs`
   * @throws {Error} on anything but a document of at most `documentBytesMax`
   */
  freshness(after: number | undefined, waitMs: number, signal: AbortSignal): Promise<string>
  configuration(signal: AbortSignal): Promise<string>
  close(): Promise<void>
}

export const TIMEOUT_MS = 5000
export const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024

export function openRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { url, ca, timeoutMs = TIMEOUT_MS, documentBytesMax = DOCUMENT_BYTES_MAX } = options
  const agent = new Agent({
    connections: 2,
    bodyTimeout: timeoutMs,
    maxResponseSize: documentBytesMax,
    connect: { ca, minVersion: 'TLSv1.3', timeout: timeoutMs },
  })

  async function get(path: string, waitMs: number, signal: AbortSignal): Promise<string> {
    const headersTimeout = waitMs + timeoutMs
    const { statusCode, body } = await request(`${url}${path}`, { dispatcher: agent, headersTimeout, signal })
    // undici follows no redirect unless told to, and a redirect is no document.
    if (statusCode !== 200) {
      await body.dump()
      throw new Error(`The registry answers ${statusCode}`)
    }
    return body.text()
  }

  return {
    freshness: (after, waitMs, signal) =>
      get(after === undefined ? '/freshness' : `/freshness?after=${after}&waitMs=${waitMs}`, waitMs, signal),
    configuration: (signal) => get('/configuration', 0, signal),
    close: () => agent.destroy(),
  }
}
