/** What is wrong with an archive file of the message log: which file, which records, what to do. */

export type ArchiveFlaw =
  /** The file is not where archive files lie. */
  | 'missing'
  /** Its octets are not the ones that were written. */
  | 'damaged'

export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
  readonly flaw: ArchiveFlaw
  /** Name of the file, without its directory. */
  readonly file: string

  constructor(flaw: ArchiveFlaw, file: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.flaw = flaw
    this.file = file
  }
}
