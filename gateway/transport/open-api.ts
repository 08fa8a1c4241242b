/** The OpenAPI 3.1 document of a service by adapter: it stands alone, with the errors of the gateway. */

import type { Adapter } from '../../adapters/adapter.ts'

/** @param title of the service, as registered */
export function openApiOf({ service, version, requestSchema, responseSchema }: Adapter, title: string): object {
  const [request, response] = [requestSchema.bundled(), responseSchema.bundled()]
  const post = {
    operationId: service,
    summary: title,
    requestBody: { required: true, content: { 'application/json': { schema: refTo(request.name) } } },
    responses: {
      '2XX': { description: 'Antwort des Dienstes', content: { 'application/json': { schema: refTo(response.name) } } },
      '400': { $ref: '#/components/responses/BadRequest' },
      '4XX': {
        description: 'Die angefragte Stelle weist die Anfrage zurück (RFC 9457).',
        content: { 'application/problem+json': { schema: { type: 'object' } } },
      },
      '500': { $ref: '#/components/responses/Failure' },
    },
  }
  return {
    openapi: '3.1.0',
    info: { title, version: `${version}` },
    // What X-Road writes instead of the address of a service.
    servers: [{ url: 'http://example.org/xroad-endpoint' }],
    paths: { [`/v${version}`]: { post } },
    components: { schemas: { ...request.schemas, ...response.schemas, [FAULT]: FAULT_SCHEMA }, responses: RESPONSES },
  }
}

function refTo(name: string): object {
  return { $ref: `#/components/schemas/${name}` }
}

/** Names of shared schemas hold a full stop. */
const FAULT = 'GatewayFault'

/** `FaultBody` of `fault-reply.ts`. */
const FAULT_SCHEMA = {
  type: 'object',
  description: 'Fehler eines Gateways; was die Codes bedeuten, steht unter dem Pfad in help.',
  required: ['type', 'message', 'detail', 'stage', 'side', 'retryable', 'help'],
  properties: {
    type: { type: 'string', examples: ['Server.ServerProxy.AccessDenied'] },
    message: { type: 'string' },
    detail: { type: 'string', description: 'Anfragenummer, in den Protokollen beider Seiten' },
    stage: { type: 'string' },
    side: {
      type: 'string',
      enum: ['consumer-system', 'consumer-gateway', 'network', 'provider-gateway', 'provider-system'],
    },
    retryable: { type: 'boolean' },
    help: { type: 'string' },
    pointers: { type: 'array', items: { type: 'string' } },
  },
}

function faultResponse(description: string, ...more: readonly string[]): object {
  const types = ['application/json', ...more]
  return {
    description,
    headers: { 'X-Road-Error': { description: 'Wie type', schema: { type: 'string' } } },
    content: Object.fromEntries(
      types.map((type) => [type, { schema: type === 'application/json' ? refTo(FAULT) : {} }]),
    ),
  }
}

const RESPONSES = {
  BadRequest: faultResponse(
    'Die Anfrage folgt nicht dem Protokoll (Gateway), oder die angefragte Stelle weist sie zurück (RFC 9457).',
    'application/problem+json',
  ),
  Failure: faultResponse('Ein Gateway hat abgelehnt oder versagt; side sagt, wer am Zug ist.'),
}
