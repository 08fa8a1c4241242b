/** How the commands of this room speak: what they need of `admin/terminal.ts`, which the command line gives them. */

export interface EvidenceTerminal {
  /** A line of data. */
  out(line: string): void
  /** A line about the data. */
  say(line: string): void
  json(value: unknown): void
  style(format: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string): string
  /** Text without anything a terminal obeys. */
  plain(text: string): string
}
