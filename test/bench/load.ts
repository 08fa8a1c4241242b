/** The load generator: its own process, a closed loop of `c` connections, told over IPC what to do. */

import { drive } from './connection.ts'
import { KIB, requestOctets } from './message.ts'
import { cpuSecondsOf, machineSeconds } from './process-table.ts'

/** One point of the benchmark. */
export interface Load {
  readonly port: number
  /** Connections, each with one request under way at a time. */
  readonly c: number
  readonly warmMs: number
  /** Ends when this has passed or so many replies have come, whichever is first. */
  readonly ms: number
  readonly repliesMax: number
  /** Processes whose CPU time counts. */
  readonly pids: readonly number[]
}

export interface Measured {
  readonly replies: number
  readonly perS: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuUsPerExchange: number
  /** Processors that something else kept busy meanwhile. */
  readonly processorsElsewhere: number
}

export async function measure(load: Load): Promise<Measured> {
  const { port, c, warmMs, ms, repliesMax, pids } = load
  const request = requestOctets()
  const latenciesMs: number[] = []
  const opened = performance.now()
  let began = warmMs === 0 ? opened : Number.POSITIVE_INFINITY
  const spent = (): Spent => ({
    own: cpuSecondsOf(pids),
    generator: cpuSecondsOf([process.pid]),
    all: machineSeconds(),
  })
  let [before, after] = [spent(), spent()]
  let ended: number | undefined

  await Promise.all(
    Array.from({ length: c }, () => {
      let sent = performance.now()
      return drive({
        port,
        request,
        replyBytes: KIB,
        onReply() {
          const now = performance.now()
          if (ended !== undefined) return false
          if (now >= began) {
            latenciesMs.push(now - sent)
            if (now - began >= ms || latenciesMs.length >= repliesMax) {
              after = spent()
              ended = performance.now()
              return false
            }
          } else if (now - opened >= warmMs) {
            before = spent()
            began = performance.now()
          }
          sent = performance.now()
          return true
        },
      })
    }),
  )

  const replies = latenciesMs.length
  const sorted = Float64Array.from(latenciesMs).sort()
  const at = (share: number): number => sorted[Math.min(replies - 1, Math.floor(replies * share))] ?? Number.NaN
  const seconds = ((ended ?? performance.now()) - began) / 1000
  return {
    replies,
    perS: replies / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuUsPerExchange: ((after.own - before.own) * 1e6) / replies,
    processorsElsewhere: (elsewhere(after) - elsewhere(before)) / seconds,
  }
}

/** Processor time in seconds. */
interface Spent {
  readonly own: number
  readonly generator: number
  readonly all: number
}

function elsewhere({ own, generator, all }: Spent): number {
  return all - own - generator
}

if (process.argv[1] === import.meta.filename) {
  process.on('message', (load: Load) => {
    measure(load).then(
      (measured) => process.send?.({ measured }),
      (error: Error) => process.send?.({ error: error.message }),
    )
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ ready: true })
}
