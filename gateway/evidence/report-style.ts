/** How the report looks on a screen and on paper (A4). Contrast of text is above 7:1, of lines above 4.5:1; nothing is told by colour alone. */

import { Html } from '../html.ts'

export const REPORT_STYLE = new Html(`<style>
:root { color-scheme: light }
body { hyphens: auto; max-width: 60rem; margin: 0 auto; padding: 1.5rem; background: #fff; color: #1a1a1a; font: 1rem/1.5 system-ui, sans-serif }
nav { display: flex; gap: 1rem }
a { color: #003a80 }
a:focus-visible { outline: 3px solid #003a80; outline-offset: 2px }
article + article { margin-top: 4rem; border-top: 2px solid #1a1a1a }
h1 { font-size: 1.6rem; line-height: 1.25 }
h2 { margin-top: 2rem; font-size: 1.2rem; border-bottom: 1px solid #767676 }
h3 { font-size: 1rem }
.warning { padding: .75rem 1rem; border: 3px solid #8b0000; background: #fff; color: #8b0000 }
table { width: 100%; border-collapse: collapse }
th, td { padding: .35rem .5rem; border: 1px solid #767676; text-align: left; vertical-align: top; overflow-wrap: break-word }
thead th { background: #eee }
.pairs th { width: 16rem; font-weight: 600 }
code, pre { font-family: ui-monospace, monospace; font-size: .875rem; hyphens: none; overflow-wrap: anywhere }
pre { padding: .5rem; border: 1px solid #767676; background: #f7f7f7; white-space: pre-wrap; overflow-wrap: anywhere }
ol { margin: 0; padding-left: 1.5rem }
@media screen and (max-width: 40rem) {
  body { padding: 1rem }
  table, tbody, tr, th, td { display: block }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  tr { margin-bottom: .75rem; border: 1px solid #767676 }
  th, td, .pairs th { width: auto; border: 0 }
  [data-label]::before { content: attr(data-label) ": "; display: block; font-size: .875rem; font-weight: 600 }
}
@media print {
  @page { size: A4; margin: 18mm 15mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
  body { max-width: none; padding: 0; font-size: 9.5pt; color: #000 }
  h1 { font-size: 15pt }
  h2 { font-size: 12pt }
  h3, th, td { font-size: 9.5pt }
  code, pre { font-size: 8.5pt }
  p, li { orphans: 3; widows: 3 }
  thead { display: table-header-group }
  nav { display: none }
  article + article { break-before: page; margin: 0; border: 0 }
  h2, h3 { break-after: avoid }
  h2 + p, h3 + p { break-after: avoid }
  tr, pre { break-inside: avoid }
}
</style>`)
