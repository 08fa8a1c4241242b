/** Makes a clone ready to run: packages of the lock file and Node 26, once. Plain JavaScript for any Node from 20 on. */

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, sep } from 'node:path'

const ROOT = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..')
const WINDOWS = process.platform === 'win32'
const LOCK_WAIT_MS_MAX = 300_000

/** What a fresh install says about itself; compared with the lock file before every start. */
const stampFile = (root) => join(root, 'node_modules/.owl-setup.json')

/** The runtime that the dev dependency `node` brings along. */
export const nodeBinary = (root = ROOT) => join(root, 'node_modules/node/bin', WINDOWS ? 'node.exe' : 'node')

/** Where Node keeps the code of parsed sources, so that a dozen processes need not parse them each. */
export const compileCache = (root = ROOT) => join(root, 'node_modules/.cache/owl')

/**
 * Installs when something is missing or the lock file has changed since; otherwise costs two reads.
 *
 * @param {{ root?: string, say?: (line: string) => void, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<string>} path of the Node binary to run everything with
 * @throws {SetupError} with a text for the user
 */
export async function setUp({ root = ROOT, say = sayOnStderr, env = process.env } = {}) {
  if (isReady(root)) return nodeBinary(root)
  const release = await takeLock(root, say)
  try {
    // Another start may have installed while this one waited.
    if (!isReady(root)) await install(root, say, env)
  } finally {
    release()
  }
  return nodeBinary(root)
}

export class SetupError extends Error {}

function isReady(root) {
  if (!existsSync(nodeBinary(root))) return false
  const digest = lockDigest(root)
  try {
    return JSON.parse(readFileSync(stampFile(root), 'utf8')).lock === digest
  } catch {
    // No stamp: somebody ran npm by hand. What npm wrote down about it is as good.
    if (!installedMatches(root)) return false
    writeStamp(root)
    return true
  }
}

function lockDigest(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

function writeStamp(root) {
  writeFileSync(stampFile(root), `${JSON.stringify({ lock: lockDigest(root) })}\n`)
}

/** Does npm's own list of what it installed agree with the lock file? Packages for other platforms may be absent. */
function installedMatches(root) {
  const hidden = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(hidden)) return false
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || (installed[path]?.version ?? (entry.optional === true && entry.version)) === entry.version,
  )
}

async function install(root, say, env) {
  const started = Date.now()
  say('Installing packages (once; takes half a minute) …')
  rmSync(stampFile(root), { force: true })
  // No package's script runs on its own, whatever the npm version thinks of `allowScripts` (npm 11.19 has it, npm 10
  // ignores it). The one that must run, the runtime's, is then named.
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const ticking = tick(say, started)
  try {
    must(await npm(root, env, ['ci', ...quiet]))
    must(
      await npm(root, env, ['rebuild', 'node', '--ignore-scripts=false', '--foreground-scripts', '--loglevel=error']),
    )
  } finally {
    clearInterval(ticking)
  }
  const version = await run(root, nodeBinary(root), ['--version'], env)
  if (version.code !== 0) {
    throw new SetupError(
      `The package node@26 came without its binary (${nodeBinary(root)}).\n` +
        'Run `npm rebuild node --ignore-scripts=false` to see why; this platform may have no build of Node 26.\n' +
        version.output,
    )
  }
  await warmUp(root, env)
  writeStamp(root)
  say(`Installed in ${Math.round((Date.now() - started) / 1000)} s, Node ${version.output.trim()}.`)
}

/** Fills the compile cache, so that the first start is as fast as later ones. Nothing depends on it. */
async function warmUp(root, env) {
  const file = join(root, 'gateway/region/warm-up.ts')
  if (existsSync(file)) await run(root, nodeBinary(root), [file], { ...env, NODE_COMPILE_CACHE: compileCache(root) })
}

function must({ code, output }) {
  if (code === 0) return
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ECONNRESET|ENOTCACHED|network/i.test(output)
  throw new SetupError(
    offline
      ? 'The packages could not be downloaded: the npm registry cannot be reached.\n' +
          'The first start needs a connection (or a filled npm cache, or `npm config set registry …` to a mirror); ' +
          `later ones do not.\n\n${tail(output)}`
      : `npm could not install the packages:\n\n${tail(output)}`,
  )
}

const tail = (text) => text.trim().split('\n').slice(-12).join('\n')

function npm(root, env, args) {
  const outside = pathOutside(root, env)
  const own = env.npm_execpath
  // Under `npm start` npm says where it lives; this holds even where no `npm` is on the path.
  if (own !== undefined && /npm-cli\.c?js$/.test(own))
    return run(root, nodeOutside(root, outside), [own, ...args], outside)
  return run(root, WINDOWS ? 'npm.cmd' : 'npm', args, outside, WINDOWS)
}

/** `npm start` puts the clone's own Node first on the path: an install that replaces it must not run on it. */
function pathOutside(root, env) {
  const name = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  const folders = (env[name] ?? '').split(delimiter).filter((folder) => !isInside(root, folder))
  return { ...env, [name]: folders.join(delimiter) }
}

function nodeOutside(root, env) {
  if (!isInside(root, process.execPath)) return process.execPath
  const file = WINDOWS ? 'node.exe' : 'node'
  const found = (env.PATH ?? env.Path ?? '').split(delimiter).find((folder) => existsSync(join(folder, file)))
  if (found !== undefined) return join(found, file)
  const copy = join(mkdtempSync(join(tmpdir(), 'owl-node-')), file)
  copyFileSync(process.execPath, copy)
  return copy
}

function isInside(root, path) {
  return path.startsWith(join(root, 'node_modules') + sep)
}

function run(root, command, args, env, shell = false) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, shell, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (cause) => {
      if (command === nodeBinary(root)) resolve({ code: 1, output: cause.message })
      else reject(new SetupError(`${command} cannot be run: ${cause.message}`))
    })
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

function tick(say, started) {
  const interval = setInterval(() => say(`  … ${Math.round((Date.now() - started) / 1000)} s`), 5000)
  interval.unref()
  return interval
}

/** Two starts on a fresh clone must not install into the same folder at once. */
async function takeLock(root, say) {
  const lock = join(root, 'var/setup.lock')
  try {
    mkdirSync(join(root, 'var'), { recursive: true })
    accessSync(root, constants.W_OK)
  } catch (error) {
    throw new SetupError(`Nothing can be written in ${root} (${error.code}): clone into a folder of your own.`)
  }
  const until = Date.now() + LOCK_WAIT_MS_MAX
  for (let told = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return () => rmSync(lock, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isAbandoned(lock)) {
      rmSync(lock, { force: true })
      continue
    }
    if (Date.now() > until) throw new SetupError(`Another set-up is still running; if not, delete ${lock}`)
    if (!told) say('Waiting for another set-up of this clone …')
    told = true
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

function isAbandoned(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    // Written but not yet filled: give its owner a moment.
    if (pid === 0) return Date.now() - statSync(lock).mtimeMs > 5000
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

function sayOnStderr(line) {
  process.stderr.write(`${line}\n`)
}
