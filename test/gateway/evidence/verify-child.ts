/** Verifies a directory and reports what it took: run as a process of its own, since memory is one process's. */

import { basename } from 'node:path'
import { verifyPiece } from '../../../gateway/commands/evidence/verify.ts'
import { readAnchors } from '../../../gateway/evidence/anchors.ts'
import { isEvidence, readInputs } from '../../../gateway/evidence/inputs.ts'
import { openTrust } from '../../../gateway/evidence/trust.ts'

const [caFile = '', ...paths] = process.argv.slice(2)
const verifying = { trust: openTrust(readAnchors([caFile]).certificates), at: Date.now(), isDraft: false }
const began = performance.now()
const outcomes: Record<string, string> = {}
for (const piece of readInputs(paths, verifying)) {
  if (!isEvidence(piece)) continue
  const name = /([^/]+\.zip)\//.exec(piece.label)?.[1] ?? basename(piece.label)
  outcomes[name] = verifyPiece(piece, verifying).outcome
}
const rssMiB = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(JSON.stringify({ outcomes, rssMiB, ms: Math.round(performance.now() - began) }))
