/** The certificates of the development PKI: exact profiles and names, and that openssl and TLS accept them. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { glob, readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import { makePki } from '../../certs-dev/make.ts'
import { DELBRUECK, freshDir, openssl, PADERBORN } from './rig.ts'

const members = [PADERBORN, DELBRUECK]
const HOSTS = 'IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:localhost'

async function pem(dir: string, path: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(join(dir, path)))
}

t.test('openssl verifies every certificate for its purpose', async (t) => {
  const dir = await freshDir(t)
  await makePki({ dir, members })
  const purposes: Record<string, string> = { local: 'sslserver', server: 'sslserver', 'peer-server': 'sslserver' }

  for await (const path of glob('{ocsp,tsa*,registry/server,service/server,members/**/*}.pem', { cwd: dir })) {
    if (path.endsWith('.chain.pem')) continue
    const name = path.split('/').at(-1)?.replace('.pem', '') ?? ''
    let purpose = purposes[name] ?? 'sslclient'
    if (name === 'tsa' || name === 'tsa2') purpose = 'timestampsign'
    if (name === 'ocsp' || name === 'seal' || name === 'tsa-ca') purpose = 'any'
    const untrusted = path.startsWith('tsa') ? 'tsa-ca.pem' : 'issuing.pem'
    const { code, text } = await openssl(
      dir,
      ...['verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'root.pem', '-untrusted', untrusted, path],
    )
    t.equal(code, 0, `${path} as ${purpose}`)
    t.equal(text, `${path}: OK\n`)
  }

  const server = 'members/paderborn/gw1/peer-server.pem'
  const wrong = await openssl(
    dir,
    ...['verify', '-purpose', 'sslclient', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', server],
  )
  t.equal(wrong.code, 1, 'a server certificate is no client certificate')
})

const SHOWN = [
  '-noout',
  '-ext',
  'basicConstraints,keyUsage,extendedKeyUsage,subjectAltName,noCheck,authorityInfoAccess,crlDistributionPoints',
]
const profiles: Record<string, { text: string; years: number; extensions: number }> = {
  root: { text: 'CA:TRUE, pathlen:1|Certificate Sign, CRL Sign', years: 20, extensions: 3 },
  issuing: { text: 'CA:TRUE, pathlen:0|Certificate Sign, CRL Sign', years: 10, extensions: 4 },
  'tsa-ca': { text: 'CA:TRUE, pathlen:0|Certificate Sign, CRL Sign', years: 10, extensions: 4 },
  ocsp: { text: 'CA:FALSE|Digital Signature|OCSP Signing|', years: 2, extensions: 6 },
  tsa: { text: 'CA:FALSE|Digital Signature, Non Repudiation|critical Time Stamping', years: 5, extensions: 5 },
  'members/delbrueck/seal': { text: 'CA:FALSE|Digital Signature, Non Repudiation', years: 2, extensions: 4 },
  'members/delbrueck/operator': {
    text: 'CA:FALSE|Digital Signature|TLS Web Client Authentication',
    years: 2,
    extensions: 5,
  },
  'members/delbrueck/gw2/local': {
    text: `CA:FALSE|Digital Signature|TLS Web Server Authentication|${HOSTS}, DNS:delbrueck.owl.example`,
    years: 2,
    extensions: 6,
  },
  'members/delbrueck/gw2/peer-client': {
    text: `CA:FALSE|Digital Signature|TLS Web Client Authentication|${HOSTS}, DNS:delbrueck.owl.example`,
    years: 2,
    extensions: 6,
  },
  'registry/server': {
    text: `CA:FALSE|Digital Signature|TLS Web Server Authentication|${HOSTS}, DNS:registry.owl.example`,
    years: 2,
    extensions: 6,
  },
}

t.test('each kind of certificate has exactly its profile', async (t) => {
  const dir = await freshDir(t)
  const now = Date.UTC(2026, 10, 22, 12, 0, 0, 500)
  await makePki({ dir, members, now: () => now })

  for (const [path, { text, years, extensions }] of Object.entries(profiles)) {
    const shown = await openssl(dir, 'x509', '-in', `${path}.pem`, ...SHOWN)
    const values = shown.text
      .replaceAll(/X509v3 Extended Key Usage: critical\s+/g, 'critical ')
      .split('\n')
      .filter((line) => !/^(X509v3|OCSP No Check)/.test(line) || line.startsWith('critical'))
      .map((line) => line.trim())
    const noCheck = /OCSP No Check/.test(shown.text)
    t.equal(values.filter(Boolean).join('|') + (noCheck ? '|' : ''), text, path)
    t.match(shown.text, /Basic Constraints: critical[\s\S]*X509v3 Key Usage: critical/, `${path}: critical`)

    const whole = await openssl(dir, 'x509', '-in', `${path}.pem`, '-noout', '-text')
    const count = whole.text.match(/^ {12}\S.*: (critical)?\s*$/gm)?.length ?? 0
    t.equal(count, extensions, `${path}: no other extension`)

    const { validFromDate, validToDate, serialNumber } = await pem(dir, `${path}.pem`)
    t.equal(validFromDate.toISOString(), '2026-11-22T11:00:00.000Z')
    t.equal(validToDate.toISOString(), `${2026 + years}-11-22T11:00:00.000Z`)
    t.match(serialNumber, /^[4-7][0-9A-F]{31}$/, '16 octets, positive')
  }
})

t.test('names say who it is, and serial numbers do not repeat', async (t) => {
  const dir = await freshDir(t)
  const { made } = await makePki({ dir, members })

  const subject = async (path: string) =>
    (await openssl(dir, 'x509', '-in', path, '-noout', '-subject', '-nameopt', 'utf8,sep_comma_plus')).text
  t.equal(
    Buffer.from(await subject('members/delbrueck/seal.pem'), 'latin1').toString('utf8'),
    'subject=C=DE,O=Stadt Delbrück,organizationIdentifier=OWL/GOV/05774020,serialNumber=OWL/GOV/05774020,CN=Stadt Delbrück\n',
  )
  t.match(
    await subject('members/paderborn/gw1/peer-client.pem'),
    'serialNumber=OWL/GOV/05774032/gw1,CN=paderborn.owl.example',
  )
  t.match(
    await subject('members/paderborn/clients/MELDEWESEN.pem'),
    'serialNumber=OWL/GOV/05774032/MELDEWESEN,CN=MELDEWESEN',
  )
  const serials = await Promise.all(made.map(async (path) => (await pem(dir, `${path}.pem`)).serialNumber))
  t.equal(new Set(serials).size, made.length)
})

t.test('an odd name goes into the certificate as it is', async (t) => {
  const dir = await freshDir(t)
  const name = '#30 "Amt", O=Büro\\2C + Ämter'

  await makePki({ dir, members: [{ ...PADERBORN, name }] })

  const { text } = await openssl(
    dir,
    'x509',
    '-in',
    'members/paderborn/seal.pem',
    '-noout',
    '-subject',
    '-nameopt',
    'utf8,sep_multiline',
  )
  t.match(Buffer.from(text, 'latin1').toString('utf8'), `O=${name}\n`)
})

t.test('dates after 2049 are GeneralizedTime', async (t) => {
  const dir = await freshDir(t)

  await makePki({ dir, members: [PADERBORN], now: () => Date.UTC(2035, 0, 1) })

  const { text } = await openssl(dir, 'asn1parse', '-in', 'root.pem')
  t.match(text, 'UTCTIME           :341231230000Z')
  t.match(text, 'GENERALIZEDTIME   :20541231230000Z')
})

t.test('peers meet over mutual TLS knowing nothing but the root', async (t) => {
  const dir = await freshDir(t)
  await makePki({ dir, members })
  const read = (path: string) => readFile(join(dir, path))
  const ca = await read('ca.pem')
  const server = createServer({
    cert: await read('members/paderborn/gw1/peer-server.chain.pem'),
    key: await read('members/paderborn/gw1/peer-server.key'),
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  })
  const refusals: string[] = []
  server.on('tlsClientError', ({ message }) => refusals.push(message))
  server.on('secureConnection', (socket) => socket.end(socket.getPeerX509Certificate()?.subject ?? ''))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo

  async function greet(path: string): Promise<string> {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: await read('root.pem'),
      cert: await read(`${path}.pem`),
      key: await read(`${path}.key`),
    })
    let text = ''
    for await (const part of socket) text += part
    return text
  }

  t.match(await greet('members/delbrueck/gw2/peer-client'), 'serialNumber=OWL/GOV/05774020/gw2')
  t.equal(await greet('members/delbrueck/gw2/peer-server'), '', 'a server certificate does not pass as a client')
  t.equal(refusals.length, 1)
})
