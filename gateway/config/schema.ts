/** JSON Schema of the gateway's configuration file: every member, its default and what it is for. */

const path = (description: string) => ({ type: 'string', minLength: 1, description }) as const
const integer = (minimum: number, value: number, description: string) =>
  ({ type: 'integer', minimum, default: value, description }) as const
const host = { type: 'string', default: '127.0.0.1', description: 'Address to listen on' } as const
const port = { type: 'integer', minimum: 0, maximum: 65535, default: 0, description: 'Port; 0: any free one' } as const
const key = path('Private key, PKCS#8 PEM, mode 0600')
const certificate = path('Certificate, PEM, its issuing CA behind it where peers need it')
const identifier = { type: 'string', pattern: '^[^/]+(/[^/]+){3,4}$' } as const
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a certificate, hex' } as const
const object = <P extends object>(required: readonly string[], properties: P, description: string) =>
  ({ type: 'object', additionalProperties: false, required, properties, description }) as const
const optional = <P extends object>(properties: P, description: string) =>
  ({ type: 'object', additionalProperties: false, default: {}, properties, description }) as const
const DAY = '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$'
const day = (value: string | null, description: string) =>
  ({ type: ['string', 'null'], pattern: DAY, default: value, description }) as const

/** JSON Schema of the file; the README's table is checked against it. */
export const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:owl:gateway:configuration:1',
  ...object(
    ['gateway', 'directory', 'registry', 'seal', 'consumer', 'provider', 'admin', 'log'],
    {
      $schema: { type: 'string', description: 'For editors' },
      gateway: { ...identifier, description: 'INSTANCE/CLASS/MEMBER/SERVERCODE' },
      directory: path('State: configuration copies, revocation answers, message log, spool'),
      registry: object(
        ['url', 'ca', 'anchor', 'anchorSha256'],
        {
          url: { type: 'string', pattern: '^https://', description: 'The lead municipality’s registry' },
          ca: path('CA certificate of the registry’s TLS server, PEM'),
          anchor: path('Public JWK of the key that signs the global configuration'),
          anchorSha256: { type: 'string', description: 'Its RFC 7638 thumbprint, base64url, compared out of band' },
          pollIntervalMs: integer(100, 10_000, 'How often to ask for news'),
        },
        'Where the global configuration comes from',
      ),
      seal: object(['key', 'certificate'], { key, certificate }, 'Seal key and certificate of the member'),
      consumer: object(
        ['key', 'certificate'],
        {
          host,
          port,
          key,
          certificate,
          httpPort: {
            type: ['integer', 'null'],
            minimum: 0,
            maximum: 65535,
            default: null,
            description: 'Plain HTTP on loopback; null: none',
          },
        },
        'Port that local systems call',
      ),
      provider: object(
        ['key', 'certificate', 'client'],
        {
          host,
          port,
          key,
          certificate,
          client: object(['key', 'certificate'], { key, certificate }, 'What this gateway shows when it calls another'),
        },
        'Port that other gateways call',
      ),
      admin: object(
        ['key', 'certificate'],
        {
          host,
          port,
          key,
          certificate,
          operators: { type: 'array', items: sha256, default: [], description: 'Operator certificates' },
        },
        'Port for operators: audit, health, metrics',
      ),
      clients: {
        type: 'array',
        default: [],
        description: 'Subsystems whose local systems may call, and how they prove it',
        items: object(
          ['id', 'auth'],
          {
            id: { type: 'string', pattern: '^[^/]+(/[^/]+){2,3}$', description: 'Subsystem, or a member' },
            auth: {
              enum: ['mtls', 'https', 'http'],
              description: 'mtls: a listed certificate; https: any TLS; http: plain HTTP on loopback',
            },
            certificates: { type: 'array', items: sha256, default: [], description: 'Accepted with mtls' },
          },
          'One subsystem',
        ),
      },
      services: {
        type: 'array',
        default: [],
        description: 'Services answered here',
        items: {
          ...object(
            ['id'],
            {
              id: { ...identifier, description: 'Five parts, as registered' },
              adapter: path('Name of an adapter, e.g. bielefeld/melderegister/vams'),
              url: { type: 'string', pattern: '^https?://', description: 'Or the base URL of an HTTP service' },
              openapi: path('Path of its OpenAPI document (JSON) below the URL, for getOpenAPI'),
              ca: path(
                'CA certificate of an https service, or that service’s own certificate, which is then taken octet by octet, whatever names it has; PEM',
              ),
              options: { type: 'object', description: 'Handed to the adapter' },
              timeoutMs: integer(1, 60_000, 'How long the local system may take'),
              bodyBytesMax: integer(0, 10 * 1024 * 1024, 'Largest request or reply body'),
            },
            'One service',
          ),
          oneOf: [{ required: ['adapter'] }, { required: ['url'] }],
        },
      },
      networksAllowed: {
        type: 'array',
        default: [],
        items: { type: 'string' },
        description: 'CIDR blocks in which services may be; empty: none by URL',
      },
      idnrTestNumbers: {
        type: 'boolean',
        default: false,
        description:
          'Identification numbers that begin with 0 are guarded too: for test data; telephone numbers look alike',
      },
      log: object(
        ['masterKey'],
        {
          masterKey: path('32 octets, mode 0600'),
          keyStore: {
            type: ['string', 'null'],
            default: null,
            description: 'Directory of wrapped keys, apart from the log and its backups; null: <directory>/keys',
          },
          stampIntervalMs: integer(100, 60_000, 'A batch is closed and time-stamped this often'),
          stampRecordsMax: integer(1, 10_000, 'or when it holds this many records'),
          stampFailureLimitMs: integer(1000, 4 * 3600_000, 'Without a time-stamp for this long, requests are refused'),
          queueMax: integer(1, 10_000, 'Records waiting for the disk'),
          eraseAt: {
            type: ['string', 'null'],
            pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
            default: '01:30',
            description: 'What is due is erased at this time, UTC, and after the start; null: only by command',
          },
          clockLeadMaxMs: integer(
            3600_000,
            48 * 3600_000,
            'Nothing is erased by a clock that is further ahead of the latest time-stamp',
          ),
          archive: {
            type: ['string', 'null'],
            default: null,
            description: 'Directory of archive files, of this gateway alone, on any disk; null: <directory>/archive',
          },
          archiveAfterDays: integer(1, 30, 'Time-stamped batches move to archive files after this many days'),
          archiveAt: {
            type: ['string', 'null'],
            pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
            default: '02:30',
            description: 'every night at this time, UTC; null: only by command',
          },
          renewDaysBefore: {
            type: ['integer', 'null'],
            minimum: 0,
            default: 30,
            description: 'Evidence is renewed this many days before what it rests on ends; null: only by command',
          },
          algorithmEnds: optional(
            {
              sha256: day(
                '2031-12-31',
                'Last day of SHA-256: as far as BSI TR-02102-1 looks ahead; move it with the edition',
              ),
              sha512: day(null, 'Last day of SHA-512; null: no end in sight'),
            },
            'When hash algorithms end',
          ),
          reconcileHour: {
            type: ['integer', 'null'],
            minimum: 0,
            maximum: 23,
            default: 2,
            description: 'Hour (UTC) in which the log is compared with those of partners; null: never',
          },
        },
        'Message log',
      ),
      limits: optional(
        {
          headBytesMax: integer(1024, 32 * 1024, 'Head of a message'),
          bodyBytesMax: integer(
            0,
            10 * 1024 * 1024,
            'Body that a local system may send or get, where the service says nothing else',
          ),
          spoolAboveBytes: integer(0, 1024 * 1024, 'Larger bodies go to disk'),
          urlCharsMax: integer(100, 2000, 'Request target'),
          inFlightMax: integer(1, 1000, 'Exchanges under way'),
          inFlightPerClientMax: integer(1, 250, 'Exchanges under way per client'),
          refusalsPerSecond: integer(1, 20, 'Signed refusals per peer and second'),
          refusalsBurst: integer(1, 100, 'and at once'),
          reconcilesPerSecond: integer(1, 2, 'Questions of a partner who compares message logs, a second'),
          reconcilesBurst: integer(1, 100, 'and at once'),
          clockSkewMsMax: integer(1000, 60_000, 'Difference of owl-issued-at to our clock'),
          replayWindowMs: integer(60_000, 24 * 3600_000, 'How long a request id stays taken'),
          peerConnectionsMax: integer(1, 64, 'Connections to one gateway'),
          connectTimeoutMs: integer(1, 5000, 'To another gateway or a service'),
          peerTimeoutMs: integer(
            1,
            90_000,
            'Until another gateway begins to answer; where a service is published to take longer, that and 30 s',
          ),
          progressTimeoutMs: integer(1, 15_000, 'Between two octets of a body'),
          connectionsMax: integer(1, 2500, 'Open connections at each port'),
          strangersMax: integer(
            1,
            250,
            'Connections at the provider port of nobody registered, or not yet; for one more the oldest is cut',
          ),
          headTimeoutMs: integer(100, 10_000, 'For the head of a request to arrive'),
          keepAliveTimeoutMs: integer(0, 65_000, 'For the next request on a connection'),
          bodyBytesPerSecondMin: integer(1, 1024, 'Slowest rate of a request body or of a gateway’s reply'),
          bodyStallMsMax: integer(100, 10_000, 'Longest that a request body may stand still'),
          replyStallMsMax: integer(100, 60_000, 'Longest that a reply may wait for its reader'),
          configurationWarnMs: integer(1000, 600_000, 'Without news from the registry'),
          revocationIntervalMs: integer(1000, 300_000, 'Between two questions for one certificate'),
          revocationAgeMsMax: integer(1000, 3600_000, 'Oldest answer that counts as fresh'),
        },
        'Limits',
      ),
    },
    'Configuration of an owl-gateway',
  ),
} as const
