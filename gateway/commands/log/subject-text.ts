/** An answer to Art. 15 (1) DSGVO as people read it, German and English side by side. */

import type { Named, SubjectExchange, SubjectReport } from '../../admin/subject/report.ts'
import type { Terminal } from '../terminal.ts'
import { plain } from '../terminal.ts'

const OUTCOMES: Readonly<Record<string, string>> = {
  reply: 'beantwortet / answered',
  refusal: 'abgelehnt / refused',
  failure: 'gescheitert / failed',
  'in-doubt': 'Ausgang unbekannt / outcome unknown',
  open: 'läuft / under way',
}
const DIRECTIONS = {
  asked: 'von hier angefragt / asked from here',
  answered: 'von hier beantwortet / answered from here',
} as const
const NAMED_IN = { request: 'Anfrage / request', reply: 'Antwort / reply' } as const

export function showSubject(terminal: Terminal, { log, madeAt, exchanges, isComplete }: SubjectReport): void {
  terminal.out(terminal.style('bold', 'Auskunft nach Art. 15 DSGVO / Information under Art. 15 GDPR'))
  terminal.fields([
    ['Protokoll / log', log],
    ['Stand / as of', timeOf(madeAt)],
    ['Vorgänge / exchanges', `${exchanges.length}${isComplete ? '' : ' (es gibt mehr / there are more)'}`],
  ])
  for (const exchange of exchanges) {
    terminal.out('')
    terminal.out(terminal.style('bold', plain(`${timeOf(exchange.at)}  ${exchange.requestId}`)))
    terminal.fields(fieldsOf(exchange))
  }
  if (exchanges.length > 0) {
    terminal.say('\nInhalte / contents: owl log show SEQ --part body; Nachweise / evidence: owl evidence export')
  }
}

function fieldsOf(exchange: SubjectExchange): [string, string][] {
  const { client, provider, service, purpose, direction, namedIn, outcome, code, records } = exchange
  const { title, legalBasis, dataCategories = [] } = purpose ?? {}
  return [
    ['Anfragende Stelle / asked by', nameOf(client)],
    ['Auskunft gebende Stelle / answered by', nameOf(provider)],
    ['Dienst / service', nameOf(service)],
    ['Zweck / purpose', purpose === null ? 'keiner / none' : `${title ?? ''} (${purpose.code})`.trim()],
    ...(legalBasis === undefined ? [] : [['Rechtsgrundlage / legal basis', legalBasis] as [string, string]]),
    ...(dataCategories.length === 0
      ? []
      : [['Datenarten / data categories', dataCategories.join(', ')] as [string, string]]),
    ['Richtung / direction', DIRECTIONS[direction]],
    ['Genannt in / named in', namedIn.map((part) => NAMED_IN[part]).join(', ')],
    ['Ergebnis / outcome', [OUTCOMES[outcome] ?? outcome, code].filter((part) => part !== undefined).join(': ')],
    ['Aufbewahrung / kept', keptOf(exchange)],
    ['Einträge / records', records.join(', ')],
  ]
}

function keptOf({ contentsUntil, recordsUntil, contentsErased }: SubjectExchange): string {
  const contents = contentsErased ? 'gelöscht / erased' : `bis / until ${contentsUntil ?? '?'}`
  return `Inhalt / contents ${contents}; Eintrag / record bis / until ${recordsUntil ?? '?'}`
}

function nameOf({ id, name }: Named): string {
  return name === undefined ? id : `${name} (${id})`
}

function timeOf(at: string): string {
  return `${at.slice(0, 19).replace('T', ' ')} UTC`
}
