/** `owl registry authority …`: CAs of the region, and those who time-stamp its message logs. */

import { readFile } from 'node:fs/promises'
import {
  addIssuingAuthority,
  addTimeStampAuthority,
  listAuthorities,
  removeAuthority,
} from '../../registry/authorities.ts'
import { httpUrl, sha256 } from './arguments.ts'
import { change } from './changes.ts'
import type { Place, RegistryRun } from './run.ts'
import { withPlace } from './run.ts'
import { formatAuthorities } from './text.ts'

export function registerAuthorityCommands(run: RegistryRun): void {
  const authority = run.group('authority', 'CAs that issue certificates, and authorities that time-stamp')
  const addAuthorityCommand = authority.command('add').description('register one more, or the new certificate of one')
  const addStampsCommand = addAuthorityCommand.command('time-stamp').description('who time-stamps message logs')
  addStampsCommand.requiredOption('--url <url>', 'where it answers (RFC 3161)', httpUrl)
  addStampsCommand.requiredOption('--certificate <file>', 'what it signs with, PEM or DER')
  addStampsCommand.requiredOption('--ca <file>', 'the CA that issued that, PEM or DER')
  addStampsCommand.requiredOption('--crl <url>', 'where the revocation list of that CA is', httpUrl)
  run.on(
    addStampsCommand,
    async (deps, { url, crl, ...files }: { url: string; certificate: string; ca: string; crl: string }) => {
      const [certificate, ca] = await Promise.all([readFile(files.certificate), readFile(files.ca)])
      return change(deps, (content) => addTimeStampAuthority(content, { url, certificate, ca, crl }, run.now()))
    },
  )
  const addIssuingCommand = addAuthorityCommand.command('issuing').description('who issues certificates of the region')
  addIssuingCommand.requiredOption('--certificate <file>', 'PEM or DER')
  addIssuingCommand.requiredOption('--ocsp <url>', 'its OCSP responder', httpUrl)
  addIssuingCommand.requiredOption('--crl <url>', 'its revocation list', httpUrl)
  run.on(addIssuingCommand, async (deps, wish: { certificate: string; ocsp: string; crl: string }) => {
    const certificate = await readFile(wish.certificate)
    return change(deps, (content) => addIssuingAuthority(content, { ...wish, certificate }, run.now()))
  })
  const removeAuthorityCommand = authority.command('remove').description('nothing new of it is believed')
  run.on(
    removeAuthorityCommand.argument('<sha256>', 'of its certificate, as owl registry authority list says it', sha256),
    (deps, _: object, fingerprint: string) => change(deps, (content) => removeAuthority(content, fingerprint)),
  )
  const listAuthoritiesCommand = authority.command('list').description('who they are, and how long they last')
  withPlace(listAuthoritiesCommand).action(() =>
    run.guarded(async () => {
      const { configuration, json } = await run.published(listAuthoritiesCommand.opts<Place>())
      const authorities = listAuthorities(configuration)
      run.print(json ? JSON.stringify(authorities) : formatAuthorities(authorities, run.now()))
    }),
  )
}
