import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'

const WITH_NODE = join(import.meta.dirname, '../../../gateway/region/with-node.js')

function start(t: Test, source: string, ...args: string[]) {
  const file = join(t.testdir({ 'file.ts': source }), 'file.ts')
  const child = spawn(process.execPath, [WITH_NODE, file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const until = async (text: string) => {
    while (!output.includes(text)) await once(child.stdout, 'data')
  }
  return { child, until, output: () => output, exit: once(child, 'exit') }
}

t.test('runs a file under Node 26, with its arguments and exit code', async (t) => {
  const { exit, output } = start(
    t,
    `console.log(process.version, process.argv.slice(2).join()); process.exit(7)`,
    'a',
    'b',
  )

  t.same(await exit, [7, null])
  t.match(output(), /^v26\.\d+\.\d+ a,b$/m)
})

t.test('passes signals on', async (t) => {
  const source = `process.on('SIGTERM', () => process.exit(3)); setInterval(() => {}, 1000); console.log('up')`
  const { child, exit, until } = start(t, source)
  await until('up')

  child.kill('SIGTERM')

  t.same(await exit, [3, null])
})

t.test('ends what it runs when npm ends its shell', async (t) => {
  const source = `process.on('SIGTERM', () => { console.log('asked to stop'); process.exit() })
                  setInterval(() => {}, 1000); console.log('up')`
  const file = join(t.testdir({ 'file.ts': source }), 'file.ts')
  // `; true` keeps the shell from becoming the command.
  const shell = spawn('sh', ['-c', `"${process.execPath}" "${WITH_NODE}" "${file}"; true`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, npm_lifecycle_event: 'start' },
  })
  let output = ''
  shell.stdout.on('data', (chunk) => (output += chunk))
  while (!output.includes('up')) await once(shell.stdout, 'data')

  shell.kill('SIGTERM')

  while (!output.includes('asked to stop')) await once(shell.stdout, 'data')
  t.match(output, /asked to stop/)
})

t.test('a file that watches its channel notices that this process was killed', async (t) => {
  const source = `process.on('disconnect', () => { console.log('alone'); process.exit() })
                  setInterval(() => {}, 1000); console.log('up')`
  const { child, until } = start(t, source)
  await until('up')

  child.kill('SIGKILL')

  await t.resolves(until('alone'))
})

t.test('says how it is used', async (t) => {
  const child = spawn(process.execPath, [WITH_NODE], { stdio: 'ignore' })

  t.same(await once(child, 'exit'), [2, null])
})
