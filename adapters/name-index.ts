/** The coarse search of a simulated register: by number, or by search form or phonetic code of any name. */

import { koelnerPhonetik, searchKey } from './matching/suchform.ts'
import type { Auswahl } from './meldewesen/melderegister.ts'

export interface NameIndex<Record> {
  find(auswahl: Auswahl): readonly Record[]
  add(record: Record): void
}

export interface Named<Record> {
  idOf(record: Record): string
  namesOf(record: Record): readonly (string | undefined)[]
}

export function openNameIndex<Record>(records: readonly Record[], { idOf, namesOf }: Named<Record>): NameIndex<Record> {
  const keys = new Map<string, Set<Record>>()
  const put = (key: string, record: Record): void => void keys.set(key, (keys.get(key) ?? new Set()).add(record))
  const index: NameIndex<Record> = {
    find(auswahl) {
      if ('id' in auswahl) return [...(keys.get(`id ${auswahl.id}`) ?? [])]
      const key = 'suchname' in auswahl ? `name ${auswahl.suchname}` : `phonetik ${auswahl.phonetik}`
      return [...(keys.get(key) ?? [])]
    },
    add(record) {
      put(`id ${idOf(record)}`, record)
      for (const name of namesOf(record)) {
        if (name === undefined) continue
        put(`name ${searchKey(name)}`, record)
        put(`phonetik ${koelnerPhonetik(name)}`, record)
      }
    },
  }
  for (const record of records) index.add(record)
  return index
}
