/** What tests ask of the pages in Markdown: their links, their anchors, their blocks of code, the configurations among these. */
import { readdirSync, readFileSync } from 'node:fs'
import { configJsonSchema } from '../../src/config/json-schema.ts'

const REPOSITORY = new URL('../../', import.meta.url)

/** Pages whose blocks begin with the same words as ours and are of another kind: Helm values, metadata of pods. */
const PAGES_OF_OTHER_FILES: ReadonlySet<string> = new Set(['docs/kubernetes.md'])

interface Block {
  /** Of its first line, from 1. */
  readonly line: number
  readonly text: string
}

interface Link {
  readonly line: number
  /** As written: a path, an anchor, or both. */
  readonly target: string
}

/** Blocks that are marked as YAML, without the indentation that they have in a list. */
export function yamlBlocks(document: string): Block[] {
  return [...document.matchAll(/^( *)```ya?ml\n(.*?)^ *```$/gmsu)].map(({ 1: indent = '', 2: text = '', index }) => ({
    line: lineAt(document, index) + 1,
    text: text.replaceAll(new RegExp(`^${indent}`, 'gmu'), ''),
  }))
}

export interface Configuration {
  /** `page:line`. */
  readonly at: string
  readonly text: string
}

/** The blocks of the pages that are configurations of ours: they begin with one of our keys. */
export function configurationsInPages(): Configuration[] {
  const keys = Object.keys(configJsonSchema().properties ?? {}).join('|')
  const beginsWithKey = new RegExp(`^(?:#.*\\n|\\s*\\n)*(?:${keys}):`, 'u')
  const pages = ['README.md', ...readdirSync(new URL('docs', REPOSITORY)).map((name) => `docs/${name}`)]
  return pages
    .filter((page) => page.endsWith('.md') && !PAGES_OF_OTHER_FILES.has(page))
    .flatMap((page) =>
      yamlBlocks(readFileSync(new URL(page, REPOSITORY), 'utf8'))
        .filter(({ text }) => beginsWithKey.test(text))
        .map(({ line, text }) => ({ at: `${page}:${line}`, text })),
    )
}

/** Links and pictures to somewhere in this repository. */
export function relativeLinks(document: string): Link[] {
  const prose = withoutCode(document)
  const found = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|<(?:img|source)[^>]+?src(?:set)?="([^"]+)"/gu)]
  return found
    .map(({ 1: link, 2: picture, index }) => ({ line: lineAt(prose, index), target: link ?? picture ?? '' }))
    .filter(({ target }) => !/^[a-z]+:/u.test(target))
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(document: string): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutFences(document).matchAll(/^#{1,6} +(.+?) *#*$/gmu)) {
    const anchor = slug(heading)
    const times = seen.get(anchor) ?? 0
    seen.set(anchor, times + 1)
    anchors.add(times === 0 ? anchor : `${anchor}-${times}`)
  }
  for (const [, id = ''] of document.matchAll(/<a (?:id|name)="([^"]+)">/gu)) anchors.add(id)
  return anchors
}

function slug(heading: string): string {
  const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/gu, '$1')
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-')
}

/** Blanked, so that lines keep their numbers. */
function withoutFences(document: string): string {
  return document.replaceAll(/^ *(```|~~~).*?^ *\1 *$/gmsu, blank)
}

function withoutCode(document: string): string {
  return withoutFences(document).replaceAll(/(`+)[^`].*?\1/gu, blank)
}

function blank(code: string): string {
  return code.replaceAll(/[^\n]/gu, ' ')
}

function lineAt(document: string, index: number): number {
  return document.slice(0, index).split('\n').length
}
