/** What every page wears: head, style sheet, script; and a page of nothing but words. */
import { type Html, html } from './html.ts'

/** A page of its own words in the same dress. */
export function plainPage(title: string, body: Html): string {
  return dressed(
    `${title} · kafka-sluice`,
    html`<main id="main" class="plain" tabindex="-1"><p class="brand">kafka-sluice</p><h1>${title}</h1>${body}</main>`,
  )
}

export function dressed(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body>
${body}
</body>
</html>
`.text
}
