/** The shape of the tree, as a test. When it fails, move the code; do not widen the table. */

import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')

const TOP_LEVEL = [
  ...['gateway', 'adapters', 'schemas', 'certs-dev', 'test'],
  ...['package.json', 'package-lock.json', 'tsconfig.json'],
  ...['README.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE'],
]
/** Made by use, ignored by git. */
const IGNORED = ['node_modules', 'var']
const ROOMS = [
  ...['consumer', 'provider', 'protocol', 'trust', 'access', 'message-log', 'evidence', 'transport'],
  ...['registry', 'admin', 'commands', 'config', 'http', 'region'],
]
const JUNK_DRAWERS = ['utils', 'util', 'helpers', 'common', 'shared', 'types', 'lib', 'misc']
const LINES_MAX = 400
/** More belong in rooms of their own. */
const FILES_MAX = 50
const SOURCES = ['gateway', 'adapters', 'schemas', 'certs-dev']

const CORE = ['gateway/errors.ts', 'gateway/protocol/']
const TRUST_PURE = [
  'gateway/trust/configuration.ts',
  'gateway/trust/configuration-check.ts',
  'gateway/trust/certificate-profile.ts',
  // What a CA said of a certificate: octets and a time in, an answer out.
  'gateway/trust/ocsp.ts',
]
const PORT = [
  ...CORE,
  ...[
    'gateway/trace.ts',
    'gateway/http/fault-reply.ts',
    'gateway/http/pace.ts',
    'gateway/http/preflight.ts',
    'gateway/http/mutual-tls.ts',
  ],
  ...['gateway/access/', 'gateway/trust/', 'gateway/message-log/', 'gateway/transport/'],
]

/** Room → what it may import besides itself: rooms (ending in `/`) or single files. The longest match counts. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'schemas/': [],
  // An agency can own its adapter: nothing of the gateway is in it.
  'adapters/': ['schemas/'],
  // A CA knows nothing of gateways.
  'certs-dev/': [],
  'gateway/protocol/': ['gateway/errors.ts'],
  'gateway/trust/': CORE,
  'gateway/access/': CORE,
  'gateway/message-log/': CORE,
  'gateway/transport/': [...CORE, 'adapters/adapter-error.ts'],
  'gateway/evidence/': [...CORE, ...TRUST_PURE, 'gateway/html.ts'],
  // Never each other.
  'gateway/consumer/': PORT,
  'gateway/provider/': PORT,
  'gateway/admin/': [...PORT, 'gateway/evidence/', 'gateway/html.ts'],
  'gateway/registry/': [...CORE, 'gateway/trust/'],
}
/** Shapes of data may be named from further away: they are erased and pull in no code. */
const MAY_IMPORT_TYPES: Readonly<Record<string, readonly string[]>> = {
  'gateway/': ['gateway/config/config.ts', 'gateway/trust/configuration.ts', 'gateway/message-log/message-log.ts'],
  'gateway/transport/': ['adapters/adapter.ts'],
}
/** The message log's rooms and loose files, lowest first: each imports from itself and from those before it, types too. */
const LOG = 'gateway/message-log/'
const LOG_ROOMS = [
  ...['message-log.ts', 'time-of-day.ts', 'recent-ids.ts', 'record/', 'files/', 'keys/'],
  ...['store/log-store.ts', 'store/writable-store.ts', 'archive/', 'store/sqlite/', 'store/engine.ts'],
  ...['reading/', 'stamping/', 'renewal/', 'verification/', 'erasure/', 'archiving/', 'witness/', 'writer/'],
  'open-log.ts',
]
const ENGINES = ['node:sqlite', 'pg']
/** The engines of the message log; `store/engine.ts` chooses. */
const LOG_ENGINES = [`${LOG}store/sqlite/`]
/** The registry, local systems and the development CA have small databases of their own. */
const STORES = [...LOG_ENGINES, 'gateway/registry/store.ts', 'adapters/', 'certs-dev/pairs.ts']
/** Composition roots: they may import everything, and nobody imports them. */
const MAY_READ_ENVIRONMENT = /^(?:gateway\/main\.ts|gateway\/commands\/owl\.ts|gateway\/region\/.*|test\/.*)$/

const sources = await filesUnder(SOURCES, /\.[jt]s$/)
const everything = await filesUnder([...SOURCES, 'test'], /\.(?:[jt]s|json|md|sh)$/)
const packageJson = JSON.parse(await read('package.json')) as {
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}

t.test('the top level is closed', async (t) => {
  for (const entry of await readdir(ROOT)) {
    t.ok(entry.startsWith('.') || TOP_LEVEL.includes(entry) || IGNORED.includes(entry), `${entry} belongs here`)
  }
  for (const entry of TOP_LEVEL) t.resolves(readFileOrFolder(entry), `${entry} is there`)
})

t.test('rooms have the names of the architecture', async (t) => {
  for (const entry of await readdir(join(ROOT, 'gateway'), { withFileTypes: true })) {
    if (entry.isDirectory()) t.ok(ROOMS.includes(entry.name), `gateway/${entry.name} is a room`)
  }
  for (const file of sources) {
    const folders = file.split('/').slice(0, -1)
    t.notOk(
      folders.some((folder) => JUNK_DRAWERS.includes(folder)),
      `${file} is not in a junk drawer`,
    )
    t.match(basename(file), /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.d)?\.[jt]s$/, `${file} is a kebab-case noun`)
  }
})

t.test('a room is seen at a glance', async (t) => {
  for (const [folder, files = []] of Object.entries(Object.groupBy(sources, dirname)))
    t.ok(files.length <= FILES_MAX, `${folder} has at most ${FILES_MAX} files (${files.length})`)
})

t.test('files are short and say what they own', async (t) => {
  for (const file of sources) {
    const source = await read(file)
    const lines = source.trimEnd().split('\n').length
    t.ok(lines <= LINES_MAX, `${file} has at most ${LINES_MAX} lines (${lines})`)
    t.match(source, /^(?:#!.*\n)?\/\*\*/, `${file} opens with a docblock`)
  }
})

t.test('imports point one way', async (t) => {
  for (const file of sources.filter((name) => name.endsWith('.ts'))) {
    const room = roomOf(file, MAY_IMPORT)
    if (room === undefined) continue
    for (const { target, isType } of importsOf(file, await read(file))) {
      if (!target.startsWith('.')) continue
      const path = relative(ROOT, join(ROOT, file, '..', target))
      const allowed = [room, ...(MAY_IMPORT[room] ?? []), ...(isType ? typesFor(room) : [])]
      t.ok(allowed.some(matches(path)), `${file} may import ${isType ? 'the types of ' : ''}${path}`)
    }
  }
})

t.test('within the message log no room imports one above it', async (t) => {
  const placeOf = (path: string): number =>
    LOG_ROOMS.findIndex((room) => (room.endsWith('/') ? path.startsWith(LOG + room) : path === LOG + room))
  for (const file of sources.filter((name) => name.startsWith(LOG))) {
    const place = placeOf(file)
    t.not(place, -1, `${file} is in a room of the message log`)
    for (const { target } of importsOf(file, await read(file))) {
      const path = relative(ROOT, join(ROOT, file, '..', target))
      if (target.startsWith('.') && path.startsWith(LOG)) t.ok(placeOf(path) <= place, `${file} may import ${path}`)
    }
  }
})

t.test('a storage engine is known to who stores, and to nobody else', async (t) => {
  for (const file of sources) {
    for (const { target } of importsOf(file, await read(file))) {
      if (ENGINES.includes(target)) t.ok(STORES.some(matches(file)), `${file} may know ${target}`)
      const path = relative(ROOT, join(ROOT, file, '..', target))
      const isChosen = file === `${LOG}store/engine.ts` || !LOG_ENGINES.some((engine) => path.startsWith(engine))
      t.ok(
        isChosen || LOG_ENGINES.some((engine) => file.startsWith(engine)),
        `${file} does not choose an engine: ${path}`,
      )
    }
  }
})

t.test('nobody imports a composition root', async (t) => {
  const roots = [
    'gateway/main.ts',
    'gateway/commands/owl.ts',
    'gateway/deps.ts',
    'gateway/local.ts',
    'gateway/ports.ts',
    'gateway/http/server.ts',
  ]
  for (const file of sources.filter((name) => roomOf(name, MAY_IMPORT) !== undefined)) {
    for (const { target, isType } of importsOf(file, await read(file))) {
      const path = relative(ROOT, join(ROOT, file, '..', target))
      t.notOk(roots.includes(path) && !isType, `${file} does not import ${path}`)
    }
  }
})

t.test('packages are declared, and those of the tests stay in the tests', async (t) => {
  for (const file of sources.filter((name) => name.endsWith('.ts'))) {
    for (const { target, isType } of importsOf(file, await read(file))) {
      if (target.startsWith('.') || target.startsWith('node:')) continue
      const name = target
        .split('/')
        .slice(0, target.startsWith('@') ? 2 : 1)
        .join('/')
      const declared = name in packageJson.dependencies || (isType && `@types/${name}` in packageJson.devDependencies)
      t.ok(declared, `${file}: ${name} is a dependency`)
    }
  }
})

t.test('configuration and environment come in from outside', async (t) => {
  for (const file of sources) {
    if (MAY_READ_ENVIRONMENT.test(file)) continue
    t.notMatch(codeOf(await read(file)), /\bprocess\.env\b/, `${file} reads no environment`)
  }
})

t.test('types are known, promises to the reader are kept', async (t) => {
  for (const file of sources) {
    const source = await read(file)
    t.notMatch(codeOf(source), /(?::|\bas|<|\|)\s*any\s*(?:[;,)=\]>}|[]|$)/m, `${file} has no any`)
    // Written in two parts, so that this file passes.
    t.notMatch(source, new RegExp(`\\b(?:${'TO'}DO|${'FIX'}ME|${'X'}XX)\\b`), `${file} leaves nothing for later`)
    t.notMatch(codeOf(source), /^\s*export default\b/m, `${file} exports names`)
    t.notMatch(codeOf(source), /^\s*(?:export )?(?:const )?enum\s+\w+\s*\{/m, `${file} has no enum`)
  }
})

t.test('nothing speaks of the machine it was written on', async (t) => {
  const machine = new RegExp(['/wo' + 'rk/', '/ro' + 'ot/', '/ho' + 'me/[a-z]', 'regis' + 'try\\.npmjs'].join('|'))
  for (const file of [...everything, 'README.md', 'CHANGELOG.md', 'NOTICE', 'package.json', '.ci/run']) {
    t.notMatch(await read(file), machine, `${file} names no path or host of a workplace`)
  }
})

interface Import {
  readonly target: string
  readonly isType: boolean
}

/** Imports stand at the head of a file; what looks like one further down is text of a template. */
function importsOf(file: string, source: string): Import[] {
  const code = codeOf(source).trimStart()
  const found: Import[] = []
  const statement = /\s*(?:import|export)(\s+type)?\s(?:[^'"`;=]*?\sfrom\s+)?'([^']+)'/y
  for (let match = statement.exec(code); match !== null; match = statement.exec(code)) {
    found.push({ target: match[2] ?? '', isType: match[1] !== undefined })
  }
  for (const [, target = ''] of code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) found.push({ target, isType: false })
  if (/^import\s[^'`]*"/m.test(code)) t.fail(`${file}: imports are written with single quotes`)
  return found
}

/** Without comments, so that prose may say what code may not do. */
function codeOf(source: string): string {
  return source
    .replace(/^#!.*/, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
}

function roomOf(file: string, table: Readonly<Record<string, unknown>>): string | undefined {
  return Object.keys(table)
    .filter((room) => file.startsWith(room))
    .sort((a, b) => b.length - a.length)[0]
}

function typesFor(room: string): readonly string[] {
  return Object.entries(MAY_IMPORT_TYPES).flatMap(([prefix, allowed]) => (room.startsWith(prefix) ? allowed : []))
}

function matches(path: string): (allowed: string) => boolean {
  return (allowed) => (allowed.endsWith('/') ? path.startsWith(allowed) : path === allowed)
}

async function filesUnder(folders: readonly string[], pattern: RegExp): Promise<string[]> {
  const found: string[] = []
  for (const folder of folders) {
    for (const entry of await readdir(join(ROOT, folder), { withFileTypes: true, recursive: true })) {
      const file = relative(ROOT, join(entry.parentPath, entry.name))
      if (entry.isFile() && pattern.test(file)) found.push(file)
    }
  }
  return found.sort()
}

function read(file: string): Promise<string> {
  return readFile(join(ROOT, file), 'utf8')
}

async function readFileOrFolder(entry: string): Promise<void> {
  await readdir(join(ROOT, entry)).catch(() => read(entry))
}
