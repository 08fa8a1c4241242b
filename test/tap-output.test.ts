import t from 'tap'
import { failuresOf, totalsOf } from './tap-output.ts'

const OUTPUT = `TAP version 14
# Subtest: a group
    ok 1 - fine
    not ok 2 - compares
      ---
      diff: |
        -not ok 7 - no result, a line of a difference
      source: |
        t.same(a, b)
      at:
        lineNumber: 5
      ...
    # Subtest: deep
        not ok 1 - throws
        1..1
    not ok 3 - deep # time=4.663ms
      ---
      at:
        lineNumber: 6
      ...
    1..3
not ok 1 - a group # time=18.201ms
# Subtest: planned
    1..2
    ok 1 - one
    # test count(1) != plan(2)
not ok 2 - planned # time=1ms
not ok 3 - later # TODO
1..3
# { total: 6, pass: 2, fail: 3, todo: 1 }
# time=5ms
`

t.test('counts what the file counted', async (t) => {
  t.same(totalsOf(OUTPUT), { passed: 2, failed: 3, skipped: 1 })
  t.same(totalsOf('ok 1\n# Subtest: crashed'), { passed: 0, failed: 0, skipped: 0 })
})

t.test('names each failing assertion once, with where it stands', async (t) => {
  const failures = failuresOf(OUTPUT)

  t.same(
    failures.map(({ path }) => path),
    [['a group', 'compares'], ['a group', 'deep', 'throws'], ['planned']],
  )
  t.match(failures[0]?.detail, /difference/)
  t.notMatch(failures[0]?.detail, /t\.same/, 'without the source lines')
})
