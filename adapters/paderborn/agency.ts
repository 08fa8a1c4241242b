/** Stadt Paderborn, as messages name it. */

import { agency } from '../message-head.ts'

export const AGS = '05774032'
export const PADERBORN = agency(`ags:${AGS}`, 'Stadt Paderborn')
