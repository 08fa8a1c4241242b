import t from 'tap'
import { formatRegion } from '../../../../gateway/commands/registry/text.ts'
import { initRegistry, openRegistry } from '../../../../gateway/registry/store.ts'
import { makeRegion, removeRegion } from '../../registry/region.ts'

t.test('what is published is printed, and no name in it is obeyed by a terminal', async (t) => {
  const region = await makeRegion()
  const directory = region.path('registry')
  initRegistry(directory, region.content, Date.now())
  const store = openRegistry(directory)
  t.teardown(() => {
    store.close()
    removeRegion(region)
  })
  const published = store.current()
  const [member, ...others] = published.configuration.members
  if (member === undefined) throw new TypeError('nobody is registered')
  const named = { ...member, name: 'Delbrück\u001b[2J\u202e\ufeff' }
  const text = formatRegion({
    ...published,
    configuration: { ...published.configuration, members: [named, ...others] },
  })

  t.match(text, `${member.id}  DelbrückU+001B[2JU+202EU+FEFF  `)
  t.notMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
})
