/** A YAML file: its plain value, its own faults, and where in the text a path of the document stands. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { CONFIG_FILE_BYTES_MAX, YAML_ALIASES_MAX } from '../bounds.ts'
import type { Fault } from './config-error.ts'

/** Keys and indexes from the top. */
export type Path = readonly PropertyKey[]

/** `quotas[0].limit.produceBytes`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}

/** A parsed file; `value` is undefined when the text has faults. */
export class YamlFile {
  readonly value: unknown
  readonly faults: readonly Fault[]
  readonly #document: Document.Parsed | undefined
  readonly #lines = new LineCounter()

  constructor(text: string) {
    const strange = /[\0\ufffd]/u.exec(text)
    if (strange !== null) {
      // The bytes are gone: it was decoded as UTF-8 already, and what is none became U+FFFD.
      this.faults = [whole('the file is no text in UTF-8; save it as UTF-8 (Windows says UTF-16 "Unicode")')]
      return
    }
    const sizeBytes = Buffer.byteLength(text)
    if (sizeBytes > CONFIG_FILE_BYTES_MAX) {
      this.faults = [whole(`the file has ${sizeBytes} bytes; at most ${CONFIG_FILE_BYTES_MAX} (1 MiB)`)]
      return
    }
    try {
      this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, merge: false })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.faults = [TOO_DEEP]
      return
    }
    const { errors, warnings } = this.#document
    if (errors.some(({ message }) => OUT_OF_STACK.test(message))) {
      this.faults = [TOO_DEEP]
      return
    }
    const faults = [...errors, ...warnings].map(({ pos, code, message }) =>
      this.#at(pos[0], '', explain(code, message)),
    )
    if (faults.length === 0) {
      const { value, fault } = this.#resolve(this.#document)
      if (fault === undefined) this.value = value
      else faults.push(fault)
    }
    this.faults = faults
  }

  /** The fault of a path: at its value, or at the nearest thing around it that exists; with `key`, at that key. */
  fault(path: Path, message: string, key?: string): Fault {
    let node: unknown = this.#document?.contents
    for (const part of path) {
      const next = this.#child(node, part)
      if (next === undefined) break
      node = next
    }
    const keyNode = key === undefined ? undefined : this.#pair(node, key)?.key
    const offset = [keyNode, node].find((n): n is Node => isNode(n) && n.range != null)?.range?.[0] ?? 0
    return this.#at(offset, formatPath(key === undefined ? path : [...path, key]), message)
  }

  #resolve(document: Document.Parsed): { value?: unknown; fault?: Fault } {
    try {
      return { value: document.toJS({ maxAliasCount: YAML_ALIASES_MAX }) }
    } catch (error) {
      if (!(error instanceof ReferenceError || error instanceof RangeError)) throw error
      let offset = 0
      visit(document, {
        Alias: (_, alias) => {
          const isBad = alias.resolve(document) === undefined || error.message.startsWith('Excessive')
          if (isBad) offset = alias.range?.[0] ?? 0
          return isBad ? visit.BREAK : undefined
        },
      })
      return { fault: this.#at(offset, '', explain('BAD_ALIAS', error.message)) }
    }
  }

  #child(node: unknown, part: PropertyKey): unknown {
    if (isSeq(node) && typeof part === 'number') return this.#target(node.items[part])
    return this.#target(this.#pair(node, part)?.value)
  }

  #pair(node: unknown, key: PropertyKey): Pair | undefined {
    if (!isMap(node)) return undefined
    return (node as YAMLMap).items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
  }

  #target(node: unknown): unknown {
    return isAlias(node) && this.#document !== undefined ? node.resolve(this.#document) : node
  }

  #at(offset: number, path: string, message: string): Fault {
    const { line, col } = this.#lines.linePos(offset)
    return { path, line: Math.max(1, line), column: Math.max(1, col), message }
  }
}

function whole(message: string): Fault {
  return { path: '', line: 1, column: 1, message }
}

/** The parser recurses; sometimes it notices itself that it ran out of stack. */
const OUT_OF_STACK = /call stack/u
const TOO_DEEP: Fault = whole('the file is nested too deeply')

const QUOTE_STAR = 'a pattern that begins with * must be in quotes, as in clientId: "*-batch"'

/** The parser's words, and the fix where one mistake is likely. */
function explain(code: string, message: string): string {
  if (code === 'BAD_ALIAS' && message.startsWith('Excessive'))
    return `more than ${YAML_ALIASES_MAX} uses of YAML aliases; write the values out`
  if (code === 'BAD_ALIAS') return `${message}; ${QUOTE_STAR}`
  if (code === 'TAB_AS_INDENT') return 'a tab indents this line; YAML takes spaces only'
  if (code === 'DUPLICATE_KEY') return 'this key is there twice; YAML would take the last one silently'
  if (code === 'TAG_RESOLVE_FAILED') return `${message}; write the value without a tag`
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here (---); the configuration is one'
  return message
}
