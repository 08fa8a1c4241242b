import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { scaffoldAdapter } from '../../adapters/scaffold.ts'

const ROOT = join(import.meta.dirname, '../..')

/** The part of the clone that an adapter lives in, as it stands, apart from it. */
async function copyOfTree(t: Test): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'owl-scaffold-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const parts = ['adapters', 'schemas', 'test/adapters/rig.ts', 'test/adapters/index.test.ts', 'test/schemas']
  const files = ['package.json', 'tsconfig.json', '.biome.json', '.gitignore', 'test/vectors']
  for (const part of [...parts, ...files]) await cp(join(ROOT, part), join(root, part), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  return root
}

interface Ran {
  readonly code: number
  readonly text: string
}

function run(root: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: root, env: { ...process.env, TAP: '1' } }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : 1, text: stdout + stderr }),
    )
  })
}

t.test('what it writes passes at once: types, lint, its own test, those of the schemas', async (t) => {
  const root = await copyOfTree(t)
  const config = JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8')) as object
  await writeFile(
    join(root, 'tsconfig.adapters.json'),
    JSON.stringify({ ...config, include: ['adapters', 'schemas', 'test/adapters'] }),
  )
  const long = 'regierungsbezirk-im-osten/veranstaltungen-und-anderes-mehr/oeffentliche-termine-des-monats'

  const short = await scaffoldAdapter({ root, name: 'bielefeld/veranstaltungen/termine' })
  const made = [short, await scaffoldAdapter({ root, name: long, domain: 'kfz' })]

  t.equal(short.adapter, 'bielefeld/veranstaltungen/termine')
  t.same(short.written, [
    'adapters/bielefeld/veranstaltungen/termine.ts',
    'adapters/bielefeld/veranstaltungen/termine.json',
    'schemas/veranstaltungen/termine-anfrage.v1.json',
    'schemas/veranstaltungen/termine-antwort.v1.json',
    'test/adapters/bielefeld/veranstaltungen/termine.test.ts',
  ])
  const index = await readFile(join(root, 'adapters/index.ts'), 'utf8')
  for (const { adapter } of made) t.ok(index.includes(`'${adapter}'`), `${adapter} is listed`)
  const [types, lint, ...tests] = await Promise.all([
    run(root, 'node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.adapters.json'),
    run(root, 'node_modules/@biomejs/biome/bin/biome', 'check', ...made.flatMap(({ written }) => written), 'adapters'),
    ...made.map(({ written }) => run(root, written.at(-1) as string)),
    run(root, 'test/schemas/schema.test.ts'),
    run(root, 'test/schemas/payload-types.test.ts'),
    run(root, 'test/adapters/index.test.ts'),
  ])
  t.equal(types?.code, 0, types?.text)
  t.equal(lint?.code, 0, lint?.text)
  for (const { code, text } of tests) {
    t.equal(code, 0, text)
    t.notMatch(text, /not ok/)
    t.match(text, /^ok /m)
  }
})

t.test('the test it writes can fail', async (t) => {
  const root = await copyOfTree(t)
  const { written } = await scaffoldAdapter({ root, name: 'detmold/amtsblatt/ausgaben' })
  const source = join(root, 'adapters/detmold/amtsblatt/ausgaben.ts')
  const text = await readFile(source, 'utf8')
  await writeFile(source, text.replace('row.BEZEICHNUNG.toLocaleLowerCase', 'row.STAND.toLocaleLowerCase'))

  t.equal((await run(root, written.at(-1) as string)).code, 1)
})

t.test('refuses names that are none, and what is there already, and writes nothing then', async (t) => {
  const root = await copyOfTree(t)
  const files = async (): Promise<string[]> => (await readdir(root, { recursive: true })).sort()
  const index = await readFile(join(root, 'adapters/index.ts'), 'utf8')
  await scaffoldAdapter({ root, name: 'detmold/amtsblatt/ausgaben' })
  const before = await files()

  for (const name of [
    'ausgaben',
    'detmold/ausgaben',
    'a/b/c/d',
    '../b/c',
    'a/../c',
    'a/b/',
    'A/b/c',
    'a/b/c.ts',
    'a/b/delete',
    'a/b/1c',
    'a/b/c-',
    `a/b/${'c'.repeat(41)}`,
  ]) {
    await t.rejects(scaffoldAdapter({ root, name }), Error, name)
  }
  await t.rejects(scaffoldAdapter({ root, name: 'a/b/c', domain: 'codelists' }), /codelists/)
  await t.rejects(scaffoldAdapter({ root, name: 'a/b/c', domain: '../x' }), Error)
  await t.rejects(scaffoldAdapter({ root, name: 'detmold/amtsblatt/ausgaben' }), /exists already/)
  await t.rejects(scaffoldAdapter({ root, name: 'detmold/anders/ausgaben', domain: 'amtsblatt' }), /exists already/)

  t.same(await files(), before)
  t.not(await readFile(join(root, 'adapters/index.ts'), 'utf8'), index)
})

t.test('takes back what it wrote when a later step fails', async (t) => {
  const root = await copyOfTree(t)
  const index = await readFile(join(root, 'adapters/index.ts'), 'utf8')
  await writeFile(join(root, 'schemas/payload-types.ts'), 'process.exitCode = 1\n')

  await t.rejects(scaffoldAdapter({ root, name: 'detmold/amtsblatt/ausgaben' }), /payload-types/)

  t.equal(await readFile(join(root, 'adapters/index.ts'), 'utf8'), index)
  t.notOk((await readdir(root, { recursive: true })).some((file) => /ausgaben/.test(file)))
})
