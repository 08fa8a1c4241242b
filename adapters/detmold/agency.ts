/** Bezirksregierung Detmold, as messages name it: occupational safety authority. */

import { agency } from '../message-head.ts'

export const DETMOLD = agency('asb:057', 'Bezirksregierung Detmold')
