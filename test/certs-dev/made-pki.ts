/** A development PKI of its own for each test, made once a day and copied: to make one costs as much as to start a gateway. */

import { createHash } from 'node:crypto'
import { cp, glob, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PkiReport } from '../../certs-dev/make.ts'
import { makePki } from '../../certs-dev/make.ts'
import type { Member } from '../../certs-dev/members.ts'

const ROOT = join(import.meta.dirname, '../..')
const CACHE = join(ROOT, 'node_modules/.cache/owl-pki')

/** What makes a PKI and who is in it. */
async function nameOf(members: readonly Member[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(members))
  const sources = await Array.fromAsync(glob('certs-dev/*.ts', { cwd: ROOT }))
  for (const file of sources.sort()) hash.update(await readFile(join(ROOT, file)))
  return hash.digest('hex')
}

/** Puts a PKI of these members into `dir`, with every key and certificate that `makePki` makes. */
export async function copyPki(dir: string, members: readonly Member[]): Promise<PkiReport> {
  const today = new Date().toISOString().slice(0, 10)
  const made = join(CACHE, today, await nameOf(members))
  const copied = await cp(made, dir, { recursive: true }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
  const report = await makePki({ dir, members })
  if (!copied) await keep(dir, today, made)
  return report
}

async function keep(dir: string, today: string, made: string): Promise<void> {
  await mkdir(join(CACHE, today), { recursive: true })
  const past = (await readdir(CACHE)).filter((day) => day < today)
  await Promise.all(past.map((day) => rm(join(CACHE, day), { recursive: true, force: true })))
  const unfinished = await mkdtemp(join(CACHE, today, 'unfinished-'))
  await cp(dir, unfinished, { recursive: true })
  // Another test may have been faster: its PKI is as good.
  await rename(unfinished, made).catch(() => rm(unfinished, { recursive: true }))
}
