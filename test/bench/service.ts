/** The local system of the benchmark: plain `node:http`, its own process, answers any POST with 1 KiB of JSON. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jsonOfBytes, KIB } from './message.ts'

const ANSWER = jsonOfBytes(KIB)
const HEADERS = ['content-type', 'application/json', 'content-length', String(ANSWER.length)]

const server = createServer({ keepAliveTimeout: 600_000, noDelay: true }, (request, response) => {
  let octets = 0
  request.on('data', (chunk: Buffer) => (octets += chunk.length))
  request.on('end', () => {
    // A hop that loses octets must not look fast.
    if (octets !== KIB) response.writeHead(400).end()
    else response.writeHead(200, HEADERS).end(ANSWER)
  })
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`)
})
// The bench holds the other end: when it goes, so do we.
process.stdin.on('end', () => process.exit(0)).resume()
