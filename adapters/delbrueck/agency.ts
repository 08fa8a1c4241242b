/** Stadt Delbrück, as messages name it. */

import { agency } from '../message-head.ts'

export const AGS = '05774020'
export const DELBRUECK = agency(`ags:${AGS}`, 'Stadt Delbrück')
