/** Renews a log as the command does, and has its evidence judged by others: openssl and an independent RFC 4998 verifier. */

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { LogReader, LogReaderOptions } from '../../../../gateway/message-log/reading/reader.ts'
import type { RenewalWish } from '../../../../gateway/message-log/renewal/renewal-plan.ts'
import { ascendingStamp, renewAt } from '../../../../gateway/message-log/renewal/renewal-run.ts'
import type { Renewed, RenewingDeps } from '../../../../gateway/message-log/renewal/renewing.ts'
import type { RegisteredAuthority } from '../../../../gateway/message-log/stamping/time-stamp-client.ts'
import { openTimeStampClient } from '../../../../gateway/message-log/stamping/time-stamp-client.ts'
import { contextTag, membersOf, octetsOf, readDer, TAG } from '../../../../gateway/protocol/der.ts'
import { readToken } from '../../../../gateway/protocol/time-stamp-token.ts'

const run = promisify(execFile)
const ER_VERIFY = new URL('../../../tools/er_verify.py', import.meta.url).pathname

export async function renew(
  place: LogReaderOptions,
  authorities: readonly RegisteredAuthority[],
  { hash, endingBefore, ...more }: Partial<RenewingDeps> & RenewalWish = {},
): Promise<Renewed[]> {
  const client = openTimeStampClient({ authorities: () => authorities, now: Date.now, timeoutMs: 2000 })
  const wait = async (ms: number): Promise<void> => void (await sleep(ms))
  const stamp = ascendingStamp(client, { now: Date.now, wait })
  const wanted = { ...(hash !== undefined && { hash }), ...(endingBefore !== undefined && { endingBefore }) }
  try {
    return await renewAt(place, { at: Date.now(), stamp, ...more }, wanted)
  } finally {
    await client.close()
  }
}

export interface Judged {
  /** Algorithm and number of objects of each archive time-stamp, as the independent verifier reports them. */
  readonly stamps: readonly string[]
}

export interface Judging {
  readonly reader: LogReader
  readonly directory: string
  readonly caFile: string
}

/** @param parts whose files are given; the rest is known by digest @throws when it does not verify */
export async function judge(
  { reader, directory, caFile }: Judging,
  seq: number,
  digests: readonly string[] = [],
): Promise<Judged> {
  const der = await reader.evidenceRecord(seq)
  if (der === undefined) throw new Error(`Record ${seq} has no evidence`)
  const ers = join(directory, `${seq}.ers`)
  await writeFile(ers, der)
  const files = await groupFiles(reader, directory, seq)
  const known = digests.flatMap((digest) => ['--digest', digest])
  const { stdout } = await run('python3', [ER_VERIFY, caFile, ers, ...known, ...files])
  const lines = stdout.trim().split('\n')
  if (lines.pop() !== 'VALID') throw new Error(stdout)
  return { stamps: lines.map((line) => line.replace(/^ATS (\S+) \S+ covers (\d+) .*$/, '$1 $2')) }
}

export async function groupFiles(reader: LogReader, directory: string, seq: number): Promise<string[]> {
  const files: string[] = []
  for (const part of ['head', 'body', 'signature', 'record'] as const) {
    const octets = await reader.object(seq, part)
    if (octets === undefined) continue
    const file = join(directory, `${seq}-${part}`)
    await writeFile(file, Buffer.isBuffer(octets) ? octets : Buffer.concat(await octets.toArray()))
    files.push(file)
  }
  return files
}

/** Every token of an evidence record by `openssl ts -verify`, at the time it names. */
export async function opensslAccepts(der: Buffer, directory: string, caFile: string): Promise<number> {
  const tokens = chainsOf(der)
    .flat()
    .map(({ token }) => token)
  for (const token of tokens) {
    const { imprint, genTime } = readToken(token).stamp
    const file = join(directory, 'token.tst')
    await writeFile(file, token)
    const at = String(Math.floor(genTime / 1000) + 1)
    const args = ['-digest', imprint.toString('hex'), '-in', file, '-token_in', '-CAfile', caFile, '-attime', at]
    const { stdout, stderr } = await run('openssl', ['ts', '-verify', ...args])
    if (!(stdout + stderr).includes('Verification: OK')) throw new Error(stderr)
  }
  return tokens.length
}

export interface ReadStamp {
  readonly lists: readonly (readonly Buffer[])[]
  readonly token: Buffer
}

/** The chains of an evidence record, each of its archive time-stamps taken apart. */
export function chainsOf(der: Buffer): ReadStamp[][] {
  const [, , sequence] = membersOf(readDer(der), TAG.sequence).rest()
  if (sequence === undefined) throw new Error('Not an evidence record')
  return membersOf(sequence, TAG.sequence)
    .rest(TAG.sequence)
    .map((chain) =>
      membersOf(chain, TAG.sequence)
        .rest(TAG.sequence)
        .map((stamp) => {
          const members = membersOf(stamp, TAG.sequence)
          const tree = membersOf(members.next(), contextTag(2))
          const token = members.next(TAG.sequence).octets
          members.end()
          const lists = tree.rest(TAG.sequence)
          return { lists: lists.map((list) => membersOf(list, TAG.sequence).rest().map(octetsOf)), token }
        }),
    )
}
