/**
 * How the process of a gateway runs: a small young generation, since its garbage dies young; an old one that is cleaned
 * up when it has grown by a fifth, since nearly all of it stays; one helper thread for V8; one malloc arena for all
 * threads. What they save varies between runs of `npm run bench -- --memory` from 80 MiB to nothing that shows over the
 * noise; none of them costs throughput. The garbage collector can be called (`protocol/stream-garbage.ts`).
 */

const FLAGS = ['--max-semi-space-size=8', '--heap-growing-percent=20', '--v8-pool-size=1', '--expose-gc']
const ENVIRONMENT = { MALLOC_ARENA_MAX: '1' }

/** For whoever starts a gateway as a process of its own. */
export const PROCESS_SETTINGS = { flags: FLAGS, environment: ENVIRONMENT } as const

/**
 * Starts this process over, under the same id, unless it runs so already. They can only be set at the start.
 *
 * @param environment of this process
 */
export function applyProcessSettings(environment: NodeJS.ProcessEnv): void {
  if (FLAGS.every((flag) => process.execArgv.includes(flag)) || process.execve === undefined) return
  const args = [process.execPath, ...FLAGS, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, { ...environment, ...ENVIRONMENT })
}
