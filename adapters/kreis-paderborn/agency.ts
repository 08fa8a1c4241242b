/** Kreis Paderborn, as messages name it: its road traffic authority is the vehicle registration authority. */

import { agency } from '../message-head.ts'

/** Kreisschlüssel: the municipalities it registers vehicles for begin with it. */
export const KREIS = '05774'
export const KREIS_PADERBORN = agency(`usv:${KREIS}`, 'Kreis Paderborn')
