import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProcess } from '../../../gateway/region/processes.ts'

const SERVER = `import { createServer } from 'node:net'
createServer().listen(0, '127.0.0.1', function () {
  console.log('a line before')
  console.log(JSON.stringify({ ready: true, port: this.address().port, note: process.argv.slice(2).join() }))
})`

t.test('is ready when its line says so, and stops when asked', async (t) => {
  const dir = t.testdir({ 'server.mjs': SERVER })
  const process = await startProcess({ name: 'x', file: join(dir, 'server.mjs'), args: ['a'], logs: join(dir, 'logs') })

  const ready = await process.ready
  await process.stop()

  t.match(ready, { port: Number, note: 'a' })
  t.match(await process.gone, /^x ended \(SIGTERM\), see .*x\.log$/)
  t.match(await readFile(process.log, 'utf8'), /^a line before\n/)
})

t.test('shows the end of the log when it never gets ready', async (t) => {
  const cases = {
    'it ends': [`console.error('port taken'); process.exit(1)`, /x .*ended before it was ready:\nport taken/],
    'it says nothing': [`setInterval(() => {}, 1000); console.log('thinking')`, /not ready within 0\.5 s:\nthinking/],
  } as const
  for (const [name, [source, message]] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const dir = t.testdir({ 'x.mjs': source })
      const process = await startProcess({ name: 'x', file: join(dir, 'x.mjs'), args: [], logs: dir, readyMsMax: 500 })
      t.teardown(() => process.stop())

      await t.rejects(process.ready, { message })
    })
  }
})

t.test('dies with a launcher that was killed', async (t) => {
  const dir = t.testdir({ 'server.mjs': SERVER })
  const module = new URL('../../../gateway/region/processes.ts', import.meta.url).href
  const launcher = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { startProcess } = await import(${JSON.stringify(module)})
       const child = await startProcess({ name: 'x', file: ${JSON.stringify(join(dir, 'server.mjs'))}, args: [], logs: ${JSON.stringify(dir)} })
       await child.ready
       console.log(child.pid)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [line] = (await once(launcher.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  t.ok(isAlive(pid))

  launcher.kill('SIGKILL')

  for (let waited = 0; isAlive(pid) && waited < 5000; waited += 20) await sleep(20)
  t.notOk(isAlive(pid))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
