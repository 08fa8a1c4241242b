#!/usr/bin/env node
/** The command `owl`: the command line of `gateway/commands/owl.ts` under Node 26. */

import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { compileCache } from './setup.js'
import { runWithNode, setUpOrExit } from './with-node.js'

const cli = new URL('../commands/owl.ts', import.meta.url)

// `npx` puts the clone's own Node first, so that this process is already the right one; a second would only cost time.
if (Number.parseInt(process.versions.node, 10) < 26) await runWithNode(fileURLToPath(cli), process.argv.slice(2))
else {
  await setUpOrExit()
  enableCompileCache(compileCache())
  await import(cli.href)
}
