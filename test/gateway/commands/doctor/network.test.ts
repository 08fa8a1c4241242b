import t from 'tap'
import { examineFreshness } from '../../../../gateway/commands/doctor/network.ts'

t.test('what has ended is never well, and never a negative time', (t) => {
  for (const [leftMs, state, detail] of [
    [3_600_000, 'ok', /holds 60 min more/],
    [119_000, 'ok', /holds 119 s more/],
    [1, 'ok', /holds 1 s more/],
    [0, 'fail', /ended 0 s ago/],
    [-1, 'fail', /ended 1 s ago/],
    [-86_400_000, 'fail', /ended 86400 s ago/],
  ] as const) {
    const finding = examineFreshness(7, leftMs)

    t.match(finding, { state, detail }, String(leftMs))
    t.notMatch(finding.detail, /-\d/)
  }
  t.end()
})
