/** A sample of `tampering.long.ts`. */

import t from 'tap'
import { tamperReplies, tamperRequests } from './tampering.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

t.test('no flipped bit in a request passes', (t) => tamperRequests(t, { every: 9, seed: 5 }))
t.test('no flipped bit in a reply passes', (t) => tamperReplies(t, { every: 9, seed: 5 }))
