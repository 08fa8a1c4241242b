/** Which element of Paderborn's register is which field of the shared schema; its dates are TTMMJJJJ. */

import type { Codec, FieldMap, FieldRow } from '../../field-map.ts'
import { codeOf, listOf, recordOf } from '../../field-map.ts'
import { fromTtmmjjjj, toTtmmjjjj } from '../../matching/datum.ts'

/** What is no date in the register's form is passed on as it is: the schema refuses it. */
const DATUM: Codec = {
  fromLocal: (value) => (/^[0-9]{8}$/.test(String(value)) ? fromTtmmjjjj(String(value)) : value),
  toLocal: (value) => toTtmmjjjj(String(value)),
}

/** Anything but a clear no counts as yes where it protects: a value unknown here stays as it is, which is not false. */
const JA: Codec = {
  fromLocal: (value) => (value === 'J' ? true : value === 'N' ? false : value),
  toLocal: (value) => (value === true ? 'J' : 'N'),
}

const ANSCHRIFT: FieldMap = [
  ['gemeindeschluessel', 'GKZ'],
  ['postleitzahl', 'PLZ'],
  ['ort', 'ORT'],
  ['ortsteil', 'ORTSTEIL'],
  ['strasse', 'STRASSE'],
  ['hausnummer.nummer', 'HNR'],
  ['hausnummer.zusatz', 'HNRZUSATZ'],
  ['hausnummer.teilnummer', 'HNRTEIL'],
  ['wohnungsgeber', 'WOHNGEBER'],
  ['zusatz', 'ZUSATZ'],
  ['besonderheit', 'OHNESTRASSE'],
]

export const WOHNUNG: FieldMap = [
  ...within('anschrift', ANSCHRIFT),
  ['wohnungsart', 'ART', codeOf({ alleinig: 'AW', haupt: 'HW', neben: 'NW' })],
  ['einzugsdatum', 'EINZUG', DATUM],
  ['statuswechsel', 'STATUSDAT', DATUM],
  ['datumZuzugGemeinde', 'ZUZUGDAT', DATUM],
  ['auszugsdatum', 'AUSZUG', DATUM],
  ['zuzugsstaat', 'ZUZUGSTAAT'],
]

const SPERRE: FieldMap = [
  ['art', 'ART'],
  ['befristetBis', 'BIS', DATUM],
  ['veranlasser', 'DURCH'],
]

const AUSWEIS: FieldMap = [
  ['art', 'ART'],
  ['seriennummer', 'NR'],
  ['ausstellungsdatum', 'VOM', DATUM],
  ['gueltigBis', 'BIS', DATUM],
  ['behoerde', 'BEHOERDE'],
]

/** A person's own data, relatives apart. */
export const PERSON: FieldMap = [
  ['familienname', 'NAME'],
  ['ehename', 'EHENAME'],
  ['lebenspartnerschaftsname', 'LPNAME'],
  ['geburtsname', 'GEBNAME'],
  ['familiennameVorAenderung', 'ALTNAME'],
  ['vornamen', 'VORNAMEN'],
  ['gebraeuchlicherVorname', 'RUFNAME'],
  ['vornamenVorAenderung', 'ALTVORNAMEN'],
  ['doktorgrad', 'DRGRAD'],
  ['ordensname', 'ORDENSNAME'],
  ['kuenstlername', 'KUENSTLERNAME'],
  ['geburtsdatum', 'GEBDAT', DATUM],
  ['geburtsort', 'GEBORT'],
  ['geburtsstaat', 'GEBSTAAT'],
  ['geschlecht', 'GESCHL'],
  ['staatsangehoerigkeiten', 'STAATEN.ANGEHOERIGKEIT', listOf()],
  ['religion', 'REL'],
  ['idnr', 'IDNR'],
  ['familienstand.stand', 'FAMSTAND.ART'],
  ['familienstand.datum', 'FAMSTAND.DATUM', DATUM],
  ['familienstand.ort', 'FAMSTAND.ORT'],
  ['familienstand.staat', 'FAMSTAND.STAAT'],
  ['sperren', 'SPERREN.SPERRE', listOf(SPERRE)],
  ['bedingterSperrvermerk', 'BEDSPERRE', JA],
  ['sterbedatum', 'STERBEDAT', DATUM],
  ['sterbeort', 'STERBEORT'],
  ['sterbestaat', 'STERBESTAAT'],
  ['azrNummer', 'AZRNR'],
  ['ausweise', 'AUSWEISE.AUSWEIS', listOf(AUSWEIS)],
  ['anschriften', 'WOHNUNGEN.WOHNUNG', listOf(WOHNUNG)],
  ['anschriftAusland.staat', 'AUSLAND.STAAT'],
  ['anschriftAusland.zeilen', 'AUSLAND.ZEILE', listOf()],
]

const BEZUG: FieldMap = [
  ['id', 'NUMMER'],
  ['angehoeriger.familienname', 'NAME'],
  ['angehoeriger.geburtsname', 'GEBNAME'],
  ['angehoeriger.vornamen', 'VORNAMEN'],
  ['angehoeriger.doktorgrad', 'DRGRAD'],
  ['angehoeriger.geburtsdatum', 'GEBDAT', DATUM],
  ['angehoeriger.geschlecht', 'GESCHL'],
  ['angehoeriger.idnr', 'IDNR'],
  ['angehoeriger.anschrift', 'ANSCHRIFT', recordOf(ANSCHRIFT)],
  ['angehoeriger.sterbedatum', 'STERBEDAT', DATUM],
  ['sperren', 'SPERREN.SPERRE', listOf(SPERRE)],
  ['bedingterSperrvermerk', 'BEDSPERRE', JA],
  ['zeugenschutz', 'ZEUGENSCHUTZ', JA],
]

export const EINWOHNER: FieldMap = [
  ['id', 'NUMMER'],
  ['zeugenschutz', 'ZEUGENSCHUTZ', JA],
  ...within('person', PERSON),
  ['partner', 'PARTNER', recordOf(BEZUG)],
  ['kinder', 'KINDER.KIND', listOf(BEZUG)],
  ['vertreter', 'GESETZLICH.VERTRETER', listOf(BEZUG)],
]

/** A query that is left to a clerk. */
export const VORGANG: FieldMap = [
  ['kopf.nachrichtenUUID', 'NACHRICHT'],
  ['kopf.autor.kennung', 'ABSENDER'],
  ['kopf.aktenzeichen', 'AKTENZEICHEN'],
  ['auswahldaten.familienname', 'NAME'],
  ['auswahldaten.fruehererName', 'ALTNAME'],
  ['auswahldaten.vornamen', 'VORNAMEN'],
  ['auswahldaten.ordensname', 'ORDENSNAME'],
  ['auswahldaten.kuenstlername', 'KUENSTLERNAME'],
  ['auswahldaten.geburtsdatum', 'GEBDAT', DATUM],
  ['auswahldaten.geburtsort', 'GEBORT'],
  ['auswahldaten.geburtsstaat', 'GEBSTAAT'],
  ['auswahldaten.geschlecht', 'GESCHL'],
  ['auswahldaten.sterbedatum', 'STERBEDAT', DATUM],
  ['auswahldaten.sterbeort', 'STERBEORT'],
  ['auswahldaten.strasse', 'STRASSE'],
  ['auswahldaten.anschrift', 'ANSCHRIFT', recordOf(ANSCHRIFT)],
]

export const AUSWERTUNG: FieldMap = [
  ['ergebnis', 'ERGEBNIS'],
  ['unplausibel.grund', 'GRUND'],
  ['auszugsdatum', 'AUSZUG', DATUM],
  ['identifikation.familienname', 'IDENT.NAME'],
  ['identifikation.geburtsname', 'IDENT.GEBNAME'],
  ['identifikation.vornamen', 'IDENT.VORNAMEN'],
  ['identifikation.geburtsdatum', 'IDENT.GEBDAT', DATUM],
  ['identifikation.geburtsort', 'IDENT.GEBORT'],
  ['identifikation.anschriften', 'IDENT.WOHNUNGEN.WOHNUNG', listOf(WOHNUNG)],
  ['identifikation.azrNummer', 'IDENT.AZRNR'],
  [
    'abweichungen',
    'ABWEICHUNGEN.ABWEICHUNG',
    listOf([
      ['feld', 'FELD'],
      ['wertRegister', 'WERT'],
    ]),
  ],
  ...blaetter('tatsachen.passversagung', ['2301', '2302']),
  ...blaetter('tatsachen.waffen', ['2601', '2602', '2603', '2604']),
  ...blaetter('tatsachen.sprengstoff', ['2801', '2802']),
  ...blaetter('tatsachen.wahlausschluss', ['2101', '2102', '2103', '2104', '2105', '2106']),
  ...blaetter('tatsachen.vbm', ['2702', '2705', '2706', '2708']),
  ...blaetter('zusatz', ['1002', '1003', '1004', '1305', '1712a']),
  ['zusatz.sperrkennwort', 'DSMELD.B1710'],
  ['zusatz.sperrsumme', 'DSMELD.B1711'],
]

function blaetter(part: string, sheets: readonly string[]): FieldMap {
  return sheets.map((sheet): FieldRow => [`${part}.${sheet}`, `DSMELD.B${sheet.toUpperCase()}`])
}

function within(part: string, map: FieldMap): FieldMap {
  return map.map(([shared, local, codec]): FieldRow => [`${part}.${shared}`, local, codec])
}
