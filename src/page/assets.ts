/** The style sheet and the script of the page: files beside this one (also beside the bundle), served as they are. Read at first use. */
import { readFileSync } from 'node:fs'

const texts = new Map<string, string>()

export function asset(name: 'page.css' | 'page.js'): string {
  let text = texts.get(name)
  if (text === undefined) {
    text = readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8')
    texts.set(name, text)
  }
  return text
}
