/**
 * Seals a container in the name of this gateway's member: its key, an answer about its certificate that is asked for
 * afresh, and a time-stamp authority of the region. Source: design of the evidence, section 5.
 */

import type { ContainerSeal } from '../../evidence/container.ts'
import type { SealProofs } from '../../evidence/seal.ts'
import { signSeal } from '../../evidence/seal.ts'
import type { TimeStampClient } from '../../message-log/stamping/time-stamp-client.ts'
import { openTimeStampClient } from '../../message-log/stamping/time-stamp-client.ts'
import type { Signer } from '../../trust/keys.ts'
import type { RevocationMemory, RevocationStatus } from '../../trust/revocation.ts'
import type { RegisteredSeal, Snapshot } from '../../trust/snapshot.ts'

/**
 * How long a seal can be checked: as long as the time-stamp authority's certificate lasts, or, where no authority or
 * responder answered, only as long as the seal's own.
 */
export type SealLife = 'long-lived' | 'short-lived'

export interface SealingDeps {
  /** @throws {Error} when the others would not take the seal now */
  seal(): { readonly signer: Signer; readonly registered: RegisteredSeal }
  /** Asks anew; what is known when nobody answers. */
  status(registered: RegisteredSeal): Promise<RevocationStatus>
  readonly timeStamps: Pick<TimeStampClient, 'stamp'>
  readonly now: () => number
}

export interface GatewaySealing extends SealingDeps {
  close(): Promise<void>
}

/** For a gateway that runs: by the configuration in use, and by the memory of revocation that it has anyway. */
export function openGatewaySealing(
  signer: Signer,
  snapshot: () => Snapshot | undefined,
  revocation: Pick<RevocationMemory, 'refreshNow' | 'statusOf'>,
  now: () => number,
): GatewaySealing {
  const timeStamps = openTimeStampClient({ authorities: () => snapshot()?.configuration.authorities.tsa ?? [], now })
  return {
    timeStamps,
    now,
    seal: () => ({ signer, registered: registeredSeal(signer, snapshot()) }),
    async status({ sha256 }) {
      await revocation.refreshNow([sha256])
      return revocation.statusOf(sha256, now())
    },
    close: () => timeStamps.close(),
  }
}

/** @throws {Error} when it is not registered */
export function registeredSeal(signer: Signer, snapshot: Snapshot | undefined): RegisteredSeal {
  const registered = snapshot?.seal(signer.x5t)
  if (registered === undefined) throw new Error('The seal certificate of this gateway is not registered')
  return registered
}

export interface Sealing extends ContainerSeal {
  /** Of the container made last. */
  readonly life: SealLife
  /** Why it is short. */
  readonly problems: readonly string[]
}

/** For one container. */
export function openSealing({ seal, status, timeStamps, now }: SealingDeps): Sealing {
  const problems: string[] = []
  let source: 'ocsp' | 'crl' | undefined
  let life: SealLife = 'short-lived'

  async function stamp(imprint: Buffer): Promise<Buffer | undefined> {
    try {
      return (await timeStamps.stamp(imprint)).token
    } catch (error) {
      problems.push(`no time-stamp: ${(error as Error).message}`)
      return undefined
    }
  }

  async function revocation(registered: RegisteredSeal): Promise<SealProofs['revocation']> {
    const answer = await status(registered)
    if (answer.status === 'revoked') throw new Error('The seal certificate is revoked: nothing can be sealed with it')
    if (answer.status !== 'good' || answer.response === undefined) {
      problems.push('no answer about the seal certificate')
      return undefined
    }
    return { source: answer.source ?? 'ocsp', response: answer.response }
  }

  return {
    get life() {
      return life
    },
    problems,
    async seal(manifest) {
      const { signer, registered } = seal()
      const issuer = registered.verdict.issuer?.der
      if (issuer === undefined) throw new Error('The issuing CA of the seal certificate is not known')
      const bare = signSeal(signer, { certificate: registered.der, issuer }, manifest, now())
      const timeStamp = await stamp(bare.imprint)
      // After the time-stamp: an answer from before it says less about the moment of the seal.
      const answer = await revocation(registered)
      source = timeStamp === undefined ? undefined : answer?.source
      return bare.complete({ ...(timeStamp && { timeStamp }), ...(answer && { revocation: answer }) })
    },
    async archive(imprint) {
      if (source === undefined) return undefined
      const token = await stamp(imprint)
      // With a list inside, the signature's own time-stamp is enough; an OCSP answer outlives its responder only so.
      if (token !== undefined || source === 'crl') life = 'long-lived'
      return token
    },
  }
}
