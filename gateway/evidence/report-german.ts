/** The report on an exchange in German, as an agency writes. */

import { GERMAN_FAULTS } from './report-faults.ts'
import type { ReportTexts } from './report-texts.ts'

export const GERMAN: ReportTexts = {
  language: 'de',
  name: 'Deutsch',
  title: 'Nachweis über einen Datenaustausch',
  about:
    'Diese Übersicht fasst zusammen, was im Nachrichtenprotokoll zu einem Vorgang aufgezeichnet ist. Beweiskraft haben ' +
    'allein die beigefügten Nachweisdateien (ASiC-E).',
  headings: {
    parties: 'Beteiligte, Zweck und Rechtsgrundlage',
    outcome: 'Ergebnis',
    times: 'Zeitlicher Ablauf',
    checks: 'Durchgeführte Prüfungen',
    files: 'Beigefügte Nachweisdateien',
    verification: 'Anleitung zur eigenen Prüfung',
    notes: 'Hinweise',
  },
  labels: {
    client: 'Anfragende Stelle',
    provider: 'Angefragte Stelle',
    service: 'Dienst',
    call: 'Aufruf',
    purpose: 'Zweck',
    legalBasis: 'Rechtsgrundlage',
    issue: 'Aktenzeichen',
    userId: 'Kennung der bearbeitenden Person',
    requestId: 'Vorgangskennung',
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
    proven: 'Nachgewiesen spätestens (Zeitstempel)',
    gap: 'Abstand',
    authority: 'Zeitstempeldienst',
    file: 'Datei',
    object: 'Bestandteil',
    digest: 'SHA-256',
    state: 'Zustand',
    signer: 'Siegelzertifikat (SHA-256)',
    revocation: 'Sperrauskunft zum Siegel',
    connection: 'Verbindung',
    stages: 'Bestandene Prüfstufen',
  },
  states: { kept: 'enthalten', absent: 'nicht enthalten, nur durch Prüfsumme bekannt', erased: 'gelöscht' },
  unknown: 'nicht aufgezeichnet',
  none: 'keine',
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
    'in-doubt': 'Ausgang ungewiss, vom eigenen Gateway festgestellt',
  },
  outcomes: {
    reply: 'Die Anfrage wurde beantwortet.',
    refusal: 'Die Anfrage wurde abgelehnt.',
    failure: 'Der Austausch ist fehlgeschlagen.',
    'in-doubt':
      'Der Ausgang ist ungewiss: Nach der Aufzeichnung der Anfrage wurde kein Ergebnis festgehalten. Ob die Anfrage ' +
      'bearbeitet wurde, ist bei der angefragten Stelle zu klären.',
    open: 'Zu dieser Anfrage ist noch kein Ergebnis aufgezeichnet.',
    erased: 'Das Ergebnis ist gelöscht.',
  },
  stages: {
    received: 'Die Nachricht liegt vollständig vor; ihre Prüfsumme ist gebildet und, wo ein Schema gilt, eingehalten.',
    admitted: 'Das Fachverfahren darf für die anfragende Stelle handeln.',
    located: 'Das Gateway der angefragten Stelle ist bekannt; der Zweck steht fest.',
    sealed: 'Die Nachricht ist mit dem Siegel der Behörde versehen; das Siegelzertifikat ist nicht gesperrt.',
    recorded: 'Die Anfrage ist dauerhaft aufgezeichnet, bevor sie weitergegeben wird.',
    sent: 'Das registrierte Gateway der Gegenseite hat geantwortet.',
    opened: 'Kopf und Signatur haben die vereinbarte Form.',
    attested: 'Die Verbindung gehört zu einem Gateway, das für die anfragende Stelle registriert ist.',
    verified:
      'Das Siegel ist echt, gehört der genannten Stelle, ist nicht gesperrt und gilt für genau diese Nachricht.',
    fresh: 'Die Nachricht ist an diese Stelle gerichtet, aktuell und wurde nicht wiederholt.',
    permitted: 'Eine Vereinbarung erlaubt Stelle, Dienst, Aufruf und Zweck.',
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
    '(RFC 3161) beweist, dass die Nachricht spätestens zu diesem Zeitpunkt so vorlag. Der Abstand ist die Zeit, die ' +
    'dazwischen liegt.',
  checksNote:
    'Die Prüfstufen hat das aufzeichnende Gateway vor der Aufzeichnung durchlaufen. Ihre Grundlagen sind Teil der ' +
    'Datei log-record.json und damit vom Zeitstempel erfasst.',
  filesNote:
    'Je Nachricht ist eine Datei beigefügt. Sie enthält Kopf und Inhalt der Nachricht, die Signatur des Absenders, den ' +
    'Protokolleintrag und den Beweissatz (RFC 4998).',
  steps: {
    owl: 'Alle Prüfungen in einem Schritt, ohne Netz und ohne Zugriff auf ein Gateway:',
    record: 'Der Beweissatz allein, mit einem unabhängigen Prüfprogramm und OpenSSL:',
    seal: 'Das Siegel über die Datei, sofern sie damit ausgegeben wurde (META-INF/signature001.p7s):',
    signature: 'Die Prüfsummen der Bestandteile, wie sie die Signatur des Absenders nennt:',
    anchors:
      'ca.pem enthält die Wurzelzertifikate, denen Sie vertrauen: des Zeitstempeldienstes und der Zertifizierungsstelle. ' +
      'Beziehen Sie sie auf einem eigenen Weg, nicht aus dieser Datei. er_verify.py liegt der Software bei (test/tools).',
  },
  notes: [
    'Diese Übersicht ist nicht signiert und ersetzt keine der Nachweisdateien.',
    'Gelöschte Inhalte sind nur noch durch ihre Prüfsumme bekannt. Signatur und Beweissatz bleiben prüfbar.',
    'Die Nachweisdateien können personenbezogene Daten enthalten. Für Weitergabe und Aufbewahrung gelten Zweck und Rechtsgrundlage.',
  ],
}
