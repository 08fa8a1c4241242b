/** What every `owl registry …` command has in common: where its registry is, what it prints, how it fails. */

import { join } from 'node:path'
import type { Command } from 'commander'
import type { EntryFaults } from '../../region/running-region.ts'
import { readRegion } from '../../region/running-region.ts'
import type { Published } from '../../registry/store.ts'
import { openRegistry } from '../../registry/store.ts'
import type { ChangeDeps, MakeClient, Outcome } from './changes.ts'
import { formatOutcome } from './text.ts'

/** What the commands need of the rest of the product. */
export interface RegistryCommandsOptions {
  readonly makeClient: MakeClient
  readonly entryFaults: EntryFaults
  readonly now?: () => number
  /** A line for standard output or standard error. */
  readonly print?: (line: string) => void
  readonly complain?: (line: string) => void
  /** The command ends with exit code 1. */
  readonly fail?: () => void
}

/** Options of every command. */
export interface Place {
  readonly federation: string
  readonly registry?: string
  readonly json?: boolean
}

export interface RegistryRun {
  readonly now: () => number
  print(line: string): void
  /** A group of commands: `owl registry NAME …`. */
  group(name: string, about: string): Command
  /** A command that changes a registry: that of the running region, or of `--registry DIR` alone. */
  on<A extends readonly unknown[], O extends object>(
    command: Command,
    act: (deps: ChangeDeps, options: O, ...args: A) => Promise<Outcome>,
  ): void
  /** Says why a command failed, and makes it end with 1. */
  guarded(work: () => Promise<void>): Promise<void>
  /** What is published, or was in an earlier version. @throws {Error} */
  published(place: Place & { readonly at?: number }): Promise<Published & { readonly json: boolean }>
}

const FEDERATION = join(import.meta.dirname, '../../../var/federation.json')

export function openRegistryRun(registry: Command, options: RegistryCommandsOptions): RegistryRun {
  const { makeClient, entryFaults, now = Date.now } = options
  const deps = { makeClient, entryFaults, now }
  const print = options.print ?? ((line) => process.stdout.write(`${line}\n`))
  const fail = options.fail ?? (() => (process.exitCode = 1))
  const complain = options.complain ?? ((line) => process.stderr.write(`${line}\n`))

  async function guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      complain((error as Error).message)
      fail()
    }
  }

  return {
    now,
    print,
    guarded,
    group: (name, about) => registry.command(name).description(about),
    on<A extends readonly unknown[], O extends object>(
      command: Command,
      act: (deps: ChangeDeps, options: O, ...args: A) => Promise<Outcome>,
    ) {
      withPlace(command).action((...all: unknown[]) =>
        guarded(async () => {
          const place = command.opts<Place & O>()
          const region = place.registry === undefined ? await readRegion(place.federation) : undefined
          const store = openRegistry(place.registry ?? region?.registry.directory ?? '')
          try {
            const args = all.slice(0, -2) as unknown as A
            const done = await act({ ...deps, store, ...(region !== undefined && { region }) }, place, ...args)
            print(place.json === true ? JSON.stringify(done) : formatOutcome(done))
            if (done.gateways.some(({ state }) => state === 'late')) fail()
          } finally {
            store.close()
          }
        }),
      )
    },
    async published({ at: version, federation, registry: directory, json }) {
      const store = openRegistry(directory ?? (await readRegion(federation)).registry.directory)
      const found = version === undefined ? store.current() : store.at(version)
      store.close()
      if (found === undefined) throw new Error(`Version ${version} was never published`)
      return { ...found, json: json === true }
    },
  }
}

/** The options that say which registry is meant. */
export function withPlace(command: Command): Command {
  return command
    .option('--federation <file>', 'the running region', FEDERATION)
    .option('--registry <dir>', 'change this registry alone, and no gateway')
    .option('--json', 'print JSON')
}
