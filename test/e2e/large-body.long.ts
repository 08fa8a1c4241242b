import t from 'tap'
import { passLargeBodies } from './large-body.ts'

const MIB = 1024 * 1024
const TIMEOUT_MS = 900_000

t.setTimeout(TIMEOUT_MS)
t.test('1 GiB passes through two gateways, both ways', { timeout: TIMEOUT_MS }, async (t) => {
  await passLargeBodies(t, { bytes: 1024 * MIB })
})
