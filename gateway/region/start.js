/** `npm start`: sets up, then launches the development region under Node 26. */

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runWithNode } from './with-node.js'

await runWithNode(join(fileURLToPath(new URL('.', import.meta.url)), 'launch.ts'), process.argv.slice(2))
