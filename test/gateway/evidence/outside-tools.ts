/** Tools that are not ours, run on what we write: unzip, openssl, er_verify.py. */

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Content } from '../../../gateway/evidence/content.ts'

const run = promisify(execFile)
const ER_VERIFY = new URL('../../tools/er_verify.py', import.meta.url).pathname

export async function octetsOf(content: Content): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of content.read()) parts.push(part)
  return Buffer.concat(parts)
}

/** Checks the archive with `unzip -t` and unpacks it. @returns the folder */
export async function unzipped(under: string, octets: Uint8Array): Promise<string> {
  await mkdir(under, { recursive: true })
  const folder = await mkdtemp(join(under, 'unzipped-'))
  const file = `${folder}.zip`
  await writeFile(file, octets)
  await run('unzip', ['-tqq', file])
  await run('unzip', ['-qq', '-d', folder, file])
  return folder
}

/** @returns files at the root but `mimetype` */
export async function rootFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { withFileTypes: true })
  return names.flatMap((entry) => (entry.isFile() && entry.name !== 'mimetype' ? [entry.name] : []))
}

/** @returns the verdict's last line @throws when the record does not hold */
export async function erVerified(caFile: string, folder: string, digests: readonly string[] = []): Promise<string> {
  const files = (await rootFiles(folder)).map((name) => join(folder, name))
  const given = digests.flatMap((digest) => ['--digest', digest])
  const ers = join(folder, 'META-INF/evidencerecord001.ers')
  const { stdout } = await run('python3', [ER_VERIFY, caFile, ers, ...given, ...files])
  return stdout.trimEnd().split('\n').at(-1) ?? ''
}

/** The commands of the export's form. @throws when openssl does not accept the seal */
export async function cmsVerified(caFile: string, folder: string): Promise<string> {
  const [seal, manifest] = ['signature001.p7s', 'ASiCManifest001.xml'].map((name) => join(folder, 'META-INF', name))
  const form = ['-verify', '-inform', 'DER', '-binary', '-in', seal as string, '-content', manifest as string]
  const { stderr } = await run('openssl', ['cms', ...form, '-CAfile', caFile, '-out', '/dev/null'])
  return stderr
}

/** @throws when openssl does not accept the archive time-stamp */
export async function archiveVerified(caFile: string, folder: string): Promise<string> {
  const [data, token] = ['ASiCArchiveManifest.xml', 'timestamp001.tst'].map((name) => join(folder, 'META-INF', name))
  const form = ['-verify', '-data', data as string, '-in', token as string, '-token_in', '-CAfile', caFile]
  const { stdout, stderr } = await run('openssl', ['ts', ...form])
  return stdout + stderr
}
