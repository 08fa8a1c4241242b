/** What operating systems, file servers, office programs and archivers leave beside files: no part of any evidence, and no attack on it. */

/** Names in lower case, of a file or of a folder with all that is in it. */
const NAMES: ReadonlySet<string> = new Set([
  // macOS
  ...['.ds_store', '.localized', '__macosx', '.appledouble', '.lsoverride', '.apdisk', 'icon\r', '.fseventsd'],
  ...['.spotlight-v100', '.trashes', '.temporaryitems', '.documentrevisions-v100', '.volumeicon.icns'],
  ...['.appledb', '.appledesktop', 'network trash folder', 'temporary items', '.com.apple.timemachine.donotpresent'],
  // Windows
  ...['thumbs.db', 'ehthumbs.db', 'ehthumbs_vista.db', 'desktop.ini', '$recycle.bin', 'system volume information'],
  ...['thumbs.db:encryptable', 'folder.htt'],
  // Linux desktops and file servers
  ...['.directory', '@eadir', '#recycle', '@recycle', '.@__thumb', '@syno', 'lost+found', '.hidden'],
])
const PATTERNS: readonly RegExp[] = [
  // AppleDouble, lock files of Office and LibreOffice, the origin that Windows notes, trash and removed files that are open.
  ...[/^\._./, /^~\$./, /^\.~lock\..*#$/, /:zone\.identifier$/, /^\.trash(?:-\d+)?$/, /^\.nfs[0-9a-f]+$/],
  ...[/^\.fuse_hidden[0-9a-f]+$/, /@synoeastream$/, /@synoresource$/],
]

/** @param path with `/` between folders */
export function isLeftover(path: string): boolean {
  return path.split('/').some((segment) => {
    const name = segment.toLowerCase()
    return NAMES.has(name) || PATTERNS.some((pattern) => pattern.test(name))
  })
}

const NAMED_MAX = 5

/** For people: the first of them by name. */
export function leftoversText(names: readonly string[]): string {
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : ''
  return `left by a system or an archiver, no part of the evidence: ${names.slice(0, NAMED_MAX).join(', ')}${more}`
}
