/** A time-stamp authority made with the openssl command: it shares no code with ours. */

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readCertificate } from '../../../gateway/protocol/authority-certificates.ts'
import type { TimeStampAuthority } from '../../../gateway/protocol/time-stamp.ts'

const run = promisify(execFile)

export interface OpensslAuthority {
  readonly directory: string
  readonly authority: TimeStampAuthority
  /** Path of the CA certificate, PEM. */
  readonly caFile: string
  /** @returns TimeStampResp, DER */
  reply(request: Buffer, options?: { readonly md?: string }): Promise<Buffer>
  /** @param revoked put the unit's certificate on it @returns DER */
  revocationList(options?: { readonly revoked?: boolean; readonly days?: number }): Promise<Buffer>
  /** `openssl ts -verify` on a token. */
  accepts(token: Buffer, digest: Buffer): Promise<boolean>
  close(): Promise<void>
}

export interface OpensslAuthorityOptions {
  readonly key?: 'ec' | 'rsa'
  readonly extendedKeyUsage?: string
  readonly basicConstraints?: string
  readonly more?: string
}

export async function openOpensslAuthority(options: OpensslAuthorityOptions = {}): Promise<OpensslAuthority> {
  const { key = 'ec', extendedKeyUsage = 'critical,timeStamping', basicConstraints = 'critical,CA:FALSE' } = options
  const directory = await mkdtemp(join(tmpdir(), 'owl-tsa-'))
  const at = (name: string): string => join(directory, name)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: directory })

  await writeFile(at('openssl.cnf'), configuration({ extendedKeyUsage, basicConstraints, more: options.more ?? '' }))
  await writeFile(at('serial'), '01\n')
  await writeFile(at('crlnumber'), '01\n')
  await writeFile(at('index.txt'), '')
  const keyArgs = key === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['rsa:2048']
  const common = ['-config', 'openssl.cnf', '-nodes', '-days', '365']
  const subject = (name: string): string => `/C=DE/O=Pruefung/CN=${name}`
  await openssl(
    'req',
    '-x509',
    '-newkey',
    ...keyArgs,
    ...common,
    '-subj',
    subject('TSA CA'),
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-extensions',
    'issuer',
  )
  await openssl(
    'req',
    '-newkey',
    ...keyArgs,
    ...common.slice(0, 3),
    '-subj',
    subject('TSA 1'),
    '-keyout',
    'tsa.key',
    '-out',
    'tsa.csr',
  )
  await openssl(
    'x509',
    '-req',
    '-in',
    'tsa.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-set_serial',
    '77',
    '-days',
    '365',
    '-extfile',
    'openssl.cnf',
    '-extensions',
    'unit',
    '-out',
    'tsa.pem',
  )

  const unit = readCertificate(derOf(await readFile(at('tsa.pem'), 'utf8')))
  const ca = readCertificate(derOf(await readFile(at('ca.pem'), 'utf8')))

  return {
    directory,
    authority: { unit, ca },
    caFile: at('ca.pem'),
    async reply(request, { md = 'sha256' } = {}) {
      const name = randomBytes(8).toString('hex')
      await writeFile(at(`${name}.tsq`), request)
      await openssl(
        'ts',
        '-reply',
        '-config',
        'openssl.cnf',
        '-queryfile',
        `${name}.tsq`,
        '-out',
        `${name}.tsr`,
        `-${md}`,
      )
      return readFile(at(`${name}.tsr`))
    },
    async revocationList({ revoked = false, days = 1 } = {}) {
      if (revoked) await openssl('ca', '-config', 'openssl.cnf', '-revoke', 'tsa.pem')
      await openssl('ca', '-config', 'openssl.cnf', '-gencrl', '-crldays', String(days), '-out', 'list.pem')
      return derOf(await readFile(at('list.pem'), 'utf8'))
    },
    async accepts(token, digest) {
      const file = at(`${randomBytes(8).toString('hex')}.tst`)
      await writeFile(file, token)
      const args = ['ts', '-verify', '-digest', digest.toString('hex'), '-in', file, '-token_in', '-CAfile', 'ca.pem']
      return openssl(...args).then(
        ({ stdout, stderr }) => (stdout + stderr).includes('Verification: OK'),
        () => false,
      )
    },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/[\s\S]*?-----BEGIN[^-]+-----|-----END[\s\S]*|\s/g, ''), 'base64')
}

function configuration(unit: { extendedKeyUsage: string; basicConstraints: string; more: string }): string {
  return `
[req]
distinguished_name = name
[name]
[ca]
default_ca = authority
[issuer]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[unit]
basicConstraints = ${unit.basicConstraints}
keyUsage = critical,digitalSignature,nonRepudiation
extendedKeyUsage = ${unit.extendedKeyUsage}
${unit.more}
[authority]
database = index.txt
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 1
[tsa]
default_tsa = tsa1
[tsa1]
dir = .
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
signer_key = tsa.key
certs = ca.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1.2
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`
}
