/**
 * What a gateway says of its message log in signed heads: `owl-log-head`, its latest batch, and `owl-receipt`, where it
 * recorded a request. Source: design of the evidence, section 4.
 *
 * The number of the batch is part of it, so that two heads of one log can be compared by whoever has only heard them.
 */

import { remembered } from './bounded-memory.ts'
import type { Identifier } from './identifiers.ts'

/** What is said before the first batch, or where there is no request. */
export const NO_HEAD = 'none'

export interface LogHead {
  /** `gateway/node/epoch` */
  readonly log: string
  readonly batch: number
  /** SHA-256 of the batch header, base64url. */
  readonly sha256: string
}

export interface Receipt {
  readonly log: string
  /** Of the record of the request, base64url. */
  readonly leaf: string
}

/** 32 octets in base64url, of which there is one form: the last character has two bits to spare. */
const DIGEST = '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]'
const HEAD = new RegExp(`^([^;\\s]{1,400});([1-9]\\d{0,14});(${DIGEST})$`)
const RECEIPT = new RegExp(`^([^;\\s]{1,400});(${DIGEST})$`)

/** `log;batch;sha256` */
export function formatLogHead({ log, batch, sha256 }: LogHead): string {
  return `${log};${batch};${sha256}`
}

const HEAD_CHARS_MAX = 460

/** Many messages name the same. @returns nothing for `none` and for what is no head */
export const parseLogHead: (text: string) => LogHead | undefined = remembered(readLogHead, HEAD_CHARS_MAX)

function readLogHead(text: string): LogHead | undefined {
  const match = HEAD.exec(text)
  if (match === null) return undefined
  return { log: match[1] as string, batch: Number(match[2]), sha256: match[3] as string }
}

/** @returns nothing for `none` and for what is no receipt */
export function parseReceipt(text: string): Receipt | undefined {
  const match = RECEIPT.exec(text)
  return match === null ? undefined : { log: match[1] as string, leaf: match[2] as string }
}

/** The gateway that a log belongs to: `gateway/node/epoch` without the last two. */
export function gatewayOfLog(log: string): Identifier {
  return log.slice(0, log.lastIndexOf('/', log.lastIndexOf('/') - 1))
}

/** Is it a head of this gateway's own log, or none? Nobody speaks for the log of another. */
export function isHeadOf(text: string, gateway: Identifier): boolean {
  if (text === NO_HEAD) return true
  const head = parseLogHead(text)
  return head !== undefined && gatewayOfLog(head.log) === gateway
}
