import fc from 'fast-check'
import t from 'tap'
import {
  completeRecord,
  formatRecordStart,
  openRecordOctets,
} from '../../../../gateway/message-log/record/log-record.ts'
import { sha256Hex } from '../../../../gateway/protocol/hash-tree.ts'

const text = fc.string({ unit: 'binary' })

t.test('octets and hash are those of the whole record, whatever was there before', async () => {
  const recordOctets = openRecordOctets()
  fc.assert(
    fc.property(text, fc.option(text), fc.constantFrom(1, 100, 10_000), (start, part, times) => {
      const basis = part?.repeat(times) ?? null
      const octets = Buffer.from(start)
      const made = recordOctets(start, basis)
      return made.start.equals(octets) && made.sha256 === sha256Hex(completeRecord(octets, basis))
    }),
  )
})

t.test('names and ids are JSON strings whatever is in them', async () => {
  const context = { kind: 'request', direction: 'in', side: 'provider', outcome: null, request: null } as const
  const place = { epoch: 1, seq: 1, prev: null, salt: '', at: 0, objects: [] }
  fc.assert(
    fc.property(text, text, (log, id) => {
      const start = formatRecordStart({ ...context, ...place, log, id })
      return start.startsWith(`{"v":1,"log":${JSON.stringify(log)},`) && start.includes(`,"id":${JSON.stringify(id)},`)
    }),
  )
})
