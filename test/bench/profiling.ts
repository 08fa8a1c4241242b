/**
 * Preloaded into the gateways with `--import` when a profile is asked for: SIGUSR2 starts a CPU profile of every
 * thread, the next one ends it and writes one file each, so that a profile holds the load and nothing of the start.
 */

import { renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { basename, join } from 'node:path'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

/** `--config DIR/paderborn.json`: a gateway, and the name of its files. Other processes of the region do nothing. */
const config = process.argv[process.argv.indexOf('--config') + 1] ?? ''
const directory = process.env['OWL_BENCH_PROFILES']

if (config.endsWith('.json') && directory !== undefined) {
  const file = join(directory, `${basename(config, '.json')}-${isMainThread ? 'main' : `worker${threadId}`}.cpuprofile`)
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: 200 })

  let running = false
  const toggle = (): void => {
    running = !running
    if (running) session.post('Profiler.start')
    else {
      session.post('Profiler.stop', (error, result) => {
        if (error !== null) return
        writeFileSync(`${file}.tmp`, JSON.stringify(result.profile))
        renameSync(`${file}.tmp`, file)
      })
    }
  }
  // Signals reach the main thread alone.
  const threads = new BroadcastChannel('owl-bench-profiles')
  threads.unref()
  if (isMainThread) {
    process.on('SIGUSR2', () => {
      threads.postMessage('toggle')
      toggle()
    })
  } else threads.onmessage = toggle
}
