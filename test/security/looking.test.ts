/** Row 33: whoever reads messages is on record, at the admin port and at the console, beside a gateway and without one. */

import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { owl } from '../gateway/owl.ts'
import { openRig } from './rig.ts'
import { until } from './waiting.ts'

t.test('whoever reads messages at the console is on record', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], log: { stampIntervalMs: 400 } })
  const { paderborn } = rig.gateways
  const { requestId } = await paderborn.call()
  const seq = paderborn.records().find((record) => record.requestId === requestId && record.kind === 'reply')?.seq
  const listed = async (): Promise<{ seq: number }[]> => {
    const { out } = await owl('log', 'list', '--outcome', 'access', '--config', paderborn.config, '--json')
    return (JSON.parse(out) as { records: { seq: number }[] }).records
  }
  const accesses = async (): Promise<Record<string, unknown>[]> => {
    const show = async ({ seq }: { seq: number }) =>
      JSON.parse((await owl('log', 'show', String(seq), '--part', 'body', '--config', paderborn.config)).out)
    return Promise.all((await listed()).toReversed().map(show))
  }
  const of = async (...args: string[]): Promise<number | null> =>
    (await owl(...args, '--config', paderborn.config)).code

  t.equal(await of('log', 'list'), 0)
  t.equal(await of('log', 'show', requestId), 0)
  t.equal(await of('log', 'show', String(seq), '--part', 'record'), 0)
  t.equal(await of('log', 'verify'), 0)
  t.equal(await of('log', 'show', '4711', '--part', 'body'), 1)
  t.equal(await of('log', 'show', String(seq), '--part', 'body'), 0)
  await until('it is on record', 10_000, async () => (await accesses()).length === 1)
  await until('it is time-stamped', 10_000, async () => {
    const out = join(rig.directory, 'exchange.zip')
    return (await of('evidence', 'export', '--exchange', requestId, '--out', out)) === 0
  })
  await until('so is that', 10_000, async () => (await accesses()).length === 2)

  await paderborn.process().stop()
  t.equal(await of('log', 'show', String(seq), '--part', 'head'), 0)
  const out = join(rig.directory, 'many.zip')
  t.equal(await of('evidence', 'export', '--query', '--request-id', requestId, '--out', out), 0)
  await paderborn.start()
  await until('what was read at rest is on record', 10_000, async () => (await accesses()).length === 4)

  const found = await accesses()
  t.match(found, [
    { by: /^console:./, part: 'body', seq },
    { part: 'evidence', exchange: requestId },
    { part: 'head', seq },
    { part: 'evidence', query: { requestId } },
  ])
  const { out: told } = await owl('log', 'show', String((await listed())[0]?.seq), '--config', paderborn.config)
  t.match(told, /By +console:.*\n +Looked at +evidence of all records with requestId .*\n +Looked +20/)
  t.equal(found.length, 4, 'lists, details and events are read without a trace')
  t.equal(await of('log', 'verify'), 0)
})

t.test('where it cannot be noted, the console shows nothing', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'] })
  const { paderborn } = rig.gateways
  const { requestId } = await paderborn.call()
  const seq = paderborn.records().find((record) => record.requestId === requestId)?.seq
  await writeFile(join(dirname(paderborn.log), 'access-notes'), 'in the way')

  const { code, out, err } = await owl('log', 'show', String(seq), '--part', 'body', '--config', paderborn.config)

  t.equal(code, 1)
  t.equal(out, '')
  t.match(err, /put on record first/)
})
