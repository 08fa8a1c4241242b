import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ADAPTERS } from '../../adapters/index.ts'
import { loadAdapters } from '../../adapters/loading.ts'

const ROOT = join(import.meta.dirname, '../..')

t.test('what is there is not loaded twice', async (t) => {
  t.equal(await loadAdapters(Object.keys(ADAPTERS)), ADAPTERS)
  t.same(await loadAdapters([]), {}, 'none asked for, none loaded')
})

t.test('what is not there is not made up', async (t) => {
  for (const name of ['nobody/has/this', 'constructor', '../x']) {
    t.notOk(Object.hasOwn(await loadAdapters([name]), name), name)
  }
  const again = await loadAdapters(['nobody/has/this'])
  for (const [name, adapter] of Object.entries(ADAPTERS)) t.equal(again[name], adapter, `${name} is the same`)
})

t.test('an adapter written since is there, with its schemas, and answers', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'owl-loading-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  for (const part of ['adapters', 'schemas', 'package.json', '.biome.json', '.gitignore']) {
    await cp(join(ROOT, part), join(root, part), { recursive: true })
  }
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  const script = `
    import { ADAPTERS } from './adapters/index.ts'
    import { loadAdapters } from './adapters/loading.ts'
    import { scaffoldAdapter } from './adapters/scaffold.ts'
    import { schema } from './schemas/schema.ts'

    const name = 'bielefeld/veranstaltungen/termine'
    schema('urn:owl:gemeinsam:person:1').check({})
    const before = await loadAdapters([name])
    await scaffoldAdapter({ root: process.cwd(), name })
    const after = await loadAdapters([name])
    const caller = { client: 'OWL/GOV/1/A', requestId: 'r', signal: AbortSignal.timeout(5000) }
    const answer = await after[name].open({}).answer({ suche: 'Altes' }, caller)
    console.log(JSON.stringify({ before: name in before, same: after['bielefeld/melderegister/vams'] === ADAPTERS['bielefeld/melderegister/vams'], answer }))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
  })

  t.match(JSON.parse(stdout), {
    before: false,
    same: true,
    answer: { status: 200, body: { eintraege: [{ kennung: '17' }] } },
  })
})
