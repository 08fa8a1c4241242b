/** Reads what a test file prints: totals and failing assertions. Source: Test Anything Protocol 14 as node-tap 21 writes it. */

export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface Failure {
  /** Names of the tests around it, its own last. */
  readonly path: readonly string[]
  /** Difference, place and stack, as far as given. */
  readonly detail: string
}

const DETAIL_LINES_MAX = 40

/** The line `# { total: 13, pass: 5, fail: 6, todo: 1, skip: 1 }` at the end; zeros when it never came. */
export function totalsOf(output: string): Totals {
  const [, line = ''] = /^# \{ (total: .*) \}$/m.exec(output) ?? []
  const count = (name: string): number => Number(new RegExp(`\\b${name}: (\\d+)`).exec(line)?.[1] ?? 0)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') }
}

/** Assertions that failed; a test around them only when nothing inside it says why (a plan that was not kept). */
export function failuresOf(output: string): readonly Failure[] {
  const lines = output.split('\n')
  const failures: Failure[] = []
  const open: { name: string; failuresBefore: number }[] = []
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ''
    const depth = depthOf(line)
    const subtest = /^ *# Subtest: (.*)$/.exec(line)
    if (subtest !== null) {
      open.length = depth
      open[depth] = { name: subtest[1] ?? '', failuresBefore: failures.length }
      continue
    }
    const [, not, name = ''] = /^ *(not )?ok \d+(?: - )?(.*)$/.exec(line) ?? []
    const isResult = /^ *(?:not )?ok \d+/.test(line)
    if (!isResult) continue
    const around = open[depth]
    open.length = Math.min(open.length, depth)
    const end = endOfDetail(lines, i)
    const explained = around !== undefined && failures.length > around.failuresBefore
    if (not !== undefined && !explained && !/# (?:skip|todo)/i.test(name)) {
      const path = [...open.slice(0, depth).map((test) => test?.name ?? ''), name.replace(/ # time=.*$/, '')]
      failures.push({ path, detail: detailOf(lines.slice(i + 1, end)) })
    }
    i = end - 1
  }
  return failures
}

function depthOf(line: string): number {
  return Math.floor((line.length - line.trimStart().length) / 4)
}

/** Skips the YAML block behind a result, whose lines may look like results. */
function endOfDetail(lines: readonly string[], result: number): number {
  const opening = lines[result + 1]
  if (opening?.trim() !== '---') return result + 1
  const closing = `${opening.slice(0, opening.indexOf('-'))}...`
  const end = lines.indexOf(closing, result + 2)
  return end === -1 ? lines.length : end + 1
}

function detailOf(block: readonly string[]): string {
  const kept: string[] = []
  const indent = block[0]?.indexOf('-') ?? 0
  let inSource = false
  for (const line of block.slice(1, -1).map((text) => text.slice(indent))) {
    if (/^\S/.test(line)) inSource = line.startsWith('source:')
    if (!inSource) kept.push(`    ${line}`)
  }
  const cut = kept.length > DETAIL_LINES_MAX ? [...kept.slice(0, DETAIL_LINES_MAX), '    …'] : kept
  return cut.join('\n')
}
