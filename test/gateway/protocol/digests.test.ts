/** X-Road's request hash against the contract's vector, and ours. */

import { createHash } from 'node:crypto'
import t from 'tap'
import { messageDigest, requestHash, sha256, sha512 } from '../../../gateway/protocol/digests.ts'

// Contract §2.3, computed from X-Road's algorithm.
const H = Buffer.from(
  'POST\r\n/r1/DEV/COM/1234/TestService/mock1/v1/x%20y?quu=1&a=%C3%A4\r\nContent-Type:application/json\r\nX-Road-Client:DEV/COM/4321/TestClient\r\nX-Road-Id:fa2e18a5-c2cb-4d09-b994-f57727f7c3fb\r\nx-road-request-id:f92591a3-6bf0-49b1-987b-0dd78c034cc3\r\n',
)

t.test('request hash without a body', async (t) => {
  t.equal(
    requestHash(H, undefined),
    '4bLnicKEp6dTEIKOF19sAg+yvRTCM1mroyUjehK9ULSo/h2Ctb9dHMbUZLNF9CXSrcjbNqQak5Onbql3NcrSrQ==',
  )
})

t.test('request hash with a body', async (t) => {
  const body = Buffer.from('{"data": 1.0, "service": "random"}')

  t.equal(
    requestHash(H, { sha512: sha512(body) }),
    '3wI+1neiREmvFqRKuALun0fhEdEZ0Ybz0ps1Ao1n7oe0TdLM6cur0IOAdj5mr+Bn9c3LwUf8qzrPFdBT2kbYvw==',
  )
})

t.test('the message digest binds head and body', async (t) => {
  const [head, body] = [sha256('head'), sha256('body')]

  t.equal(messageDigest(head, body), createHash('sha256').update(head).update(body).digest('base64url'))
  t.equal(messageDigest(head, undefined), createHash('sha256').update(head).digest('base64url'))
  t.not(messageDigest(head, body), messageDigest(body, head))
})
