/** The digests a message is known by. Source: X-Road PR-REST §4.3 (contract §2.3); architecture, "The head". */

import { hash } from 'node:crypto'
import type { Body } from './body.ts'

export function sha256(octets: Uint8Array | string): Buffer {
  return latin1(hash('sha256', octets, 'latin1'))
}

export function sha512(octets: Uint8Array | string): Buffer {
  return latin1(hash('sha512', octets, 'latin1'))
}

/** Out of Node's pool of small buffers: half the price of a buffer of its own, and nothing to collect later. */
function latin1(digest: string): Buffer {
  return Buffer.from(digest, 'latin1')
}

/**
 * `X-Road-Request-Hash`: base64(SHA-512(SHA-512(H) ‖ SHA-512(body))), without a body base64(SHA-512(H)).
 *
 * @param hx X-Road's `H`: the head without the owl block
 */
export function requestHash(hx: Uint8Array, body: Pick<Body, 'sha512'> | undefined): string {
  const head = sha512(hx)
  if (body === undefined) return head.toString('base64')
  return hash('sha512', Buffer.concat([head, body.sha512]), 'base64')
}

/** `owl-request-digest`: base64url(SHA-256(SHA-256(head) ‖ SHA-256(body))), the second part only with a body. */
export function messageDigest(headSha256: Uint8Array, bodySha256: Uint8Array | undefined): string {
  return hash('sha256', bodySha256 === undefined ? headSha256 : Buffer.concat([headSha256, bodySha256]), 'base64url')
}
