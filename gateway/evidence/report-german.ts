/** The report on an exchange in German, as an agency writes. */

import { GERMAN_FAULTS } from './report-faults.ts'
import type { ReportTexts } from './report-texts.ts'

export const GERMAN: ReportTexts = {
  language: 'de',
  name: 'Deutsch',
  title: 'Nachweis über einen Datenaustausch',
  about:
    'Diese Übersicht fasst zusammen, was im Nachrichtenprotokoll zu einem Vorgang aufgezeichnet ist. Maßgeblich sind ' +
    'allein die beigefügten Nachweisdateien (ASiC-E).',
  headings: {
    parties: 'Beteiligte, Zweck und Rechtsgrundlage',
    outcome: 'Ergebnis',
    times: 'Zeitlicher Ablauf',
    checks: 'Durchgeführte Prüfungen',
    proof: 'Beweiswert und Gültigkeit',
    protection: 'Datenschutz: Aufbewahrung und Löschung',
    files: 'Beigefügte Nachweisdateien',
    verification: 'Anleitung zur eigenen Prüfung',
    notes: 'Hinweise',
  },
  labels: {
    client: 'Anfragende Stelle',
    provider: 'Angefragte Stelle',
    service: 'Dienst',
    call: 'Aufruf',
    purpose: 'Angegebener Zweck',
    legalBasis: 'Rechtsgrundlage dieses Zwecks',
    issue: 'Aktenzeichen',
    userId: 'Kennung der bearbeitenden Person',
    requestId: 'Vorgangskennung',
    keeper: 'Aufzeichnende Stelle',
    log: 'Nachrichtenprotokoll',
    madeAt: 'Übersicht erstellt',
    configuration: 'Globale Konfiguration',
    agreement: 'Vereinbarung',
    reason: 'Grund',
    code: 'Fehlercode',
    stage: 'Zuletzt bestandene Prüfstufe',
    message: 'Nachricht',
    claimed: 'Angegebene Zeit (Absender)',
    recorded: 'Aufgezeichnet',
    proven: 'Spätestens nachgewiesen (Zeitstempel)',
    gap: 'Abstand',
    authority: 'Zeitstempeldienst',
    file: 'Datei',
    object: 'Bestandteil',
    digest: 'SHA-256',
    state: 'Zustand',
    signer: 'Siegelzertifikat (SHA-256)',
    revocation: 'Sperrauskunft zum Siegel',
    connection: 'Verbindung (TLS)',
    stages: 'Bestandene Prüfstufen',
  },
  states: { kept: 'enthalten', absent: 'nicht enthalten, nur durch Prüfsumme bekannt', erased: 'gelöscht' },
  ownDigest: 'vom Zeitstempel gesichert',
  record: 'Eintrag',
  erasedNote: 'Der Eintrag ist gelöscht. Erhalten ist nur sein Hashwert in der Kette des Nachrichtenprotokolls.',
  erasedAt: 'Gelöscht am',
  erasedBy: { retention: 'weil die Aufbewahrungsfrist ablief', order: 'weil der Betreiber es anordnete' },
  unknown: 'nicht aufgezeichnet',
  none: 'keine',
  noPurpose: 'Es wurde kein Zweck angegeben.',
  unstamped: 'noch kein Zeitstempel',
  messages: {
    'request out': 'Anfrage, gesendet',
    'request in': 'Anfrage, empfangen',
    'reply out': 'Antwort, gesendet',
    'reply in': 'Antwort, empfangen',
    'refusal out': 'Ablehnung, gesendet',
    'refusal in': 'Ablehnung, empfangen',
    'failure out': 'Fehlschlag, vom eigenen Gateway festgestellt',
    'failure in': 'Fehlschlag, empfangen',
    erased: 'Gelöschter Eintrag',
    'in-doubt': 'Ausgang ungewiss, vom eigenen Gateway festgestellt',
  },
  outcomes: {
    reply: 'Die Anfrage wurde beantwortet.',
    refusal: 'Die Anfrage wurde abgelehnt.',
    failure: 'Der Austausch ist fehlgeschlagen.',
    'in-doubt':
      'Der Ausgang ist ungewiss: Nach der Aufzeichnung der Anfrage wurde kein Ergebnis festgehalten. Ob die Anfrage ' +
      'bearbeitet wurde, ist bei der angefragten Stelle zu klären.',
    open: 'Die beigefügten Nachweisdateien enthalten kein Ergebnis dieser Anfrage.',
    erased: 'Das Ergebnis ist gelöscht.',
  },
  stages: {
    received:
      'Die Nachricht liegt vollständig vor, und ihre Prüfsumme ist gebildet. Gilt für sie ein Schema, so entspricht sie ihm.',
    admitted: 'Das Fachverfahren darf für die anfragende Stelle handeln.',
    located: 'Das Gateway der angefragten Stelle ist bekannt; der Zweck steht fest.',
    sealed: 'Die Nachricht ist mit dem Siegel der Behörde versehen; das Siegelzertifikat ist nicht gesperrt.',
    recorded: 'Die Anfrage ist dauerhaft aufgezeichnet, bevor sie weitergegeben wird.',
    sent: 'Das registrierte Gateway der Gegenseite hat geantwortet.',
    opened: 'Kopf und Signatur haben die vereinbarte Form.',
    attested: 'Die Verbindung gehört zu einem Gateway, das für die anfragende Stelle registriert ist.',
    verified:
      'Das Siegel ist echt, gehört der genannten Stelle, ist nicht gesperrt und gilt für genau diese Nachricht.',
    fresh: 'Die Nachricht ist an diese Stelle gerichtet, aktuell und keine Wiederholung.',
    permitted: 'Eine Vereinbarung erlaubt der anfragenden Stelle diesen Aufruf des Dienstes zu diesem Zweck.',
    delivered: 'Das Fachverfahren der angefragten Stelle hat geantwortet.',
    concluded: 'Das Ergebnis ist dauerhaft aufgezeichnet.',
  },
  faults: GERMAN_FAULTS,
  statuses: {
    good: 'nicht gesperrt',
    revoked: 'gesperrt',
    stale: 'nicht gesperrt, Auskunft veraltet',
    unknown: 'Status unbekannt',
  },
  revocation: (status, source, thisUpdate) => `${status} laut ${source} vom ${thisUpdate}`,
  seconds: (text) => `${text} s`,
  timesNote:
    'Die angegebene Zeit stammt vom Absender der Nachricht. Der Zeitstempel eines registrierten Zeitstempeldienstes ' +
    '(RFC 3161) belegt, dass die Nachricht spätestens zu diesem Zeitpunkt so vorlag. Der Abstand ist die Zeit, die ' +
    'dazwischen liegt.',
  checksNote:
    'Das aufzeichnende Gateway hat die genannten Prüfstufen durchlaufen, bevor es die Nachricht aufgezeichnet hat. ' +
    'Worauf die Prüfungen beruhen, steht in der Datei log-record.json und ist damit vom Zeitstempel erfasst.',
  filesNote:
    'Je Nachricht ist eine Datei beigefügt. Sie enthält Kopf und Inhalt der Nachricht, die Signatur des Absenders, den ' +
    'Protokolleintrag und den Beweisdatensatz (Evidence Record, RFC 4998).',
  steps: {
    owl: 'Mit der Software owl-gateway lassen sich alle Prüfungen in einem Schritt ausführen, ohne Netzzugang und ohne Zugriff auf ein Gateway:',
    single:
      'Einzelne Prüfungen sind auch ohne diese Software möglich. Die folgenden Befehle prüfen die erste Nachweisdatei; ' +
      'für die übrigen gelten sie entsprechend. Die Dateien ca.pem und er_verify.py liegen dabei neben den Nachweisdateien.',
    record: 'Den Beweisdatensatz prüfen ein unabhängiges Programm (er_verify.py) und OpenSSL:',
    seal: 'Wurde die Datei mit einem Siegel ausgegeben (META-INF/signature001.p7s), so prüft OpenSSL Siegel und Archivzeitstempel:',
    signature:
      'Die Signatur des Absenders (signature.jades.json) nennt die Prüfsummen der Bestandteile. Dieser Befehl bildet sie zum Vergleich:',
    anchors:
      'Die Datei ca.pem enthält die Zertifikate der Zertifizierungsstellen, denen Sie vertrauen: für die Siegel der ' +
      'Behörden und für den Zeitstempeldienst. Beziehen Sie diese Zertifikate auf einem eigenen Weg und nicht zusammen mit ' +
      'den Nachweisdateien. Das Programm er_verify.py liegt der Software bei (test/tools).',
  },
  notes: [
    'Wann diese Übersicht erstellt wurde und was gelöscht ist, gibt die aufzeichnende Stelle an (report.json). Nachgewiesen ist das nicht.',
    'Diese Übersicht ist nicht signiert und ersetzt keine der Nachweisdateien.',
    'Gelöschte Inhalte sind nur noch durch ihre Prüfsumme bekannt. Signatur und Beweisdatensatz bleiben prüfbar.',
    'Die Nachweisdateien können personenbezogene Daten enthalten. Bei Weitergabe und Aufbewahrung sind Zweck und Rechtsgrundlage der Übermittlung zu beachten.',
  ],
}
