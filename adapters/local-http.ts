/** HTTP to a local system: bounded in time, size and connections; what goes wrong has a reason and no content. */

import { Pool } from 'undici'
import type { AdapterOptions, Local } from './adapter.ts'
import { AdapterError } from './adapter-error.ts'
import { decodeText } from './charset.ts'
import { numberOption, originOption } from './options.ts'

export interface LocalRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface LocalReply {
  readonly status: number
  /** Read only when asked for: an error page of any kind has a status. @throws {AdapterError} `response` (`charset`) */
  readonly text: () => string
}

export interface LocalHttp extends Local {
  /** @throws {AdapterError} `unavailable`; any status is a reply */
  request(request: LocalRequest, signal: AbortSignal): Promise<LocalReply>
}

/** Defaults of the options `timeoutMs`, `answerBytesMax` and `connectionsMax`; redirects are never followed. */
const TIMEOUT_MS = 5_000
const ANSWER_BYTES_MAX = 8 * 1024 * 1024
const CONNECTIONS_MAX = 16

/** Options: `url`, `timeoutMs`, `answerBytesMax`, `connectionsMax`. @throws {TypeError} naming the wrong option */
export function openLocalHttp(options: AdapterOptions): LocalHttp {
  const timeoutMs = numberOption(options, 'timeoutMs', TIMEOUT_MS)
  const pool = new Pool(originOption(options, 'url'), {
    connections: numberOption(options, 'connectionsMax', CONNECTIONS_MAX),
    maxResponseSize: numberOption(options, 'answerBytesMax', ANSWER_BYTES_MAX),
    connect: { timeout: timeoutMs },
  })
  return {
    async request(request, signal) {
      const timeout = AbortSignal.timeout(timeoutMs)
      try {
        const reply = await pool.request({ ...request, signal: AbortSignal.any([signal, timeout]) })
        const octets = await reply.body.bytes()
        const contentType = [reply.headers['content-type']].flat()[0]
        return { status: reply.statusCode, text: () => decodeText(octets, contentType) }
      } catch (error) {
        if (signal.aborted) throw new AdapterError('unavailable', 'aborted')
        if (timeout.aborted) throw new AdapterError('unavailable', 'timeout')
        throw AdapterError.of(error)
      }
    },
    close: () => pool.destroy(),
  }
}
