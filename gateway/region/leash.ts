/** Preloaded into every process of the region: it ends when the launcher does, even one that was killed. */

import { flushCompileCache } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const GRACE_MS = 3000
const CACHE_AFTER_MS = 4000

// The launcher holds the other end of standard input and never writes: its end is the launcher's end.
const leash: NodeJS.ReadStream & { unref?: () => void } = process.stdin
// Threads of the process inherit this import, but not its standard input.
if (isMainThread) {
  leash.on('end', stop).on('error', stop)
  leash.resume()
  leash.unref?.()
}

// Written when the start is over, so that the next one is faster even if this process is killed.
setTimeout(flushCompileCache, CACHE_AFTER_MS).unref()

function stop(): void {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref()
}
