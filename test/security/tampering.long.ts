/** Every octet of a request and of a reply, one bit of each. */

import t from 'tap'
import { tamperReplies, tamperRequests } from './tampering.ts'

t.setTimeout(1_800_000)

const seed = Date.now() % 2 ** 31

t.test('no flipped bit in a request passes', { timeout: 600_000 }, (t) => tamperRequests(t, { every: 1, seed }))
t.test('no flipped bit in a reply passes', { timeout: 600_000 }, (t) => tamperReplies(t, { every: 1, seed }))
