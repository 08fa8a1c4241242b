/**
 * Options that take several values stand before or after what a command is about: `--anchors ca.pem FILE` as well as
 * `FILE --anchors ca.pem`. The parser gives such an option every word that follows; what is missing is taken back here.
 */

import type { Command, Option } from 'commander'

interface Run {
  readonly option: Option
  readonly words: string[]
}

/** How the values of an option are called, where that tells them from what the command is about. */
const valueNames = new WeakMap<Option, RegExp>()

export function withValueNames(option: Option, names: RegExp): Option {
  valueNames.set(option, names)
  return option
}

/** @returns the same words; those that an option took and the command lacks stand at the end */
export function withOperandsApart(program: Command, args: readonly string[]): readonly string[] {
  const { command, parts, operands } = readWords(program, args)
  const wanted = command.registeredArguments.filter(({ required }) => required).length
  if (operands >= wanted) return args
  const runs = parts.filter((part): part is Run => typeof part !== 'string')
  const taken = takeBack(runs, wanted - operands)
  if (taken.length === 0) return args
  const words = parts.flatMap((part) =>
    typeof part === 'string' ? [part] : part.words.map((word) => `${part.option.long}=${word}`),
  )
  return [...words, ...taken]
}

function takeBack(runs: readonly Run[], missing: number): string[] {
  const taken: string[] = []
  for (const { option, words } of runs) {
    const names = valueNames.get(option)
    // The first word is the option's, whatever it is called.
    const others = names === undefined ? [] : words.slice(1).filter((word) => !names.test(word))
    if (others.length === 0) continue
    taken.push(...others)
    words.splice(0, words.length, ...words.filter((word, at) => at === 0 || !others.includes(word)))
  }
  while (taken.length < missing) {
    const last = runs.findLast(({ words }) => words.length > 1)
    if (last === undefined) break
    taken.unshift(last.words.pop() as string)
  }
  return taken
}

interface Words {
  readonly command: Command
  readonly parts: readonly (string | Run)[]
  /** How many words no option takes. */
  readonly operands: number
}

function readWords(program: Command, args: readonly string[]): Words {
  let command = program
  let operands = 0
  const parts: (string | Run)[] = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as string
    if (word === '--') {
      operands += args.length - at - 1
      parts.push(...args.slice(at))
      break
    }
    const option = isOption(word) ? optionOf(command, word) : undefined
    const follows = (): boolean => at + 1 < args.length && !isOption(args[at + 1] as string)
    if (option?.variadic === true && option.long !== undefined && !word.includes('=')) {
      const words: string[] = []
      while (follows()) words.push(args[++at] as string)
      parts.push(words.length === 0 ? word : { option, words })
      continue
    }
    parts.push(word)
    if (option !== undefined && !word.includes('=') && (option.required || option.optional) && follows()) {
      parts.push(args[++at] as string)
    } else if (!isOption(word)) {
      const inner = operands === 0 ? command.commands.find((each) => each.name() === word) : undefined
      if (inner === undefined) operands += 1
      else command = inner
    }
  }
  return { command, parts, operands }
}

function isOption(word: string): boolean {
  return word.length > 1 && word.startsWith('-')
}

/** Of the command, or of the program around it. */
function optionOf(command: Command, word: string): Option | undefined {
  const [flag] = word.split('=')
  for (let each: Command | null = command; each !== null; each = each.parent) {
    const found = each.options.find(({ long, short }) => long === flag || short === flag)
    if (found !== undefined) return found
  }
  return undefined
}
