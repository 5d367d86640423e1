/** What docs/cookbook.md says of a recipe: the YAML blocks of the section that shows its picture. The run takes them from there. */
import { yamlBlocks } from '../docs/markdown.ts'

/** The YAML blocks of the recipe's section, in their order. */
export function blocksOf(document: string, name: string): readonly string[] {
  const section = document.split(/^## /mu).find((part) => part.includes(`(cookbook/${name}.svg)`))
  if (section === undefined) throw new Error(`docs/cookbook.md shows no cookbook/${name}.svg`)
  return yamlBlocks(section).map(({ text }) => text)
}
