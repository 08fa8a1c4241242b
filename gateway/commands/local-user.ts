/** Who sits at the console, as far as the system can tell, and that what he looks at is noted. */

import { userInfo } from 'node:os'
import { noteAccess } from '../message-log/files/access-notes.ts'
import type { Looked } from '../message-log/record/access-event.ts'

/** @param file the database of the log @returns to be called before anything is shown; throws as `noteAccess` */
export function lookingAt(file: string): (looked: Looked) => void {
  return (looked) => noteAccess(file, { by: `console:${nameOfUser()}`, looked }, Date.now())
}

/** In a container the user often has no name. */
function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
