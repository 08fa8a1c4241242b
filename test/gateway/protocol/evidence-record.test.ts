import t from 'tap'
import { formatEvidenceRecord } from '../../../gateway/protocol/evidence-record.ts'
import { evidenceVector } from './evidence-vector.ts'

t.test('writes the very octets that were checked elsewhere', async (t) => {
  for (const name of ['evidence.ers', 'norev.ers']) {
    const { der, tree, token } = await evidenceVector(name)

    t.same(formatEvidenceRecord(tree, token), der, name)
  }
})
