/**
 * Preloaded into the gateways with `--import` when a profile is asked for: SIGUSR2 starts a CPU profile of every
 * thread, the next one ends it and writes one file each, so that a profile holds the load and nothing of the start.
 */

import { renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { basename, join } from 'node:path'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

const SAMPLE_US = 200

const directory = process.env['OWL_BENCH_PROFILES']
// `--config DIR/paderborn.json`: a gateway, and the name of its files. Other processes of the region do nothing.
const config = /\/([^/]+)\.json$/.exec(process.argv[process.argv.indexOf('--config') + 1] ?? '')?.[1]

if (directory !== undefined && (config !== undefined || !isMainThread)) {
  // Signals reach the main thread alone, and so do arguments.
  const threads = new BroadcastChannel('owl-bench-profiles')
  threads.unref()
  const toggle = profiler(directory)
  if (isMainThread) {
    process.on('SIGUSR2', () => {
      threads.postMessage(config)
      toggle(`${config}-main`)
    })
  } else threads.onmessage = ({ data }) => toggle(`${data}-worker${threadId}`)
}

function profiler(folder: string): (name: string) => void {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US })
  let running = false
  return (name) => {
    running = !running
    if (running) {
      session.post('Profiler.start')
      return
    }
    session.post('Profiler.stop', (error, result) => {
      if (error !== null) return
      const file = join(folder, `${basename(name)}.cpuprofile`)
      // Whole under its name or not there.
      writeFileSync(`${file}.tmp`, JSON.stringify(result.profile))
      renameSync(`${file}.tmp`, file)
    })
  }
}
