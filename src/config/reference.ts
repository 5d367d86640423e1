/**
 * The configuration reference (`docs/configuration.md`), made from the JSON Schema, so that it cannot say what the schema does
 * not. One table for each kind of mapping; keys that were shown once are referred to.
 */
import type { JsonSchema } from './json-schema.ts'
import { POD_VARIABLES } from './labels.ts'
import { PATTERN_HELP } from './match-schema.ts'
import { settingNames } from './overlay.ts'

/** The whole page, in Markdown. */
export function renderReference(schema: JsonSchema): string {
  const { $defs = {} } = schema
  return `${PREFACE}\n${renderSettings()}\n${new Tables($defs).render(schema)}`
}

const PREFACE = `# Configuration reference

Generated from the schema by \`npm run docs:configuration\`; do not edit.

A file in YAML for \`kafka-sluice run --config FILE\`. \`kafka-sluice check-config FILE\` says every fault at once with line and
column, or what the file would do, in words. In an editor with a YAML language server:

\`\`\`sh
kafka-sluice schema --out sluice.schema.json
\`\`\`

\`\`\`yaml
# yaml-language-server: $schema=./sluice.schema.json
upstream: { bootstrap: [kafka-0.kafka:9092, kafka-1.kafka:9092] }
labels: { team: payments }
exempt:                                   # never limited by any quota
  - { principal: admin }
quotas:
  - name: producers
    limit: { produceBytes: 5 MB/s, produceRecords: 20k/s }
    burst: 2s
    match: { clientId: "checkout-*", not: { clientId: checkout-7 } }
    per: [clientId]                       # a bucket for each client id
    overrides:
      - { clientId: checkout-batch, limit: { produceBytes: 20 MB/s } }
    rampIn: 10m                           # comes down from what is used now
    schedule:
      - during: "* 22-23,0-5 * * mon-fri" # night is two ranges of hours
        timeZone: Europe/Berlin
        limit: { produceBytes: 50 MB/s }
  - name: consumers
    limit: { fetchBytes: 100 MB/s }       # one bucket, divided when they want more than there is
    share: { by: [clientId] }
    overrides:
      - { clientId: "gold-*", weight: 4, priority: high }
  - name: connections
    limit: { connections: 100, newConnections: 10/s }
    per: [address]
    mode: observe
\`\`\`

## Units

| what | how | as in |
|---|---|---|
| bytes a second | a number, \`B kB MB GB TB\` (powers of 1000) or \`KiB MiB GiB TiB\` (of 1024), \`/s /min /h\` | \`5 MB/s\` |
| anything else a second | a number, nothing, \`k\` (1000) or \`M\` (1000000), \`/s /min /h\` | \`20k/s\`, \`30/min\` |
| a number at a time (\`connections\`, \`inFlight\`) | a number, nothing, \`k\` or \`M\` | \`100\` |
| a time | a number, \`ms s m h d\` | \`500ms\`, \`10m\` |
| a burst | a time, or an amount where all rates of the quota are of one unit | \`2s\`, \`10 MB\`, \`500\` |

## Patterns

\`checkout-7\` is exactly that, \`checkout-*\` a glob (\`*\` any characters, \`?\` one), \`/^checkout-\\d+$/i\` a regular
expression. A field takes one or a list, of which one must match; of several fields all must. Addresses are addresses or networks.

## Reload

The file is watched (\`--no-watch\` or \`SLUICE_WATCH=off\` stops that): a new text is taken once it has stood still for a moment,
whole or not at all. SIGHUP and \`POST /api/reload\` (from this machine only) do the same at once. While the file has faults the
quotas in force stay: each fault is logged with its place, \`sluice_config_valid\` is 0, and \`/readyz\` shows them under
\`config\` but stays 200, because what runs still works. A file that is empty is a fault: no quota is lifted by a writer that
stopped half-way. \`upstream\`, \`listen\`, \`admin\`, \`labels\`, \`metrics\`, \`limits\` and \`followKafka\` need a restart.
`

function renderSettings(): string {
  const rows = settingNames().map(({ flag, variable }) => `| \`${flag}\` | \`${variable}\` |`)
  const pod = Object.entries(POD_VARIABLES).map(([variable, label]) => `\`${variable}\` (\`${label}\`)`)
  return `## Flags and variables

The file, then variables, then flags: the last one counts. An empty variable is none. A rate flag is a quota for each client id,
named after the flag.

| flag | variable |
|---|---|
| \`--config\` | \`SLUICE_CONFIG\` |
| \`--no-watch\` | \`SLUICE_WATCH=off\` |
${rows.join('\n')}

\`--label name=value\` may be repeated; \`SLUICE_LABELS\` is a list with commas. In a pod,
${pod.join(', ')} become labels where they are set (\`env\` with \`fieldRef\`); \`labelsFile\` reads what a downward API volume makes of \`metadata.labels\`. A label of the file
of labels gives way to \`labels\`, that to the pod's variables, those to \`SLUICE_LABELS\`, that to \`--label\`.
`
}

interface Section {
  readonly title: string
  readonly schema: JsonSchema
}

class Tables {
  readonly #defs: Readonly<Record<string, JsonSchema>>
  readonly #shown: Section[] = []

  constructor(defs: Readonly<Record<string, JsonSchema>>) {
    this.#defs = defs
  }

  /** The table of a mapping and of all mappings in it, outer ones first. */
  render(schema: JsonSchema): string {
    const waiting: Section[] = [{ title: 'The file', schema }]
    const pages: string[] = []
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const page = this.#table(next)
      if (page === undefined) continue
      pages.push(page)
      waiting.unshift(...this.#inner(next))
    }
    return pages.join('\n')
  }

  #table(section: Section): string | undefined {
    const { title, schema } = section
    const properties = Object.entries(schema.properties ?? {})
    // The page has a table once: a mapping that has the keys of another one refers to it.
    const known = this.#shown.find((shown) => isPartOf(schema, shown.schema) || isPartOf(shown.schema, schema))
    const rest = known === undefined ? properties : properties.filter(([key]) => !isKeyOf(known.schema, key))
    if (known !== undefined && rest.length === 0) return undefined
    this.#shown.push(section)
    const rows = rest.map(([key, value]) => {
      const need = schema.required?.includes(key) === true ? ' (required)' : ''
      return `| \`${key}\`${need} | ${cell(this.#formOf(value))} | ${cell((value.description ?? '').replace(` ${PATTERN_HELP}`, ''))} |`
    })
    const also = known === undefined ? '' : `\nEvery key of [${known.title}](#${anchor(known.title)}), and:\n`
    return `## ${title}\n${also}\n| key | takes | meaning |\n|---|---|---|\n${rows.join('\n')}\n`
  }

  #inner({ title, schema }: Section): Section[] {
    const prefix = title === 'The file' ? '' : `${title}.`
    return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => this.#mappingsIn(value, prefix + key))
  }

  #mappingsIn(written: JsonSchema, title: string): Section[] {
    const schema = this.#resolved(written)
    if (schema.properties !== undefined) return [{ title: isMatch(written) ? MATCH_TITLE : title, schema }]
    if (schema.items !== undefined) return this.#mappingsIn(schema.items, `${title}[]`)
    return (schema.anyOf ?? []).flatMap((one) => this.#mappingsIn(one, title))
  }

  #resolved(schema: JsonSchema): JsonSchema {
    const name = nameOf(schema)
    return name === undefined ? schema : { ...this.#defs[name], ...schema }
  }

  /** What may be written, in words. */
  #formOf(written: JsonSchema): string {
    const word = REF_WORDS[nameOf(written) ?? '']
    if (word !== undefined) return word
    const schema = this.#resolved(written)
    if (schema.examples !== undefined) return schema.examples.map(code).join(', ')
    if (schema.enum !== undefined) return schema.enum.length > ENUM_SHOWN_MAX ? '' : schema.enum.map(code).join(', ')
    if (schema.anyOf !== undefined) {
      return [...new Set(schema.anyOf.map((one) => this.#formOf(one)))].filter((form) => form !== '').join(', or ')
    }
    if (schema.properties !== undefined) return 'a mapping'
    if (schema.items !== undefined) return 'a list'
    if (typeof schema.additionalProperties === 'object') return 'a mapping of names'
    return TYPE_WORDS[String(schema.type)] ?? ''
  }
}

const ENUM_SHOWN_MAX = 12

const MATCH_TITLE = 'A match'

/** What is defined once in the schema has a word of its own. */
const REF_WORDS: Readonly<Record<string, string>> = {
  pattern: 'a [pattern](#patterns)',
  api: 'a name, or a [pattern](#patterns)',
  field: 'a field',
  match: `[a match](#${anchor(MATCH_TITLE)})`,
}

function nameOf(schema: JsonSchema): string | undefined {
  return schema.$ref?.split('/').at(-1)
}

function isMatch(schema: JsonSchema): boolean {
  return nameOf(schema) === 'match'
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: '`true`, `false`',
}

function code(value: unknown): string {
  return `\`${String(value)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w -]/gu, '')
    .replaceAll(' ', '-')
}

function isKeyOf(schema: JsonSchema, key: string): boolean {
  return Object.hasOwn(schema.properties ?? {}, key)
}

/** Whether every key of one mapping is in the other and means the same there. */
function isPartOf(part: JsonSchema, whole: JsonSchema): boolean {
  const properties = Object.entries(part.properties ?? {})
  return properties.every(([key, value]) => whole.properties?.[key]?.description === value.description)
}
