import t from 'tap'
import { mutateEvidence } from './mutation.ts'

t.setTimeout(3_600_000)
t.test('every octet of valid evidence, changed one by one', (t) => mutateEvidence(t, 1))
