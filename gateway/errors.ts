/**
 * Every failure the gateway raises on purpose: one table, one class.
 *
 * Source: X-Road PR-REST §4.6, contract §2.5. The code is the contract and the metric label; a row is never renamed.
 * Shared code throws a bare code (`AccessDenied`); `fault-reply.ts` puts the side before it once, at the edge.
 */

interface Fault {
  /** What the caller reads. No internals, no values. */
  readonly message: string
  /** What to do about it; also the text of the README's row. */
  readonly help: string
  /** The same request may succeed later without being changed; said of it only while nobody has acted on it. */
  readonly retryable?: true
  /** The request breaks X-Road's protocol: HTTP 400 and the prefix `Client.`. Everything else is 500, whosever turn it is. */
  readonly client?: true
  /** Whose turn it is to change something. Absent: the gateway's that speaks. */
  readonly turn?: Turn
}

/** `network` is said by the consumer's gateway alone. */
export type Turn = 'consumer-system' | 'network' | 'provider-system'

export const FAULTS = {
  BadRequest: {
    turn: 'consumer-system',
    client: true,
    message: 'The request does not follow the message protocol',
    help: 'Compare the request with the README, section "The request": URL, X-Road-Client, OWL-Purpose, limits.',
  },

  UnknownMember: {
    turn: 'consumer-system',
    message: 'The member or subsystem is not registered, or not at this gateway',
    help: 'Check the spelling of the identifier against GET /listClients; register it with the lead municipality.',
  },
  UnknownService: {
    turn: 'consumer-system',
    message: 'The provider has no such service',
    help: 'Ask GET /r1/…/listMethods which services the subsystem has.',
  },
  ServiceDisabled: {
    retryable: true,
    message: 'The service is switched off by its provider',
    help: 'Read the notice; try again when it is over.',
  },
  InvalidSecurityServer: {
    turn: 'consumer-system',
    message: 'The named gateway does not serve the provider',
    help: 'Leave X-Road-Security-Server out, or name a gateway that the global configuration lists for the provider.',
  },
  ServiceType: {
    turn: 'consumer-system',
    message: 'The service is of another type',
    help: 'Ask getOpenAPI only for services of type OPENAPI.',
  },

  AccessDenied: {
    message: 'No agreement allows this client to call this service this way',
    help: 'Ask the provider for an agreement on client, method and path; allowedMethods shows what there is.',
  },
  PurposeNotAllowed: {
    turn: 'consumer-system',
    message: 'The agreement does not allow this purpose',
    help: 'Name a purpose in OWL-Purpose that the agreement lists for this endpoint.',
  },
  IdentifierNotAllowed: {
    turn: 'consumer-system',
    message: 'The message carries an identification number (IDNr) that its agreement does not allow',
    help: 'Leave the number out. Where a law lets this exchange carry it, have the lead municipality register that: owl registry agreement add … --allow-idnr.',
  },
  SslAuthenticationFailed: {
    message: 'The TLS certificate does not authenticate the party',
    help: 'Use a certificate registered for the subsystem (local system) or the gateway (peer); check that it is neither expired nor revoked.',
  },

  OutdatedGlobalConf: {
    retryable: true,
    message: 'The global configuration at hand is too old to judge by',
    help: 'Check that the gateway reaches the registry; it polls again by itself.',
  },
  CertValidation: {
    retryable: true,
    message: 'The revocation status of a certificate is unknown or stale',
    help: 'Check that the gateway reaches OCSP responder or CRL; it asks again by itself.',
  },
  IncorrectCertificate: {
    message: 'A seal certificate is revoked, or does not fit its profile',
    help: 'The agency that signed must have it replaced, after the profile in gateway/trust/README.md, and register the new one.',
  },

  MissingSignature: {
    message: 'The message carries no signature',
    help: 'Messages between gateways carry OWL-Signature; is something between them removing headers?',
  },
  'SignatureVerification.MalformedSignature': {
    message: 'The signature is not of the agreed form',
    help: 'Both gateways must run a version that writes JAdES B-B as in the protocol.',
  },
  'SignatureVerification.InvalidSignatureValue': {
    message: 'The signature does not hold',
    help: 'The message was changed on its way or signed with another key; look at both message logs.',
  },
  'SignatureVerification.InvalidReference': {
    message: 'The signature covers other octets than those received',
    help: 'The message was changed on its way; look at both message logs.',
  },
  'SignatureVerification.UnknownCertificate': {
    message: 'The signing certificate is not registered for the member',
    help: 'Register the seal certificate with the lead municipality, or wait until the gateway has polled.',
    retryable: true,
  },
  InvalidMessage: {
    message: 'The message between gateways is malformed',
    help: 'Both gateways must run a compatible version; is something between them changing octets?',
  },
  InconsistentResponse: {
    message: 'The reply does not belong to this request',
    help: 'Look at the message logs of both sides: the provider gateway answered something else.',
  },
  StaleMessage: {
    message: 'The message is too old or from the future',
    help: 'Check the clocks of both gateways: 60 s is the most they may differ.',
  },
  ReplayedMessage: {
    message: 'A message with this request id was taken before',
    help: 'Send a new request; a request id is used once.',
  },
  WrongAudience: {
    message: 'The message is addressed to another gateway',
    help: 'Check the address of the provider gateway in the global configuration.',
  },

  MissingBody: {
    message: 'The message ends before its body does',
    help: 'The connection broke; try again.',
    retryable: true,
  },
  InvalidBody: {
    turn: 'consumer-system',
    message: 'The body is not what its schema asks for',
    help: 'The message and pointers name the places as JSON pointers; compare with the schema, e.g. by getOpenAPI.',
  },
  InvalidContentType: {
    turn: 'consumer-system',
    message: 'The content type or encoding is not the one of the schema',
    help: 'Send application/json in UTF-8 without content encoding.',
  },
  'ServiceFailed.NetworkError': {
    turn: 'provider-system',
    message: 'The provider system could not be reached, or broke off',
    help: 'The provider must check the address and state of its local system. Unless the message says that nothing was delivered, what it did with the request is unknown.',
    retryable: true,
  },
  'ServiceFailed.SslAuthenticationFailed': {
    turn: 'provider-system',
    message: 'The TLS certificate of the provider system does not hold, or its TLS is too weak or too old',
    help: 'The provider must check certificate and TLS version of its local system, and services[].ca.',
    retryable: true,
  },
  'ServiceFailed.TimedOut': {
    turn: 'provider-system',
    message: 'The provider system did not answer in time',
    help: 'The provider must check its local system; what it did with the request is unknown.',
  },
  'ServiceFailed.InvalidBody': {
    turn: 'provider-system',
    message: 'The reply of the provider system breaks its schema',
    help: 'The provider must mend its adapter or local system.',
  },
  'ServiceFailed.InvalidContentType': {
    turn: 'provider-system',
    message: 'The reply of the provider system has another content type than its schema',
    help: 'The provider must mend its adapter or local system.',
  },
  'ServiceFailed.IdentifierNotAllowed': {
    turn: 'provider-system',
    message:
      'The reply of the provider system carries an identification number (IDNr) that its agreement does not allow',
    help: 'The provider must leave the number out of its reply, or have the lead municipality register that a law allows it.',
  },
  'ServiceFailed.TooLarge': {
    turn: 'provider-system',
    message: 'The reply of the provider system is larger than allowed',
    help: 'Raise services[].bodyBytesMax at the provider, or ask for less; a head is held to limits.headBytesMax.',
  },
  'ServiceFailed.InvalidResponse': {
    turn: 'provider-system',
    message: 'The reply of the provider system is not HTTP',
    help: 'The provider must mend its local system.',
  },
  'ServiceFailed.InternalError': {
    turn: 'provider-system',
    message: 'The adapter failed',
    help: 'The provider finds the cause in its gateway log under the request id.',
  },
  ServiceMissingUrl: {
    message: 'The service is registered but this gateway has no address or adapter for it',
    help: 'The provider must add the service to services[] of its gateway configuration.',
  },

  RefusedUnsigned: {
    message: 'The other gateway refused without signing',
    help: 'It could not tell who asks: look at its log under the request id; the fault it named is in type and message.',
  },
  ReplyTooLarge: {
    message: 'The reply is larger than this gateway takes',
    help: 'The operator can raise limits.bodyBytesMax; the provider has carried the request out.',
  },
  NetworkError: {
    turn: 'network',
    message: 'The other gateway could not be reached',
    help: 'Check address, firewall and state of the provider gateway. Nothing was delivered.',
    retryable: true,
  },
  OutcomeUnknown: {
    turn: 'network',
    message: 'The exchange broke off after the request was sent',
    help: 'Whether the provider acted on the request is unknown: ask, or send it again only if the service is idempotent.',
  },
  TooManyRequests: {
    turn: 'consumer-system',
    message: 'Too many requests are being refused or are under way',
    help: 'Wait, then send fewer at a time.',
    retryable: true,
  },

  CannotCreateSignature: {
    message: 'The gateway cannot sign',
    help: 'The operator must check the seal key and certificate.',
    retryable: true,
  },
  LoggingFailed: {
    message: 'The message log cannot be written, so nothing was passed on',
    help: 'The operator must free disk space, and the gateway goes on by itself; a log that is closed, as /readyz says, must be mended and the gateway started again.',
    retryable: true,
  },
  TimestampingFailed: {
    message: 'The message log has not been time-stamped for longer than allowed',
    help: 'The operator must check the time-stamp authority; the gateway recovers by itself.',
    retryable: true,
  },
  ArchiveUnavailable: {
    message: 'An archive file of the message log is missing or damaged',
    help: 'Put the file back where log.archive says; owl log archive list names it. Other records are not affected.',
  },
  InternalError: {
    message: 'The gateway failed',
    help: 'The operator finds the cause in the gateway log under the request id.',
  },
} as const satisfies Record<string, Fault>

export type FaultCode = keyof typeof FAULTS

export function faultOf(code: FaultCode): Fault {
  return FAULTS[code]
}

export interface GatewayErrorOptions {
  /** Added to the row's message for the caller, e.g. which header. Never a field's value. */
  readonly reason?: string
  /** For the log only. */
  readonly cause?: unknown
  /** JSON pointers of what breaks a schema. */
  readonly pointers?: readonly string[]
  /** No octet reached the service: to be said in `reason`, and the request can be sent again, whatever the stage. */
  readonly undelivered?: true
  /** What another gateway said, unsigned: passed on in its own words. */
  readonly fault?: PassedOn
}

/** A fault that arose elsewhere; `fault-reply.ts` knows its form. */
export interface PassedOn {
  readonly type: string
  readonly message: string
}

export class GatewayError extends Error {
  readonly code: FaultCode
  readonly pointers: readonly string[] | undefined
  readonly undelivered: boolean
  readonly fault: PassedOn | undefined

  constructor(code: FaultCode, { reason, cause, pointers, undelivered, fault }: GatewayErrorOptions = {}) {
    super(reason === undefined ? FAULTS[code].message : `${FAULTS[code].message}: ${reason}`, { cause })
    this.name = 'GatewayError'
    this.code = code
    this.pointers = pointers
    this.undelivered = undelivered === true
    this.fault = fault
  }
}

/** Anything thrown, as one of ours. */
export function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError('InternalError', { cause: error })
}
