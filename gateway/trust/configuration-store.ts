/**
 * The gateway's memory of global configurations: every one it used, the newest freshness, and the highest version seen.
 *
 * One directory: `<version>.jws`, `freshness.jws`, `highest.json`. The files are the signed documents as received: they
 * are verified again when read, so a change on disk cannot become a change of what is believed.
 */

import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** The furthest this gateway has been: nothing older is adopted, and nothing else under the same version. */
export interface HighWater {
  readonly version: number
  /** Of the configuration's octets, hex. */
  readonly sha256: string
}

export interface ConfigurationStore {
  /** @throws {Error} when the file is there and unreadable: then nobody knows what must not be undercut */
  highest(): Promise<HighWater | undefined>
  /** The signed document, or nothing. */
  configuration(version: number): Promise<string | undefined>
  freshness(): Promise<string | undefined>
  versions(): Promise<readonly number[]>
  /** Resolves when document, freshness and mark are on disk. */
  keep(mark: HighWater, jws: string, freshnessJws: string): Promise<void>
  keepFreshness(jws: string): Promise<void>
}

export async function openConfigurationStore(directory: string): Promise<ConfigurationStore> {
  await mkdir(directory, { recursive: true })

  async function write(name: string, text: string, durable: boolean): Promise<void> {
    const path = join(directory, name)
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(text)
      if (durable) await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
    if (durable) await syncDirectory()
  }

  async function syncDirectory(): Promise<void> {
    const handle = await open(directory)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  return {
    async highest() {
      const text = await readText(join(directory, 'highest.json'))
      return text === undefined ? undefined : parseHighWater(text)
    },
    configuration: (version) => readText(join(directory, `${version}.jws`)),
    freshness: () => readText(join(directory, 'freshness.jws')),
    async versions() {
      const names = await readdir(directory)
      return names
        .filter((name) => /^\d+\.jws$/.test(name))
        .map((name) => Number.parseInt(name, 10))
        .sort((a, b) => a - b)
    },
    async keep(mark, jws, freshnessJws) {
      // The mark last: one whose document or freshness is missing would leave nothing to start from.
      await write(`${mark.version}.jws`, jws, true)
      await write('freshness.jws', freshnessJws, true)
      await write('highest.json', `${JSON.stringify(mark)}\n`, true)
    },
    // An older one after a crash only shortens how long the copy may be used.
    keepFreshness: (jws) => write('freshness.jws', jws, false),
  }
}

function parseHighWater(text: string): HighWater {
  const { version, sha256 } = JSON.parse(text) as Partial<HighWater>
  if (!Number.isSafeInteger(version) || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Error('highest.json is not readable')
  }
  return { version: version as number, sha256 }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
