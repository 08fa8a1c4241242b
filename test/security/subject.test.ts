/**
 * Art. 15 DSGVO in a whole region: what was exchanged about a person is found at every gateway by whoever may look, and is
 * put on record; no reference is in any file, URL or log.
 */

import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { request } from 'undici'
import { personensuche, umzugsmitteilung, vams } from '../../adapters/scenario-messages.ts'
import type { SubjectReport } from '../../gateway/admin/subject/report.ts'
import { loadConfig, logPlace } from '../../gateway/config/config.ts'
import { gatewayOf, openAgent, openCaller } from '../../gateway/region/calls.ts'
import type { FederationGateway } from '../../gateway/region/federation.ts'
import { startRegion } from '../../gateway/region/launcher.ts'
import { openOperator } from '../../gateway/region/operator.ts'
import { owl } from '../gateway/owl.ts'
import { until } from './waiting.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(180_000)

const PERSON = 'person:Müller-Lüdenscheidt|Jörg|1979-05-19'
const IDNR = 'idnr:02 496 138 955'
const PLATE = 'kfz:PB-AB 1234'
/** Every way in which one of them might lie about. */
const REFERENCES = ['02496138955', '02 496 138 955', 'MUELLERLUEDENSCHEIDT', 'PB-AB 1234', 'Müller-Lüdenscheidt|']

const directory = await mkdtemp(join(tmpdir(), 'owl-subject-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))
process.env['LOG_LEVEL'] = 'trace'
const region = await startRegion({ directory, ports: 'free', stampIntervalMs: 1000 })
t.teardown(() => region.close())
const { federation } = region
const gateway = (member: string): FederationGateway => gatewayOf(federation, `OWL/GOV/${member}`)
const [paderborn, bielefeld, kreis, delbrueck] = ['05774032', '05711000', '05774', '05774020'].map(gateway) as [
  FederationGateway,
  FederationGateway,
  FederationGateway,
  FederationGateway,
]
const stamp = { now: () => Date.now(), uuid: () => randomUUID() }

t.test('an exchange is found at both sides, by every name of the person in it', async (t) => {
  const caller = openCaller(federation)
  t.teardown(() => caller.close())
  const form = await caller.call(vams(stamp))
  const notice = await caller.call(umzugsmitteilung(stamp))
  await caller.call(personensuche(stamp, 'known'))
  t.equal(form.status, 200)
  t.ok(notice.status < 300)

  const byName = await find(paderborn, [PERSON])
  t.match(byName.exchanges.map(({ requestId }) => requestId).toSorted(), [form.requestId, notice.requestId].toSorted())
  const move = byName.exchanges.find(({ requestId }) => requestId === form.requestId)
  t.match(move, {
    direction: 'asked',
    client: { id: 'OWL/GOV/05774032/BUERGERBUERO', name: 'Stadt Paderborn, Bürgerbüro' },
    provider: { id: 'OWL/GOV/05711000', name: 'Stadt Bielefeld' },
    service: { name: 'Vorausgefüllter Meldeschein' },
    purpose: {
      code: 'UMZUG_VAMS',
      title: 'Vorausgefüllter Meldeschein bei Umzug',
      legalBasis: '§ 23 Abs. 2–4 BMG, § 4 1. BMeldDÜV',
      dataCategories: ['Namen'],
    },
    namedIn: ['request', 'reply'],
    outcome: 'reply',
    contentsUntil: /^20\d\d-\d\d-\d\d$/,
  })
  t.equal(byName.isComplete, true)

  const byIdnr = await find(bielefeld, [IDNR])
  t.match(byIdnr.exchanges, [
    { requestId: form.requestId, direction: 'answered', namedIn: ['reply'], outcome: 'reply' },
  ])
  t.equal(byIdnr.exchanges.length, 1)
  t.match((await find(kreis, [PLATE])).exchanges, [{ requestId: notice.requestId, namedIn: ['request'] }])
  const twice = await find(paderborn, [PERSON, IDNR, PLATE])
  t.equal(twice.exchanges.length, 2, 'each exchange once')

  t.same((await find(delbrueck, [PERSON])).exchanges, [], 'who had nothing to do with it has nothing')
  t.same((await find(bielefeld, ['person:Müller-Lüdenscheidt|Jörg|1979-05-20'])).exchanges, [])
})

t.test('who looked is on record, at whom is not', async (t) => {
  const operator = await openOperator(federation, paderborn)
  t.teardown(() => operator.close())
  const [access] = await operator.list({ outcome: 'access' })
  t.match(access, { client: null, requestId: null, purpose: null })
  const event = await operator.body(access?.seq ?? 0)
  t.match(event, { v: 1, event: 'access', by: /^operator:[0-9a-f]{64}$/, references: 3 })
  t.match((await operator.verify()).ok, true, 'and the log holds')
})

t.test('people read it in German and English', async (t) => {
  const { code, out, err } = await owl('log', 'subject', PERSON, '--config', paderborn.config)
  t.equal(code, 0, err)
  for (const text of [
    'Art. 15 DSGVO',
    'Art. 15 GDPR',
    'Rechtsgrundlage / legal basis',
    '§ 23 Abs. 2–4 BMG',
    'Stadt Bielefeld',
  ])
    t.match(out, text)
  for (const line of REFERENCES) t.notMatch(out, line, 'the answer repeats no reference')
})

t.test('a reference never goes into a URL, and what is none is refused without being quoted', async (t) => {
  const dispatcher = await openAgent(federation, paderborn.operator)
  t.teardown(() => dispatcher.close())
  const records = async (): Promise<number> => {
    const { body } = await request(new URL('/log?outcome=access&limit=1000', paderborn.admin), { dispatcher })
    return ((await body.json()) as { records: unknown[] }).records.length
  }
  await until('what was read at the console is on record', 10_000, () =>
    notesOf(paderborn).then(({ length }) => length === 0),
  )
  const before = await records()
  const post = async (body: string, type = 'application/json') =>
    request(new URL('/log/subject', paderborn.admin), {
      ...{ dispatcher, method: 'POST', headers: { 'content-type': type }, body },
    })

  const get = await request(new URL(`/log?subject=${encodeURIComponent(PERSON)}`, paderborn.admin), { dispatcher })
  t.equal(get.statusCode, 400)
  t.notMatch(await get.body.text(), /L%C3%BCdenscheidt|Lüdenscheidt/)
  const wrong = [
    ...['', '{', '[]', '{}', '{"references":[]}', '{"references":"x"}', '{"references":[7]}'],
    ...['{"references":["person:Geheim"]}', '{"references":["idnr:12345678901"]}', '{"references":["Geheim"]}'],
    `{"references":${JSON.stringify(Array(21).fill(PERSON))}}`,
    `{"references":["x-a:${'7'.repeat(20_000)}"]}`,
  ]
  for (const body of wrong) {
    const answer = await post(body)
    t.equal(answer.statusCode, 400, body.slice(0, 40))
    t.notMatch(await answer.body.text(), /Geheim|12345678901|7777/)
  }
  t.equal((await post(`{"references":["${PLATE}"]}`, 'text/plain')).statusCode, 400)
  t.equal(await records(), before, 'nobody was looked up')

  const stranger = await openAgent(federation, paderborn.clients['OWL/GOV/05774032/BUERGERBUERO'])
  t.teardown(() => stranger.close())
  const refused = await request(new URL('/log/subject', paderborn.admin), {
    ...{ dispatcher: stranger, method: 'POST', headers: { 'content-type': 'application/json' } },
    body: `{"references":["${PLATE}"]}`,
  })
  t.equal(refused.statusCode, 403)
  const { code, err } = await owl('log', 'subject', 'person:Geheim', '--config', paderborn.config)
  t.equal(code, 2)
  t.notMatch(err, /Geheim/)
})

t.test(
  'with the gateway at rest the command reads as well, and the gateway puts it on record when it is back',
  async (t) => {
    process.kill(bielefeld.pid as number, 'SIGTERM')
    const found = await untilAtRest(bielefeld)
    t.equal(found.exchanges.length, 1)

    const { file } = logPlace(await loadConfig(bielefeld.config))
    const notes = readdirSync(join(dirname(file), 'access-notes'))
    t.equal(notes.length, 1)
    const note = readFileSync(join(dirname(file), 'access-notes', notes[0] ?? ''), 'utf8')
    t.match(JSON.parse(note), { event: 'access', by: /^console:./, references: 1 })
    const { code } = await owl('log', 'verify', '--config', bielefeld.config)
    t.equal(code, 0)
  },
)

t.test('no file of the region has a reference in the clear', async (t) => {
  for (const { pid } of federation.gateways) {
    try {
      process.kill(pid as number, 'SIGKILL')
    } catch {
      // It is at rest already.
    }
  }
  let files = 0
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const place = relative(directory, path)
    // Local systems are the agencies' own.
    if (!entry.isFile() || /^(?:certs|systems)\//.test(place)) continue
    files += 1
    const octets = readFileSync(path)
    const found = REFERENCES.filter((text) =>
      [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1), Buffer.from(text).toString('base64')].some(
        (form) => octets.includes(form),
      ),
    )
    t.strictSame(found, [], place)
  }
  t.ok(files > 30, `${files} files`)
})

/** What the gateway has not taken up yet. */
async function notesOf(own: FederationGateway): Promise<string[]> {
  const directory = join(dirname(logPlace(await loadConfig(own.config)).file), 'access-notes')
  return readdirSync(directory).map((name) => join(directory, name))
}

async function find(own: FederationGateway, references: readonly string[]): Promise<SubjectReport> {
  const dispatcher = await openAgent(federation, own.operator)
  const { statusCode, body } = await request(new URL('/log/subject', own.admin), {
    ...{ dispatcher, method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ references }),
  })
  const report = (await body.json()) as SubjectReport
  await dispatcher.close()
  t.equal(statusCode, 200)
  return report
}

/** The process takes a moment to end. */
async function untilAtRest(own: FederationGateway): Promise<SubjectReport> {
  for (let tries = 0; ; tries++) {
    try {
      process.kill(own.pid as number, 0)
      if (tries > 100) throw new Error('The gateway does not end')
      await sleep(100)
    } catch {
      const { code, out, err } = await owl('log', 'subject', IDNR, '--config', own.config, '--json')
      if (code !== 0) throw new Error(err)
      return JSON.parse(out) as SubjectReport
    }
  }
}
