/** The version of this program, read from its package.json: beside src/ in a checkout, beside dist/ when installed. */
import { readFileSync } from 'node:fs'

export function packageVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
