/** The command line `owl` as a process. Its commands are in `program.ts`. */

import { runOwl } from './program.ts'

// Whoever reads may stop reading: `owl log list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})
process.exitCode = await runOwl(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
})
