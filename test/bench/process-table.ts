/** What processes cost, as the kernel counts it. Source: proc(5). */

import { readFileSync } from 'node:fs'

/** USER_HZ: on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const MIB = 1024 * 1024

/** User and system time of all threads. @returns NaN where there is no /proc */
export function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const text = read(pid, 'stat')
    // The name, in parentheses, may hold anything; `utime` and `stime` are the 12th and 13th fields behind it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN)
  }
  return ticks / TICKS_PER_SECOND
}

/** Time all processors together have spent on anything, since the machine started. @returns NaN where there is no /proc */
export function machineSeconds(): number {
  const [user, nice, system, , , irq, softirq] =
    read('', 'stat').split('\n', 1)[0]?.trim().split(/ +/).slice(1).map(Number) ?? []
  const ticks = (user ?? Number.NaN) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)
  return ticks / TICKS_PER_SECOND
}

/** Resident memory now. @returns NaN where there is no /proc */
export function rssMiBOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, 'status'))
  return match === null ? Number.NaN : (Number(match[1]) * 1024) / MIB
}

/** @returns the processes that `pid` has started and that live */
export function childrenOf(pid: number): number[] {
  return read(pid, `task/${pid}/children`)
    .split(' ')
    .map(Number)
    .filter((child) => child > 0)
}

function read(pid: number | '', file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
