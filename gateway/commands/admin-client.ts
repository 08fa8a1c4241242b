/** The admin port of a running gateway, as a command on the same machine reaches it with an operator's certificate. */

import { readFile } from 'node:fs/promises'
import { Agent, request } from 'undici'
import type { Config } from '../config/config.ts'
import { reachable } from './doctor/network.ts'

/** Paths, PEM. */
export interface OperatorFiles {
  readonly cert: string
  readonly key: string
}

const TIMEOUT_MS = 60_000

/** @param timeoutMs until the gateway answers @returns the answer, JSON @throws {Error} saying what the gateway answered, never what it was asked */
export async function postToAdmin(
  { admin }: Config,
  files: OperatorFiles,
  path: string,
  body: unknown,
  timeoutMs = TIMEOUT_MS,
): Promise<unknown> {
  const [ca, cert, key] = await Promise.all([admin.certificate, files.cert, files.key].map((file) => readFile(file)))
  const dispatcher = new Agent({ connect: { ca, cert, key, allowPartialTrustChain: true, timeout: TIMEOUT_MS } })
  try {
    const answer = await request(`https://${reachable(admin.host)}:${admin.port}${path}`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    })
    const octets = Buffer.from(await answer.body.arrayBuffer())
    if (answer.statusCode === 200) return JSON.parse(octets.toString())
    if (answer.statusCode === 403) throw new Error('The gateway does not know this operator certificate')
    const { message } = JSON.parse(octets.toString()) as { readonly message?: string }
    throw new Error(message ?? `The gateway answered ${answer.statusCode}`)
  } finally {
    await dispatcher.close()
  }
}
