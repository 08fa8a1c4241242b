import type { Test } from 'tap'
import t from 'tap'
import { AdapterError } from '../../../../adapters/adapter-error.ts'
import { openRegister } from '../../../../adapters/paderborn/melderegister/register.ts'
import { serve } from '../../rig.ts'

const SIGNAL = AbortSignal.timeout(60_000)

/** The family name that the adapter reads from an answer of these octets. */
async function nameIn(t: Test, body: Uint8Array, contentType: string): Promise<unknown> {
  const register = openRegister({ url: await serve(t, () => ({ status: 200, contentType, body })) })
  t.teardown(() => register.close())
  return (await register.stored('a', SIGNAL))?.identifikation?.familienname
}

function answer(name: string, encoding?: string): string {
  const declaration = encoding === undefined ? '' : `<?xml version="1.0" encoding="${encoding}"?>`
  const content = `<ERGEBNIS>abweichungen</ERGEBNIS><IDENT><NAME>${name}</NAME></IDENT>`
  return `${declaration}<E:Envelope xmlns:E="x"><E:Body><LIES_AUSWERTUNG_ANTWORT>${content}</LIES_AUSWERTUNG_ANTWORT></E:Body></E:Envelope>`
}

t.test('a name arrives as the register means it, in whatever charset it writes', async (t) => {
  const latin1 = Buffer.from(answer('Jörg', 'ISO-8859-1'), 'latin1')
  t.equal(await nameIn(t, latin1, 'text/xml'), 'Jörg')
  t.equal(await nameIn(t, latin1, 'text/xml; charset=iso-8859-1'), 'Jörg')
  t.equal(await nameIn(t, Buffer.from(`\ufeff${answer('M̂bala', 'utf-8')}`), 'text/xml'), 'M̂bala')
  t.equal(await nameIn(t, Buffer.from(`\ufeff${answer('M̂bala', 'utf-16')}`, 'utf16le'), 'text/xml'), 'M̂bala')
})

t.test('and in whatever form: CDATA, references, both', async (t) => {
  const name = 'M&#xfc;ller &amp; <![CDATA[Söhne & Co &lt;KG&gt;]]><!-- & -->'
  t.equal(await nameIn(t, Buffer.from(answer(name)), 'text/xml; charset=utf-8'), 'Müller & Söhne & Co &lt;KG&gt;')
})

t.test('what cannot be read is an unusable answer, not a register that is down', async (t) => {
  for (const contentType of [
    'text/xml',
    'text/xml; charset=utf-8',
    'text/xml; charset=x-unknown',
    'text/xml; charset=us-ascii',
  ]) {
    const error = await nameIn(t, Buffer.from(answer('Jörg'), 'latin1'), contentType).catch((thrown: Error) => thrown)
    t.match(error, new AdapterError('response', 'charset'), contentType)
    t.notMatch(String((error as Error).stack), /rg/)
  }
})
