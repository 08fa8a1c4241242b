/** A gateway whose database is older than its key store, or gone: it stays up, takes nothing, and says what to do. */

import { cpSync, existsSync, rmSync } from 'node:fs'
import t from 'tap'
import { owl } from '../gateway/owl.ts'
import type { GatewayRig } from '../security/rig.ts'
import { openRig } from '../security/rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(240_000)

t.test('a database that was restored from a backup, and one that is gone', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], log: { stampIntervalMs: 200 } })
  const { paderborn, bielefeld } = rig.gateways
  t.equal((await paderborn.call()).status, 200)
  for (const gateway of [paderborn, bielefeld]) copy(gateway.log, '', '.old')
  t.equal((await paderborn.call()).status, 200)
  // Until a batch is closed the mark knows nothing of it.
  for (const gateway of [paderborn, bielefeld]) await gateway.process().stop()

  const members: readonly [string, GatewayRig, GatewayRig, (file: string) => void, RegExp][] = [
    ['restored at the provider', bielefeld, paderborn, restore, /ends at record \d+ but has reached \d+/],
    ['gone at the consumer', paderborn, bielefeld, remove, /is gone; it had reached record/],
  ]
  for (const [name, harmed, other, harm, message] of members) {
    await t.test(name, async (t) => {
      copy(harmed.log, '', '.whole')
      harm(harmed.log)
      await harmed.start()
      await other.start()
      const delivered = rig.service.delivered.length

      const { status, json } = await harmed.admin('/readyz')
      t.match([status, json], [503, { ready: false, checks: { log: { state: 'fail', detail: message } } }])
      t.match((await harmed.admin('/metrics')).text, /^owl_log_closed\{flaw="behind"\} 1$/m)
      const answer = await paderborn.call()
      t.match(answer.fault, { type: /LoggingFailed$/ }, 'both sides refuse with the same')
      t.equal(rig.service.delivered.length, delivered, 'nothing is delivered')
      t.match(harmed.output(), /the message log is closed/)
      const listed = await owl('log', 'list', '--config', harmed.config)
      t.match([listed.code, listed.err], [0, message])
      t.equal((await harmed.admin('/livez')).status, 200, 'it is still there')

      for (const gateway of [harmed, other]) await gateway.process().stop()
      copy(harmed.log, '.whole', '')
    })
  }

  for (const gateway of [paderborn, bielefeld]) await gateway.start()
  t.equal((await paderborn.call()).status, 200, 'with the newest database it works again')
})

/** Database and WAL, where there is one. */
function copy(file: string, from: '' | '.old' | '.whole', to: '' | '.old' | '.whole'): void {
  for (const suffix of ['', '-wal']) {
    const [source, target] = [file + suffix + from, file + suffix + to]
    rmSync(target, { force: true })
    if (existsSync(source)) cpSync(source, target)
  }
}

function restore(file: string): void {
  copy(file, '.old', '')
}

function remove(file: string): void {
  for (const suffix of ['', '-wal']) rmSync(file + suffix, { force: true })
}
