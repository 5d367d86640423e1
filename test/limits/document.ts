/** Tables for docs/limits.md, each between two markers that stay. */
import { readFile, writeFile } from 'node:fs/promises'

/** Puts `text` where the document has `<!-- name -->` … `<!-- /name -->`. */
export async function replaceSection(file: string, name: string, text: string): Promise<void> {
  const document = await readFile(file, 'utf8')
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${file} lacks ${begin} … ${end}`)
  await writeFile(file, `${document.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${document.slice(to)}`)
}

/** A table in Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
