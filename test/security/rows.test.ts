/** Every row of the threat list that holds here, and where it is proved: a row whose proof is gone shows. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')

const ROWS: Readonly<Record<number, { readonly threat: string; readonly proofs: readonly string[] }>> = {
  1: { threat: 'a peer claims to be somebody else', proofs: ['security/identity'] },
  2: { threat: 'a stolen TLS key', proofs: ['security/identity', 'security/revocation'] },
  3: {
    threat: 'a stolen signing key',
    proofs: ['security/revocation', 'gateway/evidence/stolen-key', 'gateway/evidence/vectors'],
  },
  4: {
    threat: 'a revoked or expired certificate on a live connection',
    proofs: ['security/revocation', 'security/identity'],
  },
  5: {
    threat: 'a responder that is down or lies',
    proofs: ['gateway/trust/ocsp', 'gateway/trust/revocation', 'security/revocation', 'failure/outages'],
  },
  6: { threat: 'replay', proofs: ['security/replay', 'failure/kills'] },
  7: { threat: 'a message for another, a reply to another', proofs: ['security/replay', 'security/lying-provider'] },
  8: { threat: 'a message changed on its way', proofs: ['security/tampering', 'security/tampering.long'] },
  9: {
    threat: 'algorithms, keys and headers of a signature',
    proofs: ['gateway/protocol/sealing', 'security/forged-heads'],
  },
  10: {
    threat: 'requests and headers that parsers read differently',
    proofs: ['gateway/protocol/strict-http', 'gateway/http/preflight', 'gateway/malformed', 'security/forged-heads'],
  },
  11: {
    threat: 'too much of everything',
    proofs: ['gateway/http/server', 'security/starvation', 'security/misbehaving-service'],
  },
  12: { threat: 'too slow', proofs: ['gateway/http/pace', 'security/starvation', 'security/disconnects'] },
  13: {
    threat: 'what unpacks to more',
    proofs: ['security/misbehaving-service', 'gateway/evidence/zip-reader', 'gateway/evidence/inputs'],
  },
  14: { threat: 'JSON: a member twice', proofs: ['gateway/protocol/json', 'security/octets'] },
  15: { threat: 'JSON: __proto__', proofs: ['gateway/protocol/json', 'security/octets'] },
  16: { threat: 'JSON: numbers', proofs: ['gateway/protocol/json', 'security/octets'] },
  17: { threat: 'JSON: depth, width, patterns', proofs: ['gateway/protocol/json', 'security/patterns'] },
  18: {
    threat: 'texts that are none, letters that are rare',
    proofs: ['gateway/protocol/json', 'security/octets', 'adapters/names'],
  },
  19: {
    threat: 'a path that is read differently behind us',
    proofs: ['gateway/protocol/strict-http', 'gateway/access/path-glob', 'security/forged-heads'],
  },
  20: {
    threat: 'a service address that leads elsewhere',
    proofs: ['gateway/transport/http-service', 'security/addresses'],
  },
  21: { threat: 'addresses in certificates', proofs: ['security/addresses'] },
  22: { threat: 'an older registry', proofs: ['gateway/trust/global-configuration'] },
  23: {
    threat: 'a registry that stands still, or says different things',
    proofs: ['gateway/trust/global-configuration', 'gateway/commands/evidence/stored-registry'],
  },
  25: {
    threat: 'no time-stamps, or false ones',
    proofs: ['gateway/message-log/stamping/stamping', 'gateway/protocol/time-stamp', 'failure/outages'],
  },
  26: { threat: 'clocks', proofs: ['gateway/trust/clock', 'failure/clocks'] },
  27: { threat: 'a full disk', proofs: ['gateway/message-log/full-disk', 'failure/full-disk'] },
  28: { threat: 'a disk that fails', proofs: ['gateway/message-log/writer/recovery'] },
  29: { threat: 'a crash in between', proofs: ['gateway/message-log/crash', 'failure/kills', 'failure/kills.long'] },
  32: {
    threat: 'an insider who rewrites the log',
    proofs: [
      ...[
        'gateway/message-log/verification/damage',
        'gateway/message-log/verification/verify',
        'gateway/message-log/witness/witness',
      ],
      ...['gateway/message-log/witness/reconcile', 'gateway/evidence/dishonest-log', 'security/witness-insider'],
      'security/evidence-ends',
    ],
  },
  33: {
    threat: 'an operator who looks, takes or erases',
    proofs: [
      'gateway/admin/plugin',
      'gateway/admin/evidence/routes',
      'gateway/message-log/erasure/erasing',
      'gateway/message-log/files/access-notes',
      'security/looking',
      'security/subject',
    ],
  },
  34: {
    threat: 'texts that act where they are read',
    proofs: ['gateway/html', 'gateway/evidence/report', 'gateway/commands/terminal'],
  },
  35: { threat: 'a browser that is made to call', proofs: ['gateway/admin/plugin'] },
  36: {
    threat: 'secrets and persons in logs',
    proofs: ['gateway/logging', 'gateway/message-log/canary', 'security/canary', 'security/idnr'],
  },
  37: {
    threat: 'what is kept too long, or comes back',
    proofs: [
      ...[
        'gateway/message-log/erasure/erasing',
        'gateway/message-log/erasure/erasing-traces',
        'gateway/message-log/erasure/erasing-evidence',
      ],
      ...['gateway/message-log/erasure/erasing-recovery', 'security/subject'],
    ],
  },
  40: { threat: 'one who takes all', proofs: ['gateway/access/budgets', 'security/starvation', 'security/refusals'] },
  41: { threat: 'an older version', proofs: ['security/forged-heads'] },
  42: {
    threat: 'what a refusal or an answer gives away',
    proofs: ['security/refusals', 'security/reconcile-questions', 'gateway/http/mutual-tls'],
  },
  43: {
    threat: 'a log restored from an older copy',
    proofs: [
      'gateway/message-log/verification/damage',
      'gateway/message-log/erasure/erasing-recovery',
      'gateway/message-log/witness/witness',
    ],
  },
}

for (const [row, { threat, proofs }] of Object.entries(ROWS)) {
  t.test(`row ${row}: ${threat}`, async (t) => {
    for (const proof of proofs) {
      const file = join(ROOT, proof.endsWith('.long') ? `${proof}.ts` : `${proof}.test.ts`)
      t.ok(existsSync(file), proof)
      t.match(readFileSync(file, 'utf8'), /\bt\.test\(/, `${proof} tests`)
    }
  })
}
