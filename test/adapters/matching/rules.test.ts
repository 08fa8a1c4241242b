import { readFile } from 'node:fs/promises'
import t from 'tap'
import {
  containsFamilienname,
  matchesAnschrift,
  matchesFamilienname,
  matchesHausnummer,
  matchesStrasse,
  matchesVornamen,
  spoken,
} from '../../../adapters/matching/rules.ts'

interface Vector {
  readonly regel: string
  readonly register: never
  readonly anfrage: never
  readonly treffer: boolean
}

const { vektoren } = JSON.parse(
  await readFile(new URL('../../vectors/matching-vectors.json', import.meta.url), 'utf8'),
) as { readonly vektoren: readonly Vector[] }

interface Parts {
  readonly hausnummer?: string
  readonly buchstabe?: string
  readonly teilnummer?: string
}

const parts = ({ hausnummer, buchstabe, teilnummer }: Parts) => ({ nummer: hausnummer, zusatz: buchstabe, teilnummer })

const RULES: Readonly<Record<string, (anfrage: never, register: never) => boolean>> = {
  'familienname.personensuche': (anfrage, register) => matchesFamilienname(anfrage, register),
  'familienname.freieSuche': (anfrage, register) => containsFamilienname(anfrage, register),
  vornamen: (anfrage, register) => matchesVornamen(anfrage, (register as string[])[0] ?? ''),
  strasse: (anfrage, register) => matchesStrasse(anfrage, register),
  hausnummer: (anfrage, register) => matchesHausnummer(parts(anfrage), parts(register)),
  'geburtsdatum(TTMMJJJJ)': (anfrage, register) => anfrage === register,
}

t.test('the vectors of the annex to the BMeldDAV', async (t) => {
  t.equal(vektoren.length, 75)
  for (const { regel, register, anfrage, treffer } of vektoren) {
    const said = RULES[regel]?.(anfrage, register)
    t.equal(said, treffer, `${regel}: ${JSON.stringify(anfrage)} against ${JSON.stringify(register)}`)
  }
})

t.test('names of the catalogue of edge cases', async (t) => {
  t.ok(matchesFamilienname('O’Brien', ["O'Brien"]), 'apostrophes are one in search form')
  t.ok(matchesFamilienname('+', ['+']))
  t.notOk(matchesFamilienname('+', ['Suharto']))
  t.notOk(matchesFamilienname('-', ['-']), 'nothing given matches nothing')
  t.notOk(matchesVornamen('Arthur', '+'))
  t.notOk(matchesVornamen('Jochen Graf', 'Jochen Dreier'))
})

t.test('phonetic comparison is phonetic only', async (t) => {
  t.ok(matchesFamilienname('Maier', ['Meyer'], spoken))
  t.notOk(matchesFamilienname('Maier', ['Meyer']))
  t.ok(matchesVornamen('Stefan', 'Stephan Karl', spoken))
})

t.test('an address agrees in every part that is given', async (t) => {
  const home = {
    gemeindeschluessel: '05774032',
    postleitzahl: '33098',
    ort: 'Paderborn',
    strasse: 'Am Bischofsteich',
    hausnummer: { nummer: '17', zusatz: 'b' },
  }
  t.ok(matchesAnschrift({ ...home, hausnummer: { nummer: '17' } }, home))
  t.ok(matchesAnschrift({ ...home, hausnummer: { nummer: '17', zusatz: 'B' } }, home))
  t.notOk(matchesAnschrift({ ...home, hausnummer: { nummer: '17', zusatz: 'a' } }, home))
  t.notOk(matchesAnschrift({ ...home, postleitzahl: '33100' }, home))
  t.notOk(matchesAnschrift({ ...home, gemeindeschluessel: '05774020' }, home))
})
