/**
 * Stand-in for Kreis Paderborn's vehicle register: owns a SQL database, in which others put notices that it works off.
 *
 * `GET /control/mitteilungen` shows how many notices there are in which state, without personal data.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { matchesFamilienname, matchesVornamen } from '../../matching/rules.ts'
import type { Simulator, SimulatorArguments } from '../../simulation.ts'
import { readFixtures, runSimulator } from '../../simulation.ts'
import { transaction } from '../../sql.ts'
import { KREIS } from '../agency.ts'

type Row = Readonly<Record<string, string | number | null>>

interface Fixtures {
  readonly halter: readonly Row[]
  readonly fahrzeug: readonly Row[]
}

const EVERY_MS = 100

function open(given: SimulatorArguments): Simulator {
  const file = join(given.dir, 'fahrzeugregister.sqlite')
  const database = new DatabaseSync(file, { timeout: 1_000 })
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(readFileSync(join(import.meta.dirname, 'tables.sql'), 'utf8'))
  fill(database, readFixtures<Fixtures>(given, import.meta.dirname, 'fahrzeuge.json'))

  const timer = setInterval(() => work(database), EVERY_MS)
  return {
    ready: { database: file },
    answer({ route }) {
      if (route !== 'GET /control/mitteilungen') return { status: 404, body: {} }
      const states = database.prepare('SELECT schluessel, ergebnis FROM umzugsmitteilung ORDER BY rowid').all()
      return { status: 200, body: states }
    },
    close() {
      clearInterval(timer)
      database.close()
    },
  }
}

function fill(database: DatabaseSync, fixtures: Fixtures): void {
  for (const [table, rows] of Object.entries(fixtures)) {
    for (const row of rows as readonly Row[]) {
      const columns = Object.keys(row)
      const values = columns.map((name) => `:${name}`).join(', ')
      database.prepare(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${values})`).run(row)
    }
  }
}

/** Decides every notice that has no result yet, each in a transaction of its own. */
function work(database: DatabaseSync): void {
  try {
    for (const notice of database.prepare('SELECT * FROM umzugsmitteilung WHERE ergebnis IS NULL').all()) {
      transaction(database, () => {
        const ergebnis = decide(database, notice as Row)
        database
          .prepare('UPDATE umzugsmitteilung SET ergebnis = ? WHERE schluessel = ?')
          .run(ergebnis, notice['schluessel'] ?? '')
      })
    }
  } catch (error) {
    // Somebody else is writing: the next round comes soon.
    if ((error as { errcode?: number }).errcode !== 5) throw error
  }
}

function decide(database: DatabaseSync, notice: Row): string {
  const vehicles = database
    .prepare(
      'SELECT v.* FROM v_fahrzeug_halter v JOIN umzugsmitteilung_kennzeichen k USING (kennzeichen) WHERE k.schluessel = ?',
    )
    .all(notice['schluessel'] ?? '') as Row[]
  if (vehicles.length === 0) return 'kennzeichenUnbekannt'
  if (!vehicles.every((vehicle) => isHolder(notice, vehicle))) return 'halterAbweichend'
  if (!String(notice['gemeindeschluessel']).startsWith(KREIS)) return 'nichtZustaendig'
  const address = ['gemeindeschluessel', 'plz', 'ort', 'strasse', 'hausnummer'].map((column) => [
    column,
    notice[column],
  ])
  if (vehicles.every((vehicle) => address.every(([column = '', value]) => vehicle[column ?? ''] === value)))
    return 'erledigt'

  // The registration certificate has to be changed with it.
  if (notice['zb1_vorgelegt'] === 0) return 'vorspracheErforderlich'
  for (const { halter_nr } of vehicles) {
    database
      .prepare(
        'UPDATE halter SET gemeindeschluessel = :gemeindeschluessel, plz = :plz, ort = :ort, strasse = :strasse, hausnummer = :hausnummer WHERE halter_nr = :halter_nr',
      )
      .run({ ...(Object.fromEntries(address) as Row), halter_nr: halter_nr ?? null })
  }
  return 'haltereintragGeaendert'
}

function isHolder(notice: Row, vehicle: Row): boolean {
  return (
    matchesFamilienname(String(notice['familienname']), [String(vehicle['familienname'])]) &&
    matchesVornamen(String(notice['vornamen']), String(vehicle['vornamen'])) &&
    notice['geburtsdatum'] === vehicle['geburtsdatum']
  )
}

await runSimulator(open)
