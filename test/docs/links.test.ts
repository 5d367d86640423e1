/** Every link between the pages leads somewhere: to a file that there is, and to a heading of it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'
import { anchorsOf, relativeLinks } from './markdown.ts'

const ROOT = join(import.meta.dirname, '../..')

const pages: string[] = []
for await (const page of glob('**/*.md', { cwd: ROOT, exclude: ['**/node_modules/**', '**/dist/**'] })) pages.push(page)

/** What is wrong with the links of a page, each with its line. */
function faultsOf(page: string): string[] {
  const document = readFileSync(join(ROOT, page), 'utf8')
  return relativeLinks(document).flatMap(({ line, target }) => {
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? page : normalize(join(dirname(page), decodeURI(path)))
    const at = `${page}:${line}: ${target}`
    if (file.startsWith('..')) return [`${at} leads out of the repository`]
    if (!existsSync(join(ROOT, file))) return [`${at}: there is no ${relative('', file)}`]
    if (anchor === undefined || !file.endsWith('.md')) return []
    const anchors = anchorsOf(readFileSync(join(ROOT, file), 'utf8'))
    return anchors.has(anchor) ? [] : [`${at}: ${file} has no heading #${anchor}`]
  })
}

test('there are pages, with links', () => {
  assert.ok(pages.includes('README.md') && pages.some((page) => page.startsWith('docs/')))
  assert.ok(relativeLinks(readFileSync(join(ROOT, 'README.md'), 'utf8')).length > 10)
})

test('every relative link leads to a file, every anchor to a heading', () => {
  assert.deepEqual(pages.flatMap(faultsOf), [])
})

test('a page of docs/ can be reached from README.md', () => {
  const reached = new Set<string>()
  const visit = (page: string): void => {
    if (reached.has(page) || !page.endsWith('.md') || !existsSync(join(ROOT, page))) return
    reached.add(page)
    for (const { target } of relativeLinks(readFileSync(join(ROOT, page), 'utf8'))) {
      visit(normalize(join(dirname(page), target.split('#')[0] || relative(dirname(page), page))))
    }
  }
  visit('README.md')
  assert.deepEqual(
    pages.filter((page) => page.startsWith('docs/') && !reached.has(page)),
    [],
  )
})

test('links, pictures and anchors are found as they are written', () => {
  const document =
    '# A `b` & c\n[x](y.md#z) `[no](no.md)` ![p](p.svg "P")\n```\n[no](no.md)\n```\n[e](https://e.org)\n# A `b` & c'
  assert.deepEqual(relativeLinks(document), [
    { line: 2, target: 'y.md#z' },
    { line: 2, target: 'p.svg' },
  ])
  assert.deepEqual([...anchorsOf(document)], ['a-b--c', 'a-b--c-1'])
})
