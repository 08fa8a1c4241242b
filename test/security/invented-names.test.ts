/**
 * What a caller can name, it can invent: purposes, ids, services, members, paths, parties. Two thousand inventions make no
 * key, no text and no series of metrics, slow nobody down, and stand in the clear nowhere but in the columns of ids.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import type { CallOptions } from './local-call.ts'
import { CLIENTS, PROVIDER } from './region.ts'
import { openRig } from './rig.ts'

t.setTimeout(120_000)

const rig = await openRig(t, {
  start: ['paderborn', 'bielefeld'],
  limits: { refusalsPerSecond: 100_000, refusalsBurst: 100_000 },
})
const { paderborn, bielefeld } = rig.gateways
const CALLS = 2000
const AT_A_TIME = 16
const QUARTER = CALLS / 4
const json = { 'content-type': 'application/json' }

/** One of each kind in turn; all are refused, some at home, some by the provider. */
const inventions: readonly ((n: number) => CallOptions)[] = [
  (n) => ({ headers: { ...json, 'owl-purpose': `ERFUNDEN-${n}` } }),
  (n) => ({ headers: { ...json, 'owl-purpose': `ERFUNDEN-${n}`, 'x-road-id': `kennung-${n}` } }),
  (n) => ({ service: `${PROVIDER}/TEST/dienst${n}`, headers: { ...json, 'owl-purpose': `ERFUNDEN-${n}` } }),
  (n) => ({ service: `OWL/GOV/0999${n}/TEST/echo` }),
  (n) => ({ path: `/erfunden-pfad-${n}`, headers: { ...json, 'owl-purpose': 'ERFUNDEN' } }),
  (n) => ({ headers: { ...json, 'owl-purpose': 'ERFUNDEN', 'x-road-represented-party': `COM/partei${n}` } }),
  (n) => ({
    headers: {
      ...json,
      'owl-purpose': 'ERFUNDEN',
      'x-road-userid': `nutzer-${n}`,
      'x-road-issue': `aktenzeichen-${n}`,
    },
  }),
  (n) => ({ headers: { 'content-type': `application/erfunden-${n}`, 'owl-purpose': 'ERFUNDEN' } }),
  (n) => ({ headers: { ...json, 'x-road-security-server': `${PROVIDER}/server${n}` } }),
]
/** In sealed heads only. */
const SEALED = ['ERFUNDEN', 'erfunden-', 'partei', 'nutzer-', 'aktenzeichen-', 'server1']

function keysOf(config: string): readonly string[] {
  const { log } = JSON.parse(readFileSync(config, 'utf8')) as { log: { keyStore: string } }
  return readdirSync(log.keyStore)
    .filter((file) => /^\d{4}-.*json$/.test(file))
    .flatMap((file) => Object.keys(JSON.parse(readFileSync(join(log.keyStore, file), 'utf8')).keys))
    .toSorted()
}

function textsIn(file: string): readonly string[] {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  try {
    return database
      .prepare('SELECT text FROM repeated')
      .all()
      .map(({ text }) => String(text))
  } finally {
    database.close()
  }
}

/** Labels of all series; processes' own figures aside. */
const seriesOf = (metrics: string): number => metrics.split('\n').filter((line) => line.startsWith('owl_')).length

async function ask(from: number, count: number): Promise<number[]> {
  const tookMs: number[] = []
  let next = from
  const worker = async (): Promise<void> => {
    while (next < from + count) {
      const n = next++
      const invent = inventions[n % inventions.length] as (n: number) => CallOptions
      const began = performance.now()
      const answer = await paderborn.call(invent(n))
      tookMs.push(performance.now() - began)
      if (!/PurposeNotAllowed|UnknownService|UnknownMember|InvalidSecurityServer/.test(answer.error ?? ''))
        throw new Error(`call ${n} is ${answer.status} ${answer.error}`)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
  return tookMs
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

t.test('two thousand inventions leave no names behind', async (t) => {
  // Everything that is made once: keys of the day, texts, connections, compiled code.
  t.equal((await paderborn.call()).status, 200)
  const first = median(await ask(0, QUARTER))
  const before = [paderborn, bielefeld].map(({ config, log }) => ({ keys: keysOf(config), texts: textsIn(log).length }))
  const series = seriesOf((await paderborn.admin('/metrics')).text)
  const bodies = rig.service.delivered.length

  await ask(QUARTER, CALLS - 2 * QUARTER)
  const last = median(await ask(CALLS - QUARTER, QUARTER))

  for (const [index, { slug, config, log }] of [paderborn, bielefeld].entries()) {
    t.strictSame(keysOf(config), before[index]?.keys, `${slug}: no new keys`)
    t.strictSame(
      keysOf(config).filter((key) => !/^(?:record|body|archive)\/(?:TEST|refusal|none)$/.test(key)),
      [],
    )
    const texts = textsIn(log)
    // Statuses, batches and the estimate of the clock change now and then, and a text with each of them.
    t.ok(texts.length < (before[index]?.texts ?? 0) + 100, `${slug}: ${texts.length} texts`)
    t.notOk(
      texts.some((text) => SEALED.some((name) => text.includes(name))),
      `${slug}: no text names one`,
    )
    for (const file of readdirSync(dirname(log)).filter((name) => name.startsWith('log.sqlite'))) {
      const octets = readFileSync(join(dirname(log), file), 'latin1')
      t.strictSame(
        SEALED.filter((name) => octets.includes(name)),
        [],
        `${slug}: nothing in ${file}`,
      )
    }
  }
  t.equal(seriesOf((await paderborn.admin('/metrics')).text), series, 'no new series')
  t.equal(rig.service.delivered.length, bodies, 'nothing was delivered')
  t.ok(last < 2 * first + 20, `${last.toFixed(1)} ms at the end, ${first.toFixed(1)} ms at the beginning`)
})

t.test('they are on record as refusals, and the record holds', async (t) => {
  const after = paderborn.records().at(-1)?.seq ?? 0
  const answer = await paderborn.call({ headers: { ...json, 'owl-purpose': 'ERFUNDEN' } })

  t.match(answer.fault, { type: 'Server.ServerProxy.PurposeNotAllowed', detail: answer.requestId })
  const records = paderborn.records(after)
  t.match(records, [
    { kind: 'request', client: CLIENTS.paderborn, purpose: 'refusal', head: true, body: true },
    { kind: 'refusal', purpose: 'refusal', code: 'Server.ServerProxy.PurposeNotAllowed' },
  ])
  t.match(records[0]?.basis, { purpose: 'refusal', purposeBy: 'none' })
  const head = await paderborn.admin(`/log/${records[0]?.seq}/head`)
  t.match(head.text, /\r\nowl-purpose:ERFUNDEN\r\n/, 'what was named is signed and sealed')
  t.match((await paderborn.admin('/log/verify')).json, { ok: true })
})
