/** The texts of `errors.ts` in German, row by row, for the pages that `help` points to. */

import type { FaultCode } from './errors.ts'

interface GermanFault {
  readonly message: string
  readonly help: string
}

/** The type asks for a row for every code. */
export const GERMAN_FAULTS: Readonly<Record<FaultCode, GermanFault>> = {
  BadRequest: {
    message: 'Die Anfrage folgt nicht dem Nachrichtenprotokoll.',
    help: 'Vergleichen Sie die Anfrage mit der README, Abschnitt „The request“: Adresse, X-Road-Client, OWL-Purpose, Größen.',
  },

  UnknownMember: {
    message: 'Die Behörde oder ihr Teilsystem ist nicht eingetragen, oder nicht an diesem Gateway.',
    help: 'Prüfen Sie die Schreibweise der Kennung mit GET /listClients. Fehlt der Eintrag, lassen Sie ihn von der federführenden Kommune anlegen.',
  },
  UnknownService: {
    message: 'Die angefragte Stelle hat keinen solchen Dienst.',
    help: 'Fragen Sie mit GET /r1/…/listMethods, welche Dienste das Teilsystem hat.',
  },
  ServiceDisabled: {
    message: 'Der Dienst ist von der Stelle, die ihn anbietet, abgeschaltet.',
    help: 'Lesen Sie den Hinweis in der Meldung und versuchen Sie es danach noch einmal.',
  },
  InvalidSecurityServer: {
    message: 'Das genannte Gateway bedient die angefragte Stelle nicht.',
    help: 'Lassen Sie X-Road-Security-Server weg, oder nennen Sie ein Gateway, das für die Stelle eingetragen ist.',
  },
  ServiceType: {
    message: 'Der Dienst ist von anderer Art.',
    help: 'Fragen Sie getOpenAPI nur nach Diensten der Art OPENAPI.',
  },

  AccessDenied: {
    message: 'Keine Vereinbarung erlaubt Ihrem Fachverfahren, diesen Dienst so aufzurufen.',
    help: 'Bitten Sie die angefragte Stelle um eine Vereinbarung über Teilsystem, Methode und Pfad. Was es schon gibt, sagt allowedMethods.',
  },
  PurposeNotAllowed: {
    message: 'Die Vereinbarung erlaubt diesen Zweck nicht.',
    help: 'Nennen Sie in OWL-Purpose einen Zweck, den die Vereinbarung für diesen Aufruf vorsieht.',
  },
  IdentifierNotAllowed: {
    message: 'Die Nachricht enthält eine Identifikationsnummer (IDNr), die ihre Vereinbarung nicht erlaubt.',
    help: 'Lassen Sie die Nummer weg. Erlaubt ein Gesetz sie in diesem Austausch, lassen Sie das von der federführenden Kommune eintragen: owl registry agreement add … --allow-idnr.',
  },
  SslAuthenticationFailed: {
    message: 'Das TLS-Zertifikat weist die Stelle nicht aus.',
    help: 'Verwenden Sie ein Zertifikat, das für das Teilsystem (Fachverfahren) oder das Gateway eingetragen ist. Prüfen Sie, ob es abgelaufen oder gesperrt ist.',
  },

  OutdatedGlobalConf: {
    message: 'Die gemeinsame Konfiguration der Region ist zu alt, um danach zu entscheiden.',
    help: 'Der Betrieb prüft, ob das Gateway das Register der Region erreicht; es fragt von selbst wieder nach.',
  },
  CertValidation: {
    message: 'Ob ein Zertifikat gesperrt ist, ist unbekannt, oder die Auskunft ist zu alt.',
    help: 'Der Betrieb prüft, ob das Gateway OCSP-Dienst oder Sperrliste erreicht; es fragt von selbst wieder nach.',
  },
  IncorrectCertificate: {
    message: 'Das Zertifikat eines Siegels ist gesperrt oder entspricht nicht seinem Profil.',
    help: 'Die Stelle, die unterschrieben hat, muss es ersetzen lassen (Profil: gateway/trust/README.md) und das neue eintragen.',
  },

  MissingSignature: {
    message: 'Die Nachricht ist nicht unterschrieben.',
    help: 'Nachrichten zwischen Gateways tragen OWL-Signature. Der Betrieb prüft, ob etwas dazwischen Kopfzeilen entfernt.',
  },
  'SignatureVerification.MalformedSignature': {
    message: 'Die Unterschrift hat nicht die vereinbarte Form.',
    help: 'Auf beiden Gateways muss eine Version laufen, die JAdES B-B nach dem Protokoll schreibt.',
  },
  'SignatureVerification.InvalidSignatureValue': {
    message: 'Die Unterschrift stimmt nicht.',
    help: 'Die Nachricht wurde unterwegs verändert oder mit einem anderen Schlüssel unterschrieben. Der Betrieb sieht in beiden Protokollen nach.',
  },
  'SignatureVerification.InvalidReference': {
    message: 'Unterschrieben ist etwas anderes als das, was angekommen ist.',
    help: 'Die Nachricht wurde unterwegs verändert. Der Betrieb sieht in beiden Protokollen nach.',
  },
  'SignatureVerification.UnknownCertificate': {
    message: 'Das Zertifikat der Unterschrift ist für die Behörde nicht eingetragen.',
    help: 'Lassen Sie das Zertifikat des Siegels von der federführenden Kommune eintragen, oder warten Sie, bis das Gateway den Eintrag gelesen hat.',
  },
  InvalidMessage: {
    message: 'Die Nachricht zwischen den Gateways ist fehlerhaft.',
    help: 'Auf beiden Gateways müssen Versionen laufen, die zueinander passen. Der Betrieb prüft, ob etwas dazwischen Inhalte verändert.',
  },
  InconsistentResponse: {
    message: 'Die Antwort gehört nicht zu dieser Anfrage.',
    help: 'Der Betrieb sieht in den Protokollen beider Seiten nach: Das andere Gateway hat auf etwas anderes geantwortet.',
  },
  StaleMessage: {
    message: 'Die Nachricht ist zu alt oder kommt aus der Zukunft.',
    help: 'Der Betrieb prüft die Uhren beider Gateways: Sie dürfen höchstens 60 Sekunden auseinander liegen.',
  },
  ReplayedMessage: {
    message: 'Eine Nachricht mit dieser Anfragenummer wurde schon angenommen.',
    help: 'Senden Sie eine neue Anfrage; eine Anfragenummer gilt einmal.',
  },
  WrongAudience: {
    message: 'Die Nachricht ist an ein anderes Gateway gerichtet.',
    help: 'Der Betrieb prüft die Adresse des anderen Gateways in der gemeinsamen Konfiguration.',
  },

  MissingBody: {
    message: 'Die Nachricht endet vor ihrem Inhalt.',
    help: 'Die Verbindung ist abgebrochen; versuchen Sie es noch einmal.',
  },
  InvalidBody: {
    message: 'Der Inhalt entspricht nicht seinem Schema.',
    help: 'Meldung und pointers nennen die Stellen als JSON-Pointer. Vergleichen Sie sie mit dem Schema, z. B. aus getOpenAPI.',
  },
  InvalidContentType: {
    message: 'Inhaltstyp oder Kodierung sind nicht die des Schemas.',
    help: 'Senden Sie application/json in UTF-8 ohne Content-Encoding.',
  },
  'ServiceFailed.NetworkError': {
    message: 'Das Fachverfahren der angefragten Stelle war nicht erreichbar oder hat abgebrochen.',
    help: 'Die angefragte Stelle prüft Adresse und Zustand ihres Fachverfahrens. Sagt die Meldung nicht, dass nichts zugestellt wurde, ist unbekannt, was es mit der Anfrage getan hat.',
  },
  'ServiceFailed.SslAuthenticationFailed': {
    message: 'Das TLS-Zertifikat des Fachverfahrens der angefragten Stelle gilt nicht, oder sein TLS ist zu schwach.',
    help: 'Die angefragte Stelle prüft Zertifikat und TLS ihres Fachverfahrens und services[].ca.',
  },
  'ServiceFailed.TimedOut': {
    message: 'Das Fachverfahren der angefragten Stelle hat nicht rechtzeitig geantwortet.',
    help: 'Die angefragte Stelle prüft ihr Fachverfahren; was es mit der Anfrage getan hat, ist unbekannt.',
  },
  'ServiceFailed.InvalidBody': {
    message: 'Die Antwort des Fachverfahrens der angefragten Stelle entspricht nicht ihrem Schema.',
    help: 'Die angefragte Stelle muss ihren Adapter oder ihr Fachverfahren in Ordnung bringen.',
  },
  'ServiceFailed.InvalidContentType': {
    message: 'Die Antwort des Fachverfahrens der angefragten Stelle hat einen anderen Inhaltstyp als ihr Schema.',
    help: 'Die angefragte Stelle muss ihren Adapter oder ihr Fachverfahren in Ordnung bringen.',
  },
  'ServiceFailed.IdentifierNotAllowed': {
    message:
      'Die Antwort des Fachverfahrens der angefragten Stelle enthält eine Identifikationsnummer (IDNr), die ihre Vereinbarung nicht erlaubt.',
    help: 'Die angefragte Stelle muss die Nummer weglassen oder eintragen lassen, dass ein Gesetz sie erlaubt.',
  },
  'ServiceFailed.TooLarge': {
    message: 'Die Antwort des Fachverfahrens der angefragten Stelle ist größer als erlaubt.',
    help: 'Die angefragte Stelle erhöht services[].bodyBytesMax, oder Sie fragen nach weniger. Den Kopf einer Antwort begrenzt limits.headBytesMax.',
  },
  'ServiceFailed.InvalidResponse': {
    message: 'Die Antwort des Fachverfahrens der angefragten Stelle ist kein gültiges HTTP.',
    help: 'Die angefragte Stelle muss ihr Fachverfahren in Ordnung bringen.',
  },
  'ServiceFailed.InternalError': {
    message: 'Der Adapter der angefragten Stelle hat versagt.',
    help: 'Die angefragte Stelle findet den Grund unter der Anfragenummer im Betriebsprotokoll ihres Gateways.',
  },
  ServiceMissingUrl: {
    message: 'Der Dienst ist eingetragen, aber das Gateway hat weder Adresse noch Adapter dafür.',
    help: 'Die angefragte Stelle muss den Dienst in services[] der Konfiguration ihres Gateways aufnehmen.',
  },

  RefusedUnsigned: {
    message: 'Das andere Gateway hat abgelehnt, ohne zu unterschreiben.',
    help: 'Es konnte nicht erkennen, wer fragt. Der Betrieb sieht unter der Anfragenummer in dessen Betriebsprotokoll nach; der genannte Fehler steht in type und message.',
  },
  ReplyTooLarge: {
    message: 'Die Antwort ist größer, als dieses Gateway annimmt.',
    help: 'Der Betrieb kann limits.bodyBytesMax erhöhen. Die angefragte Stelle hat die Anfrage ausgeführt.',
  },
  NetworkError: {
    message: 'Das andere Gateway war nicht erreichbar.',
    help: 'Der Betrieb prüft Adresse, Firewall und Zustand des anderen Gateways. Es wurde nichts zugestellt.',
  },
  OutcomeUnknown: {
    message: 'Der Austausch ist abgebrochen, nachdem die Anfrage gesendet war.',
    help: 'Ob die angefragte Stelle gehandelt hat, ist unbekannt: Fragen Sie nach, oder senden Sie die Anfrage nur dann erneut, wenn eine Wiederholung nichts ändert.',
  },
  TooManyRequests: {
    message: 'Zu viele Anfragen sind unterwegs oder werden abgelehnt.',
    help: 'Warten Sie, und senden Sie dann weniger auf einmal.',
  },

  CannotCreateSignature: {
    message: 'Das Gateway kann nicht unterschreiben.',
    help: 'Der Betrieb prüft Schlüssel und Zertifikat des Siegels.',
  },
  LoggingFailed: {
    message: 'Das Nachrichtenprotokoll kann nicht geschrieben werden; darum wurde nichts weitergegeben.',
    help: 'Der Betrieb schafft Platz auf der Platte; danach arbeitet das Gateway von selbst weiter. Ist das Protokoll geschlossen (siehe /readyz), bringt der Betrieb es in Ordnung und startet das Gateway neu.',
  },
  TimestampingFailed: {
    message: 'Das Nachrichtenprotokoll hat länger als erlaubt keinen Zeitstempel bekommen.',
    help: 'Der Betrieb prüft den Zeitstempeldienst; danach arbeitet das Gateway von selbst weiter.',
  },
  ArchiveUnavailable: {
    message: 'Eine Archivdatei des Nachrichtenprotokolls fehlt oder ist beschädigt.',
    help: 'Legen Sie die Datei zurück, wohin log.archive zeigt; owl log archive list nennt sie. Andere Einträge sind nicht betroffen.',
  },
  InternalError: {
    message: 'Das Gateway hat versagt.',
    help: 'Der Betrieb findet den Grund unter der Anfragenummer im Betriebsprotokoll des Gateways.',
  },
}
