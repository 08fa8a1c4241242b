/** Which field of Bielefeld's register is which of the shared schema. */

import type { FieldMap, FieldRow } from '../../field-map.ts'
import { codeOf, listOf, recordOf } from '../../field-map.ts'

const ANSCHRIFT: FieldMap = [
  ['gemeindeschluessel', 'ags'],
  ['postleitzahl', 'plz'],
  ['ort', 'ort'],
  ['ortsteil', 'ortsteil'],
  ['strasse', 'strasse'],
  ['hausnummer.nummer', 'hausnr'],
  ['hausnummer.zusatz', 'hausnrZusatz'],
  ['hausnummer.teilnummer', 'hausnrTeil'],
  ['wohnungsgeber', 'wohnungsgeber'],
  ['zusatz', 'zusatz'],
  ['besonderheit', 'ohneStrasse'],
]

const WOHNUNG: FieldMap = [
  ...within('anschrift', ANSCHRIFT),
  ['wohnungsart', 'art', codeOf({ alleinig: 'A', haupt: 'H', neben: 'N' })],
  ['einzugsdatum', 'einzug'],
  ['statuswechsel', 'statusSeit'],
  ['datumZuzugGemeinde', 'zuzugGemeinde'],
  ['auszugsdatum', 'auszug'],
  ['zuzugsstaat', 'herkunftsstaat'],
]

const SPERRE: FieldMap = [
  ['art', 'art'],
  ['befristetBis', 'bis'],
  ['veranlasser', 'durch'],
]

const AUSWEIS: FieldMap = [
  ['art', 'art'],
  ['seriennummer', 'nummer'],
  ['ausstellungsdatum', 'vom'],
  ['gueltigBis', 'bis'],
  ['behoerde', 'behoerde'],
]

/** A person's own data, relatives apart. */
export const PERSON: FieldMap = [
  ['familienname', 'name.nachname'],
  ['ehename', 'name.ehename'],
  ['lebenspartnerschaftsname', 'name.lebenspartnerschaftsname'],
  ['geburtsname', 'name.geburtsname'],
  ['familiennameVorAenderung', 'name.nachnameFrueher'],
  ['vornamen', 'name.vornamen'],
  ['gebraeuchlicherVorname', 'name.rufname'],
  ['vornamenVorAenderung', 'name.vornamenFrueher'],
  ['doktorgrad', 'name.titel'],
  ['ordensname', 'name.ordensname'],
  ['kuenstlername', 'name.kuenstlername'],
  ['geburtsdatum', 'geburt.datum'],
  ['geburtsort', 'geburt.ort'],
  ['geburtsstaat', 'geburt.staat'],
  ['geschlecht', 'geschlecht'],
  ['staatsangehoerigkeiten', 'nationalitaeten', listOf()],
  ['religion', 'konfession'],
  ['idnr', 'steuerId'],
  ['familienstand.stand', 'stand.code'],
  ['familienstand.datum', 'stand.seit'],
  ['familienstand.ort', 'stand.ort'],
  ['familienstand.staat', 'stand.staat'],
  ['sperren', 'sperrvermerke', listOf(SPERRE)],
  ['bedingterSperrvermerk', 'bedingterSperrvermerk'],
  ['sterbedatum', 'tod.datum'],
  ['sterbeort', 'tod.ort'],
  ['sterbestaat', 'tod.staat'],
  ['azrNummer', 'azr'],
  ['ausweise', 'dokumente', listOf(AUSWEIS)],
  ['anschriften', 'wohnungen', listOf(WOHNUNG)],
  ['anschriftAusland.staat', 'ausland.staat'],
  ['anschriftAusland.zeilen', 'ausland.zeilen', listOf()],
]

const BEZUG: FieldMap = [
  ['id', 'id'],
  ['angehoeriger.familienname', 'nachname'],
  ['angehoeriger.geburtsname', 'geburtsname'],
  ['angehoeriger.vornamen', 'vornamen'],
  ['angehoeriger.doktorgrad', 'titel'],
  ['angehoeriger.geburtsdatum', 'geburtsdatum'],
  ['angehoeriger.geschlecht', 'geschlecht'],
  ['angehoeriger.idnr', 'steuerId'],
  ['angehoeriger.anschrift', 'anschrift', recordOf(ANSCHRIFT)],
  ['angehoeriger.sterbedatum', 'todesdatum'],
  ['sperren', 'sperrvermerke', listOf(SPERRE)],
  ['bedingterSperrvermerk', 'bedingterSperrvermerk'],
  ['zeugenschutz', 'zeugenschutz'],
]

export const EINWOHNER: FieldMap = [
  ['id', 'id'],
  ['zeugenschutz', 'zeugenschutz'],
  ...within('person', PERSON),
  ['partner', 'partner', recordOf(BEZUG)],
  ['kinder', 'kinder', listOf(BEZUG)],
  ['vertreter', 'vertreter', listOf(BEZUG)],
]

function within(part: string, map: FieldMap): FieldMap {
  return map.map(([shared, local, codec]): FieldRow => [`${part}.${shared}`, local, codec])
}
