/** Preloaded into a gateway: its clock is off by as many milliseconds as a file says, now and after each change. */

import { readFileSync } from 'node:fs'

const POLL_MS = 20
const file = process.env['OWL_TEST_CLOCK'] ?? ''
const real = Date.now.bind(Date)
let offsetMs = read()

setInterval(() => {
  offsetMs = read()
}, POLL_MS).unref()

Date.now = () => real() + offsetMs

function read(): number {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}
