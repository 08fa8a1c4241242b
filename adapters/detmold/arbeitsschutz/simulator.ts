/**
 * Stand-in for Detmold's occupational safety procedure: owns a SQL database, in which trade notices arrive.
 *
 * `GET /control/anzeigen` shows how many there are and which field numbers each has, without their content.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Simulator, SimulatorArguments } from '../../simulation.ts'
import { runSimulator } from '../../simulation.ts'

function open(given: SimulatorArguments): Simulator {
  const file = join(given.dir, 'arbeitsschutz.sqlite')
  const database = new DatabaseSync(file, { timeout: 1_000 })
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(readFileSync(join(import.meta.dirname, 'tables.sql'), 'utf8'))
  return {
    ready: { database: file },
    answer({ route }) {
      if (route !== 'GET /control/anzeigen') return { status: 404, body: {} }
      const rows = database
        .prepare(
          'SELECT schluessel, a.art, absender, json_group_array(DISTINCT feld) AS felder FROM gewerbeanzeige a JOIN gewerbeanzeige_feld USING (schluessel) GROUP BY schluessel ORDER BY a.rowid',
        )
        .all()
      return { status: 200, body: rows.map((row) => ({ ...row, felder: JSON.parse(String(row['felder'])) })) }
    },
    close: () => database.close(),
  }
}

await runSimulator(open)
