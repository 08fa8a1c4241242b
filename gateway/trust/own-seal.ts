/** The seal of the gateway's own member, judged like anybody else's before it is used. Contract §4.1 row 13. */

import { GatewayError } from '../errors.ts'
import type { Signer } from './keys.ts'
import type { JudgedSeal, Judging } from './verifying.ts'
import { checkCertificate } from './verifying.ts'

export interface OwnSeal {
  readonly signer: Signer
  /** @throws {GatewayError} `CannotCreateSignature` when the others would refuse it */
  judged(judging: Judging): JudgedSeal
}

export function ownSeal(signer: Signer): OwnSeal {
  return {
    signer,
    judged(judging) {
      const seal = judging.snapshot.seal(signer.x5t)
      if (seal === undefined)
        throw new GatewayError('CannotCreateSignature', { reason: 'the seal certificate is not registered' })
      try {
        return { seal, status: checkCertificate(judging, seal, 'IncorrectCertificate') }
      } catch (cause) {
        throw new GatewayError('CannotCreateSignature', { reason: 'the seal certificate is not in force', cause })
      }
    },
  }
}
