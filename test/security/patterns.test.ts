/** Security row 17: no pattern or rule of a published schema takes long over any text, however it was made. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FIELD_RULES } from '../../schemas/field-rules.ts'

const SCHEMAS = join(import.meta.dirname, '../../schemas')
/** Quadratic is 10⁹ steps over this, seconds; linear is one millisecond. */
const CHARS = 32_768
const BUDGET_MS = 250

/** What makes a pattern try again and again: long runs of what it takes, and an end it does not. */
const RUNS = [
  'a',
  'A',
  'ä',
  '0',
  '1',
  ' ',
  '-',
  '.',
  "'",
  '/',
  ':',
  ',',
  '_',
  '@',
  '%',
  '\t',
  '0-',
  'a ',
  'a-',
  'A1',
  'a.',
  ' -',
  '1.',
  'aä',
  "d'",
]
const ENDS = ['', '\u0000', '!', ' ', '-', '\u{1f600}']

const TEXTS = RUNS.flatMap((run) => ENDS.map((end) => run.repeat(CHARS / run.length) + end))

t.test('patterns', async (t) => {
  const patterns = new Set<string>()
  for (const name of readdirSync(SCHEMAS, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.json')) collect(JSON.parse(readFileSync(join(SCHEMAS, name), 'utf8')), patterns)
  }
  t.ok(patterns.size > 20, `${patterns.size} patterns`)
  for (const pattern of patterns) {
    // As ajv compiles them.
    const regex = new RegExp(pattern, 'u')
    const slowest = slowestOver((text) => regex.test(text))
    t.ok(slowest < BUDGET_MS, `${slowest.toFixed(1)} ms: ${pattern}`)
  }
})

t.test('rules of fields', async (t) => {
  for (const [name, rule] of Object.entries(FIELD_RULES)) {
    const validate = rule as unknown as ((text: string) => boolean) | { validate: (text: string) => boolean }
    const check = typeof validate === 'function' ? validate : validate.validate
    const slowest = slowestOver((text) => check(text))
    t.ok(slowest < BUDGET_MS, `${slowest.toFixed(1)} ms: ${name}`)
  }
})

function slowestOver(work: (text: string) => unknown): number {
  let slowest = 0
  for (const text of TEXTS) {
    const started = performance.now()
    work(text)
    slowest = Math.max(slowest, performance.now() - started)
  }
  return slowest
}

function collect(value: unknown, patterns: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    if (name === 'pattern' && typeof member === 'string') patterns.add(member)
    if (name === 'patternProperties') for (const pattern of Object.keys(member)) patterns.add(pattern)
    collect(member, patterns)
  }
}
