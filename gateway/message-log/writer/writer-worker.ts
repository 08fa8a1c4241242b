/** The thread of a message log's writer. */

import type { MessagePort } from 'node:worker_threads'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { LogOpenError } from '../record/open-error.ts'
import { describe } from './recovery.ts'
import { openWriter } from './writer.ts'
import type { Answer, Command, WriterData } from './writer-messages.ts'

/** What came meanwhile. */
function waitingOn(port: MessagePort): Command[] {
  const commands: Command[] = []
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    commands.push(next.message as Command)
  }
  return commands
}

const port = parentPort as MessagePort
try {
  const writer = openWriter(workerData as WriterData)
  port.on('message', (command: Command) => {
    const commands = [command, ...waitingOn(port)]
    for (const answer of writer.answer(commands)) port.postMessage(answer)
    if (commands.at(-1)?.do === 'close') port.close()
  })
  port.postMessage(writer.greeting)
} catch (error) {
  const flaw = error instanceof LogOpenError ? error.flaw : 'missing'
  const message = error instanceof LogOpenError ? error.message : 'The message log cannot be opened'
  const cause = error instanceof LogOpenError ? error.cause : error
  const reason = cause === undefined ? '' : describe(cause)
  port.postMessage({ did: 'refuse', flaw, message, reason } satisfies Answer)
  port.close()
}
