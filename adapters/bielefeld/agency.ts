/** Stadt Bielefeld, as messages name it. */

import { agency } from '../message-head.ts'

export const AGS = '05711000'
export const BIELEFELD = agency(`ags:${AGS}`, 'Stadt Bielefeld')
