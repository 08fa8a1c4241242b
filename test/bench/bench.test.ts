/** The benchmark's own arithmetic, and that a reply which is not whole never counts. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { drive, judgeReply } from './connection.ts'
import { measure } from './load.ts'
import { slopeOf } from './memory.ts'
import { jsonOfBytes, KIB, requestOctets } from './message.ts'
import { readOptions } from './options.ts'
import { costsOf } from './profile.ts'
import type { Line } from './results.ts'
import { comparison, median } from './results.ts'
import { meansMs, stagesIn, stampedAt } from './stages.ts'

const REPLY = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nDate: x\r\n\r\nabc'

t.test('a reply counts when it is whole, and not otherwise', async (t) => {
  t.equal(judgeReply(Buffer.from(REPLY), 3), 'whole')
  for (let octets = 0; octets < REPLY.length; octets++) {
    t.equal(judgeReply(Buffer.from(REPLY.slice(0, octets)), 3), 'incomplete', `${octets} octets`)
  }
  t.match(judgeReply(Buffer.from(REPLY.replace('200', '201')), 3), /status/)
  t.match(judgeReply(Buffer.from(REPLY), 4), /length/)
  t.match(judgeReply(Buffer.from(REPLY.replace('Content-Length', 'X-Length')), 3), /length/)
  t.match(judgeReply(Buffer.from(`${REPLY}d`), 3), /more octets/)
})

t.test('the request is one that HTTP servers take', async (t) => {
  t.equal(jsonOfBytes(KIB).length, KIB)
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.headers['x-road-client']}`)
    request.resume().on('end', () => response.end('abc'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  let left = 3

  await drive({ port, request: requestOctets(), replyBytes: 3, onReply: () => --left > 0 })

  t.same(seen, Array(3).fill('POST OWL/GOV/05774032/TEST'))
  const wrong = drive({ port, request: requestOctets(), replyBytes: 4, onReply: () => true })
  await t.rejects(wrong, { message: /length is not as expected/ })
})

t.test('a point ends by count or by time, and a wrong reply ends it at once', async (t) => {
  const body = jsonOfBytes(KIB)
  let status = 200
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status, { 'content-length': KIB }).end(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const load = { port, c: 4, warmMs: 20, ms: 10_000, repliesMax: 100, pids: [process.pid] }

  const counted = await measure(load)
  const timed = await measure({ ...load, ms: 50, repliesMax: 1_000_000 })
  status = 500
  await t.rejects(measure(load), { message: /status is not 200/ })

  t.equal(counted.replies, 100)
  t.ok(timed.replies > 0 && timed.perS > 0 && timed.p50Ms <= timed.p99Ms)
})

t.test('the last line compares medians', async (t) => {
  const line = (path: Line['path'], c: number, perS: number, p50Ms: number): Line => ({
    ...{ bench: 'exchange', path, c, perS, p50Ms },
    ...{ p99Ms: 0, cpuUsPerExchange: 0, rssMiB: 0 },
  })
  const lines = [
    ...[line('floor', 1, 500, 1), line('gateway', 1, 300, 3)],
    ...[line('floor', 32, 2000, 9), line('bare', 32, 4000, 8), line('gateway', 32, 1000, 30)],
  ]

  const within = comparison(lines, 0.4)
  const above = comparison(lines, 0.3)

  t.same(within, { ratioToFloor: 0.5, ratioToBare: 0.25, p50OverFloorMs: 2, withinBudget: true, commitP50Ms: 0.4 })
  t.equal(above['withinBudget'], false)
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.equal(slopeOf([1, 3, 5, 7]), 2)
})

t.test('a profile charges our functions with what they call', async (t) => {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 9 })
  const costs = costsOf({
    nodes: [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 3, 6] },
      { id: 2, callFrame: frame('(idle)', '') },
      { id: 3, callFrame: frame('exchange', 'file:///x/gateway/consumer/exchange.ts'), children: [4] },
      { id: 4, callFrame: frame('sign', 'node:crypto'), children: [5] },
      { id: 5, callFrame: frame('signOneShot', '') },
      { id: 6, callFrame: frame('onread', 'node:net'), children: [7] },
      { id: 7, callFrame: frame('parse', 'file:///x/node_modules/undici/client.js') },
    ],
    samples: [2, 3, 5, 5, 7],
    timeDeltas: [100, 1, 2, 3, 10],
  })

  t.equal(costs.busyUs, 16)
  t.same(
    [...costs.charged],
    [
      ['exchange gateway/consumer/exchange.ts:10', 6],
      ['undici under onread node:net:10', 10],
    ],
  )
  t.equal(costs.self.get('signOneShot'), 5)
})

t.test('options', async (t) => {
  t.equal(readOptions(['--help']), 'help')
  t.match(readOptions(['--only', 'gateway', '--c', '32,1', '--quick']), {
    paths: new Set(['gateway']),
    connections: [1, 32],
    rounds: 1,
  })
  t.throws(() => readOptions(['--only', 'squid']), /no path squid/)
  t.throws(() => readOptions(['--c', '0']), /--c/)
  t.throws(() => readOptions(['--seconds', 'x']), /--seconds/)
})

t.test('stage means are what came between two scrapes', async (t) => {
  const scrape = (sum: number, count: number): string =>
    `# TYPE owl_stage_seconds histogram
owl_stage_seconds_bucket{side="provider",stage="opened",le="0.1"} 7
owl_stage_seconds_sum{side="provider",stage="opened"} ${sum}
owl_stage_seconds_count{side="provider",stage="opened"} ${count}
owl_stage_seconds_sum{side="consumer",stage="opened"} 99
owl_stage_seconds_count{side="consumer",stage="opened"} 1
`
  const [before, after] = [stagesIn(scrape(1, 10), 'provider'), stagesIn(scrape(1.5, 20), 'provider')]

  t.same(meansMs(before, after), { opened: 50 })
  t.same(meansMs(after, after), {})
  t.equal(stampedAt('owl_log_seq 7\nowl_tsa_last_success_timestamp_seconds 1795412345.5\n'), 1795412345.5)
  t.equal(stampedAt('owl_log_seq 7\n'), undefined)
})
