/** Contract §2, whole: every listed case by its number, and what the rules say beyond the cases. One region for all. */

import t from 'tap'
import { purposes, rights, targeting } from './contract/access.ts'
import { connections } from './contract/connections.ts'
import { double } from './contract/double.ts'
import { faults } from './contract/faults.ts'
import { hash } from './contract/hash.ts'
import { headers } from './contract/headers.ts'
import { identity } from './contract/identity.ts'
import { limits } from './contract/limits.ts'
import { metaservices } from './contract/metaservices.ts'
import { outages } from './contract/outages.ts'
import { registration } from './contract/registration.ts'
import { replies } from './contract/replies.ts'
import { requestLine } from './contract/request-line.ts'
import { startRig } from './rig.ts'

t.setTimeout(120_000)
const rig = await startRig(t)

t.test('2.1 request line and identifiers', (t) => requestLine(t, rig))
t.test('2.1 registration', (t) => registration(t, rig))
t.test('2.2 who asks', (t) => identity(t, rig))
t.test('2.2 headers', (t) => headers(t, rig))
t.test('2.2 which gateway', (t) => targeting(t, rig))
t.test('2.3 request hash', (t) => hash(t, rig))
t.test('2.4 replies', (t) => replies(t, rig))
t.test('2.5 faults', (t) => faults(t, rig))
t.test('2.6 metaservices', (t) => metaservices(t, rig))
t.test('2.7 rights', (t) => rights(t, rig))
t.test('purposes', (t) => purposes(t, rig))
t.test('limits, and those who go', (t) => limits(t, rig))
t.test('2.3 a provider’s gateway that is not ours', (t) => double(t, rig))
t.test('connections', (t) => connections(t, rig))
t.test('2.5 outages', (t) => outages(t, rig))
