/** Every adapter by its name: folder of the local system, then the service. */

import type { Adapter } from './adapter.ts'
import * as bielefeldMelderegister from './bielefeld/melderegister/services.ts'
import * as detmoldArbeitsschutz from './detmold/arbeitsschutz/services.ts'
import * as kreisFahrzeugregister from './kreis-paderborn/fahrzeugregister/services.ts'
import * as paderbornMelderegister from './paderborn/melderegister/services.ts'

export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  'bielefeld/melderegister/personensuche': bielefeldMelderegister.personensuche,
  'bielefeld/melderegister/rueckmeldung': bielefeldMelderegister.rueckmeldung,
  'bielefeld/melderegister/vams': bielefeldMelderegister.vams,
  'detmold/arbeitsschutz/gewerbe-eingang': detmoldArbeitsschutz.gewerbeEingang,
  'kreis-paderborn/fahrzeugregister/umzugsmitteilung': kreisFahrzeugregister.umzugsmitteilung,
  'kreis-paderborn/fahrzeugregister/umzugsstatus': kreisFahrzeugregister.umzugsstatus,
  'paderborn/melderegister/auswertung': paderbornMelderegister.auswertung,
  'paderborn/melderegister/personensuche': paderbornMelderegister.personensuche,
}
