import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'

interface SetUpOptions {
  readonly root: string
  readonly say: (line: string) => void
  readonly env: NodeJS.ProcessEnv
}

// Plain JavaScript, which the type checker does not read: its shape is written here.
const url = new URL('../../../gateway/region/setup.js', import.meta.url).href
const { SetupError, setUp } = (await import(url)) as {
  readonly SetupError: new () => Error
  setUp(options: SetUpOptions): Promise<string>
}

const LOCK = {
  packages: {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/other-platform': { version: '2.0.0', optional: true },
  },
}
/** What the install script of the package `node` does. */
const BRINGS_NODE = `if (command === 'rebuild') binary('#!/bin/sh\\necho v26.0.0\\n')`

/** A clone beside an npm that writes down what it was asked and then does `npm`. */
async function clone(t: Test, npm: string) {
  const root = t.testdir({ 'package-lock.json': JSON.stringify(LOCK) })
  const cli = join(root, 'npm-cli.cjs')
  const asked = join(root, 'asked.txt')
  await writeFile(
    cli,
    `const fs = require('node:fs'), [command] = process.argv.slice(2)
     fs.appendFileSync(${JSON.stringify(asked)}, process.argv.slice(2).join(' ') + '\\n')
     const binary = (text) => {
       fs.mkdirSync('node_modules/node/bin', { recursive: true })
       fs.writeFileSync('node_modules/node/bin/node', text, { mode: 0o755 })
     }
     ${npm}`,
  )
  const said: string[] = []
  return {
    root,
    said,
    run: () => setUp({ root, say: (line) => said.push(line), env: { ...process.env, npm_execpath: cli } }),
    asked: async () => (await readFile(asked, 'utf8').catch(() => '')).trim().split('\n'),
  }
}

t.test('installs once, and runs no script but that of the runtime', async (t) => {
  const { root, run, asked, said } = await clone(t, BRINGS_NODE)

  const node = await run()
  await run()

  t.equal(node, join(root, 'node_modules/node/bin/node'))
  const [first = '', second = '', ...more] = await asked()
  t.match(first, /^ci --ignore-scripts /)
  t.match(second, /^rebuild node --ignore-scripts=false /)
  t.same(more, [], 'nothing the second time')
  t.match(said.join('\n'), /Installing[\s\S]*Installed in \d+ s, Node v26\.0\.0/)
})

t.test('two starts at once install once', async (t) => {
  const { run, asked } = await clone(t, BRINGS_NODE)

  await Promise.all([run(), run()])

  t.equal((await asked()).filter((line) => line.startsWith('ci ')).length, 1)
})

t.test('installs again when the lock file has changed', async (t) => {
  const { root, run, asked } = await clone(t, BRINGS_NODE)
  await run()

  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ ...LOCK, lockfileVersion: 3 }))
  await run()

  t.equal((await asked()).filter((line) => line.startsWith('ci ')).length, 2)
})

t.test('takes what somebody installed by hand only if it is what the lock file says', async (t) => {
  for (const [version, installs] of [
    ['1.0.0', 0],
    ['0.9.0', 1],
  ] as const) {
    await t.test(`a@${version}`, async (t) => {
      const { root, run, asked } = await clone(t, BRINGS_NODE)
      await mkdir(join(root, 'node_modules/node/bin'), { recursive: true })
      await writeFile(join(root, 'node_modules/node/bin/node'), '', { mode: 0o755 })
      const hidden = { packages: { 'node_modules/a': { version } } }
      await writeFile(join(root, 'node_modules/.package-lock.json'), JSON.stringify(hidden))

      await run()

      t.equal((await asked()).filter((line) => line.startsWith('ci ')).length, installs)
    })
  }
})

t.test('says in plain words what is wrong', async (t) => {
  const cases = {
    'no connection': [`console.error('npm error code ENOTFOUND'); process.exit(1)`, /registry cannot be reached/],
    'a failing npm': [`console.error('npm error disk full'); process.exit(1)`, /npm could not install[\s\S]*disk full/],
    'no binary': ['', /came without its binary/],
    'a binary that does not run': [`if (command === 'rebuild') binary('#!/bin/sh\\nexit 1\\n')`, /without its binary/],
  } as const
  for (const [name, [npm, message]] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const { run, root } = await clone(t, npm)

      const error = await run().then(
        () => undefined,
        (reason: unknown) => reason,
      )

      t.ok(error instanceof SetupError)
      t.match(error, { message })
      await t.rejects(readFile(join(root, 'var/setup.lock')), { code: 'ENOENT' }, 'the next try is free')
      await t.rejects(readFile(join(root, 'node_modules/.owl-setup.json')), { code: 'ENOENT' }, 'and tries again')
    })
  }
})

t.test('says where it may not write', async (t) => {
  const { root, run } = await clone(t, BRINGS_NODE)
  await writeFile(join(root, 'var'), 'no folder')

  await t.rejects(run(), { message: `Nothing can be written in ${root} (EEXIST)` })
})

t.test('a lock of a set-up that died is nobody’s', async (t) => {
  const { root, run } = await clone(t, BRINGS_NODE)
  const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await new Promise((resolve) => dead.on('exit', resolve))
  await mkdir(join(root, 'var'))
  await writeFile(join(root, 'var/setup.lock'), String(dead.pid))

  await t.resolves(run())
})
