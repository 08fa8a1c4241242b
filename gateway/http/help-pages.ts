/**
 * The pages that `help` in an error points to: what a code means and what to do, in German and English.
 *
 * They are made of the table in `errors.ts` alone, so they are the same at every gateway and for everybody, and say
 * nothing about the one that serves them. No certificate is needed; there is no script, no form and no input.
 */

import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { FaultCode, Turn } from '../errors.ts'
import { FAULTS, faultOf } from '../errors.ts'
import { GERMAN_FAULTS } from '../german-faults.ts'
import { Html, html } from '../html.ts'
import { HELP_PATH } from './fault-reply.ts'

/** `GET /help/errors`, the list of all codes, and `GET /help/errors/<code>`; the list with 404 for any other code. */
export async function helpPages(app: FastifyInstance): Promise<void> {
  // Nobody sends a body here.
  const route = { bodyLimit: 1 }
  app.get(HELP_PATH, route, async (_request, reply) => send(reply, 200, INDEX))
  app.get<{ Params: { code: string } }>(`${HELP_PATH}/:code`, route, async ({ params }, reply) => {
    const page = PAGES.get(params.code)
    return page === undefined ? send(reply, 404, INDEX) : send(reply, 200, page)
  })
}

function send(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply.code(status).headers(HEADERS).send(page)
}

const STYLE = `
:root { color-scheme: light dark; --text: #1a1a1a; --ground: #fff; --link: #003a80; --line: #767676 }
@media (prefers-color-scheme: dark) { :root { --text: #f2f2f2; --ground: #161616; --link: #a8c7fa; --line: #8c8c8c } }
body { max-width: 42rem; margin: 0 auto; padding: 1.5rem; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
a { color: var(--link) }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
h1 { font-size: 1.5rem; line-height: 1.25 }
h2 { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.2rem }
dt { margin-top: 1rem; font-weight: 600 }
dd { margin: 0 }
li { margin-top: .75rem }
ul { padding-left: 1.25rem }
code { font-family: ui-monospace, monospace; font-size: .9375em }
@media print { body { max-width: none; padding: 0; font-size: 11pt } nav { display: none } dl { break-inside: avoid } }
`

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'public, max-age=3600',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

type Speaker = Turn | 'gateway'

const GERMAN_TURNS: Readonly<Record<Speaker, string>> = {
  'consumer-system': 'Ihre Stelle: An der Anfrage oder an Ihrem Fachverfahren ist etwas zu ändern.',
  'provider-system': 'Die angefragte Stelle mit ihrem Fachverfahren.',
  network: 'Der Betrieb: Zwischen den beiden Gateways ist die Verbindung gestört.',
  gateway:
    'Der Betrieb des Gateways, das hier spricht: mit Server.ClientProxy das Ihrer Stelle, mit Server.ServerProxy das der angefragten.',
}
const TURNS: Readonly<Record<Speaker, string>> = {
  'consumer-system': 'Yours: something in the request or in your system has to change.',
  'provider-system': 'The provider’s, with its local system.',
  network: 'The operators’: between the two gateways the connection is disturbed.',
  gateway:
    'The operators’ of the gateway that speaks: with Server.ClientProxy that of the consumer, with Server.ServerProxy that of the provider.',
}
const GERMAN_AGAIN =
  'Ja, wenn in der Antwort retryable auf true steht: Dann hat noch niemand gehandelt, und dieselbe Anfrage kann später gelingen.'
const AGAIN =
  'Yes, where the answer says retryable: true. Then nobody has acted on it, and the same request may succeed later.'

const CODES = Object.keys(FAULTS) as FaultCode[]
const PAGES: ReadonlyMap<string, string> = new Map(CODES.map((code) => [code, codePage(code)]))
const INDEX = indexPage()

function codePage(code: FaultCode): string {
  const { message, help, turn, retryable } = faultOf(code)
  const german = GERMAN_FAULTS[code]
  return document(
    code,
    html`<nav><a href="${HELP_PATH}">Alle Fehler · <span lang="en">All errors</span></a></nav>
<main>
<h1><code>${code}</code></h1>
<p>${german.message}</p>
<dl>
<dt>Was ist zu tun?</dt><dd>${german.help}</dd>
<dt>Wer ist am Zug?</dt><dd>${GERMAN_TURNS[turn ?? 'gateway']} Genauer sagt es <code>side</code> in der Antwort.</dd>
<dt>Noch einmal senden?</dt><dd>${retryable ? GERMAN_AGAIN : 'Unverändert gelingt dieselbe Anfrage auch später nicht.'}</dd>
<dt>An wen wenden?</dt><dd>Nennen Sie dem Betrieb Ihres Gateways die Anfragenummer aus <code>detail</code>: Unter ihr finden beide Seiten den Vorgang.</dd>
</dl>
<section lang="en">
<h2>English</h2>
<p>${message}.</p>
<dl>
<dt>What to do</dt><dd>${help}</dd>
<dt>Whose turn it is</dt><dd>${TURNS[turn ?? 'gateway']} <code>side</code> in the answer says it exactly.</dd>
<dt>Send it again?</dt><dd>${retryable ? AGAIN : 'The same request will not succeed later either.'}</dd>
<dt>Whom to ask</dt><dd>Give the operators of your gateway the request id in <code>detail</code>: both sides find the exchange by it.</dd>
</dl>
</section>
</main>`,
  )
}

function indexPage(): string {
  const entries = CODES.map(
    (code) => html`<li><a href="${HELP_PATH}/${code}"><code>${code}</code></a><br>
${GERMAN_FAULTS[code].message}<br>
<span lang="en">${faultOf(code).message}.</span></li>
`,
  )
  return document(
    'Fehler · Errors',
    html`<main>
<h1>Fehler des Gateways · <span lang="en">Errors of the gateway</span></h1>
<p>Vor jedem Namen steht in <code>type</code>, wer spricht: <code>Client.</code>, wenn die Anfrage nicht dem Protokoll folgt, <code>Server.ClientProxy.</code> für das Gateway Ihrer Stelle, <code>Server.ServerProxy.</code> für das der angefragten.</p>
<p lang="en">Before every name <code>type</code> says who speaks: <code>Client.</code> where the request does not follow the protocol, <code>Server.ClientProxy.</code> for the consumer’s gateway, <code>Server.ServerProxy.</code> for the provider’s.</p>
<ul>
${entries}</ul>
</main>`,
  )
}

function document(title: string, body: Html): string {
  return html`<!DOCTYPE html>
<html lang="de">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · owl-gateway</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`.text
}
