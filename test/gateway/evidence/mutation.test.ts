import t from 'tap'
import { mutateEvidence } from './mutation.ts'

t.setTimeout(120_000)
t.test('a sample of the octets of valid evidence, changed one by one', (t) => mutateEvidence(t, 0.02))
