/** Octets that come piece by piece and are kept in memory until they are whole. */

/** Whoever sends them one by one would have each take a hundred times its size: so many pieces become one. */
const PIECES_MAX = 1024

export class Pieces {
  #pieces: Buffer[] = []
  #size = 0

  /** In octets. */
  get size(): number {
    return this.#size
  }

  add(piece: Buffer): void {
    this.#size += piece.length
    this.#pieces.push(piece)
    if (this.#pieces.length === PIECES_MAX) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  /** @returns all of them in one; none are left */
  take(): Buffer {
    const pieces = this.#pieces
    this.#pieces = []
    this.#size = 0
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
  }
}
