/** Bodies on their way in: whole or refused, small in memory, large on disk and encrypted there. */

import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import t from 'tap'
import { openSpool } from '../../../gateway/transport/spool.ts'

const limits = { bytesMax: 1_000_000, tooLarge: 'BadRequest' } as const

t.test('whatever the pieces, the body is what was sent', async (t) => {
  const directory = t.testdir()
  const spool = await openSpool({ directory, spoolAboveBytes: 1000 })
  const pieces = fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(pieces, async (chunks) => {
      const octets = Buffer.concat(chunks)
      const body = await spool.receive(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), limits)
      if (octets.length === 0) return t.equal(body, undefined)
      if (body === undefined) return t.fail('no body')
      t.equal(body.size, octets.length)
      t.equal(body.bytes === undefined, octets.length > 1000, 'large ones are on disk')
      t.ok((await buffer(body.stream())).equals(octets))
      t.ok((await buffer(body.stream())).equals(octets), 'a second time')
      t.ok(body.sha256.equals(createHash('sha256').update(octets).digest()))
      t.ok(body.sha512.equals(createHash('sha512').update(octets).digest()))
      await body.dispose()
      return undefined
    }),
    { numRuns: 60 },
  )
  t.same(await readdir(directory), [])
})

t.test('a large body is not readable on disk, and a changed file is not read', async (t) => {
  const directory = t.testdir()
  const spool = await openSpool({ directory, spoolAboveBytes: 10 })
  const body = await spool.receive(Readable.from([Buffer.alloc(200_000, 'canary')]), limits)
  const path = join(directory, (await readdir(directory))[0] as string)
  const octets = await readFile(path)

  t.notOk(octets.includes('canary'))
  octets[70_000] = (octets[70_000] as number) ^ 1
  await writeFile(path, octets)
  await t.rejects(buffer(body?.stream() as Readable))
})

t.test('a source that goes while its last octets are being written was complete', async (t) => {
  const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 10 })
  const source = new PassThrough()
  source.once('data', () => source.destroy())
  const octets = Buffer.alloc(1000, 'x')

  const receiving = spool.receive(source, { ...limits, expected: octets.length })
  source.write(octets)

  const body = await receiving
  t.ok((await buffer(body?.stream() as Readable)).equals(octets))
})

t.test(
  'a body that is there already is taken whole, in however many pieces it came, and no more than announced',
  async (t) => {
    const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 1000 })
    const arrived = (): PassThrough => {
      const source = new PassThrough()
      for (const piece of ['ab', 'cd', 'ef']) source.write(piece)
      return source
    }

    const body = await spool.receive(arrived(), { ...limits, expected: 6 })

    t.equal(body?.bytes?.toString(), 'abcdef')
    await t.rejects(spool.receive(arrived(), { ...limits, expected: 5 }), { code: 'InvalidMessage' })
    await t.rejects(spool.receive(arrived().end(), { ...limits, expected: 7 }), { code: 'MissingBody' })
    await t.rejects(spool.receive(arrived().destroy(), { ...limits, expected: 6 }), { code: 'MissingBody' })
  },
)

t.test('takes what was read before and no more than announced', async (t) => {
  const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 1000 })
  const body = await spool.receive(Readable.from([Buffer.from('cd')]), {
    ...limits,
    begun: Buffer.from('ab'),
    expected: 4,
  })

  t.equal(body?.bytes?.toString(), 'abcd')
  await t.rejects(
    spool.receive(Readable.from([Buffer.from('cde')]), { ...limits, begun: Buffer.from('ab'), expected: 4 }),
    { code: 'InvalidMessage' },
  )
  t.equal(await spool.receive(new PassThrough(), { ...limits, expected: 0 }), undefined, 'does not wait')
})

for (const spoolAboveBytes of [10, 1_000_000]) {
  t.test(`leaves nothing behind when it refuses, spooling above ${spoolAboveBytes}`, async (t) => {
    const directory = t.testdir()
    const spool = await openSpool({ directory, spoolAboveBytes })
    const broken = new PassThrough()
    broken.write(randomBytes(500))
    setImmediate(() => broken.destroy(new Error('gone')))

    await t.rejects(spool.receive(broken, limits), { code: 'MissingBody' })
    await t.rejects(spool.receive(Readable.from([randomBytes(500)]), { ...limits, expected: 501 }), {
      code: 'MissingBody',
    })
    await t.rejects(spool.receive(Readable.from([randomBytes(500), randomBytes(600)]), { ...limits, bytesMax: 1000 }), {
      code: 'BadRequest',
    })
    t.same(await readdir(directory), [])
  })
}

t.test('what a crash left behind is gone at the next start', async (t) => {
  const directory = t.testdir({ 'old.spool': 'x' })
  await openSpool({ directory, spoolAboveBytes: 10 })

  t.same(await readdir(directory), [])
})
