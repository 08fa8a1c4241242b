import type { Option } from 'commander'
import { Command, Option as NewOption } from 'commander'
import t from 'tap'
import { withOperandsApart, withValueNames } from '../../../gateway/commands/list-options.ts'

/** What the parser makes of words for a command with one list, one value and these arguments. */
function parsed(argument: string, ...words: readonly string[]): unknown {
  let found: unknown
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  const list: Option = withValueNames(new NewOption('--anchors <path...>'), /\.pem$/)
  program
    .command('verify')
    .argument(argument)
    .addOption(list)
    .option('--codes <code...>')
    .option('--at <time>')
    .option('--json')
    .action((operands: unknown, given: object) => {
      found = { operands, ...given }
    })
  program.parse(withOperandsApart(program, ['verify', ...words]), { from: 'user' })
  return found
}

t.test('a list may stand before and after what the command is about', async (t) => {
  const one = { operands: ['a.zip'], anchors: ['1.pem'] }
  t.same(parsed('<path...>', 'a.zip', '--anchors', '1.pem'), one)
  t.same(parsed('<path...>', '--anchors', '1.pem', 'a.zip'), one)
  t.same(parsed('<path...>', '--anchors=1.pem', 'a.zip'), one)
  t.same(parsed('<path...>', '--anchors', '1.pem', '--', 'a.zip'), one)
  t.same(parsed('<path...>', '--anchors', 'folder', 'evidence'), { operands: ['evidence'], anchors: ['folder'] })

  const two = { operands: ['a.zip', 'b.zip'], anchors: ['1.pem', '2.pem'] }
  t.same(parsed('<path...>', 'a.zip', 'b.zip', '--anchors', '1.pem', '2.pem'), two)
  t.same(parsed('<path...>', '--anchors', '1.pem', '2.pem', 'a.zip', 'b.zip'), two)
  t.same(parsed('<path...>', '--anchors', '1.pem', '--anchors', '2.pem', 'a.zip', 'b.zip'), two)
  t.same(parsed('<path...>', 'a.zip', '--anchors', '1.pem', '2.pem', '--at', 'x', 'b.zip'), { ...two, at: 'x' })
  t.same(parsed('<path...>', '--anchors', '1.pem', 'a.zip', '--json'), { ...one, json: true })
})

t.test('values that have no form of their own: the last word is what the command is about', async (t) => {
  const found = { operands: 'X', codes: ['A', 'B'] }
  t.same(parsed('<code>', 'X', '--codes', 'A', 'B'), found)
  t.same(parsed('<code>', '--codes', 'A', 'B', 'X'), found)
  t.same(parsed('<code>', '--codes', 'A', 'B', 'X', '--at', 'now'), { ...found, at: 'now' })
  t.throws(() => parsed('<code>', '--codes', 'A'), { message: /missing required argument/ })
  t.same(parsed('[code]', '--codes', 'A', 'B'), { operands: undefined, codes: ['A', 'B'] }, 'nothing is missing')
})
