/** Runs a file under Node 26, whatever Node the machine has: `node gateway/region/with-node.js FILE args…`. */

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compileCache, SetupError, setUp } from './setup.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const PARENT_POLL_MS = 250

/**
 * Sets up, then runs `file` with the same standard streams; this process ends as the other one ends.
 *
 * @param {string} file
 * @param {readonly string[]} args
 */
export async function runWithNode(file, args) {
  const node = await setUpOrExit()
  // The channel is there for its end: a file that must not outlive this process watches `disconnect`.
  const child = spawn(node, [file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { NODE_COMPILE_CACHE: compileCache(), ...process.env },
  })
  // Ctrl-C reaches the whole group by itself; a second copy does no harm to a process that is already stopping.
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  // npm ends its shell when it is asked to stop; the shell passes nothing on.
  if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => child.kill('SIGTERM'))
  child.on('error', (error) => {
    process.stderr.write(`${node} cannot be run: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)))
}

function whenOrphaned(then) {
  const parent = process.ppid
  const interval = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(interval)
    then()
  }, PARENT_POLL_MS)
  interval.unref()
}

/** @returns {Promise<string>} the Node binary; says why and exits when there is none */
export async function setUpOrExit() {
  try {
    return await setUp()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`\n${error.message}\n`)
    process.exit(1)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [file, ...args] = process.argv.slice(2)
  if (file === undefined) {
    process.stderr.write('Usage: node gateway/region/with-node.js FILE args…\n')
    process.exit(2)
  }
  await runWithNode(resolve(file), args)
}
