/** The two agencies of the benchmark: Paderborn asks, Bielefeld answers. */

import type { Member } from '../../certs-dev/members.ts'

export const MEMBERS = [
  {
    code: '05774032',
    name: 'Stadt Paderborn',
    id: 'OWL/GOV/05774032',
    slug: 'paderborn',
    subsystems: ['TEST'],
  },
  {
    code: '05711000',
    name: 'Stadt Bielefeld',
    id: 'OWL/GOV/05711000',
    slug: 'bielefeld',
    subsystems: ['TEST'],
  },
] as const satisfies readonly Member[]
