import t from 'tap'
import { passLargeBodies } from './large-body.ts'

const MIB = 1024 * 1024

t.test('64 MiB pass through two gateways, both ways', async (t) => {
  await passLargeBodies(t, { bytes: 64 * MIB, warmUpBytes: 8 * MIB })
})
