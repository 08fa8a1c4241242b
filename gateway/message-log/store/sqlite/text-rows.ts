/** Texts that many records have in common. */

import type { DatabaseSync } from 'node:sqlite'
import type { Texts } from '../log-store.ts'

export function openTexts(database: DatabaseSync): Texts {
  const one = database.prepare('SELECT text FROM repeated WHERE id = ?')
  const oldest = database.prepare(
    'SELECT min(basis) AS basis, min(etsi_u) AS etsi FROM content WHERE seq BETWEEN ? AND ?',
  )
  return {
    get(id) {
      const row = one.get(id)
      return row === undefined ? undefined : String(row['text'])
    },
    oldest(first, last) {
      const row = oldest.get(first, last)
      return { basis: (row?.['basis'] ?? null) as number | null, etsiU: (row?.['etsi'] ?? null) as number | null }
    },
  }
}
