import { readFile } from 'node:fs/promises'
import t from 'tap'
import { payloadTypes } from '../../schemas/payload-types.ts'

t.test('the types say what the schemas say', async (t) => {
  for (const [file, text] of payloadTypes()) {
    const written = await readFile(new URL(`../../schemas/${file}`, import.meta.url), 'utf8')
    t.equal(written, text, `${file} is as \`node schemas/payload-types.ts\` writes it`)
  }
})
