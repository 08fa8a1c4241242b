/** Changes single octets of valid evidence: nothing may crash, nothing changed may be valid. */

import { randomInt } from 'node:crypto'
import type { Test } from 'tap'
import { readAnyZip } from '../../../gateway/evidence/any-zip-reader.ts'
import { sourceOf } from '../../../gateway/evidence/byte-source.ts'
import { openChecks } from '../../../gateway/evidence/checks.ts'
import { EVIDENCE_RECORD_NAME } from '../../../gateway/evidence/manifest.ts'
import { checkSeal } from '../../../gateway/evidence/seal-checks.ts'
import { verifyFiles } from '../../../gateway/evidence/verify.ts'
import { evidenceFiles, filesIn, loose, openVerifyRig, withVerdict } from './verify-rig.ts'

/** One bit, the highest bit, all bits. */
const MASKS = [0x01, 0x80, 0xff]

/** @param share of the octets that are changed, chosen anew each time; 1 is all of them */
export async function mutateEvidence(t: Test, share: number): Promise<void> {
  const { request, sealed, verify, verifying } = await openVerifyRig(t)

  for (const [what, octets] of [
    ['container', request],
    ['sealed container', sealed],
  ] as const) {
    refuses(t, what, octets, share, (changed) => {
      const verified = verify(changed)
      // Headers of another tool are no evidence: told as such, and every file in the archive is compared all the same.
      const isAnew = withVerdict(verified, 'warning').includes('zip.form')
      return isAnew && same(changed, octets) ? 'invalid' : verified.outcome
    })
  }

  // Nothing but the evidence itself covers these: checksums and manifests are taken to be made anew.
  const files = loose(filesIn(request))
  for (const [name, octets] of files) {
    const outcome = (changed: Buffer): string =>
      verifyFiles(evidenceFiles(new Map([...files, [name, changed]])), verifying).outcome
    t.equal(outcome(octets), 'valid-with-warnings')
    refuses(t, name, octets, name === EVIDENCE_RECORD_NAME ? Math.min(1, share * 4) : share, outcome)
  }

  const parts = filesIn(sealed)
  const part = (name: string): Buffer => parts.get(`META-INF/${name}`) as Buffer
  const [manifest, seal] = [part('ASiCManifest001.xml'), part('signature001.p7s')]
  const archive = { manifest: part('ASiCArchiveManifest.xml'), token: part('timestamp001.tst') }
  const sealOutcome = (given: Parameters<typeof checkSeal>[0]): string => {
    const checks = openChecks()
    checkSeal(given, verifying, checks)
    return checks.outcome()
  }
  t.equal(sealOutcome({ manifest, seal, archive }), 'valid')
  refuses(t, 'seal', seal, share, (changed) => sealOutcome({ manifest, seal: changed, archive: undefined }))
  refuses(t, 'archive time-stamp', archive.token, share, (token) =>
    sealOutcome({ manifest, seal, archive: { ...archive, token } }),
  )
}

/** The same files, whatever the headers around them say. */
function same(changed: Buffer, octets: Buffer): boolean {
  const rules = { entriesMax: 99, onLeftover: () => {} }
  const filesOf = (from: Buffer): string =>
    JSON.stringify(
      [...readAnyZip(sourceOf(from), rules)].map(({ name, content }) => [name, content.read(0, content.size)]),
    )
  return filesOf(changed) === filesOf(octets)
}

function refuses(t: Test, what: string, octets: Buffer, share: number, outcome: (changed: Buffer) => string): void {
  const accepted: number[] = []
  let tried = 0
  for (let at = 0; at < octets.length; at++) {
    if (share < 1 && randomInt(1_000_000) >= share * 1_000_000) continue
    for (const mask of MASKS) {
      const changed = Buffer.from(octets)
      changed[at] = (changed[at] as number) ^ mask
      tried += 1
      if (outcome(changed) !== 'invalid') accepted.push(at)
    }
  }
  t.same(accepted, [], `${what}: ${tried} changes of ${octets.length} octets, none accepted`)
}
