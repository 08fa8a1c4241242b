import type { Test } from 'tap'
import t from 'tap'
import { AdapterError } from '../../adapters/adapter-error.ts'
import type { LocalReply } from '../../adapters/local-http.ts'
import { openLocalHttp } from '../../adapters/local-http.ts'
import type { Told } from './rig.ts'
import { serve } from './rig.ts'

async function answered(t: Test, told: Told): Promise<LocalReply> {
  const http = openLocalHttp({ url: await serve(t, () => told) })
  t.teardown(() => http.close())
  return http.request({ method: 'GET', path: '/' }, AbortSignal.timeout(10_000))
}

t.test('an answer is read in its charset', async (t) => {
  const contentType = 'text/xml; charset=ISO-8859-1'
  const { text } = await answered(t, { status: 200, contentType, body: Buffer.from('<N>Jörg</N>', 'latin1') })
  t.equal(text(), '<N>Jörg</N>')
})

t.test('one that cannot be read is an answer all the same: its status shows, and what is wrong with it', async (t) => {
  const { status, text } = await answered(t, { status: 503, body: Buffer.from('<p>gestört</p>', 'latin1') })
  t.equal(status, 503)
  t.throws(text, new AdapterError('response', 'charset'))
})
