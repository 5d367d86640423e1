/** Everything in `src/generated`, as text by file name. Pure but for reading the jars: two runs give the same bytes. */

import type { ApiSchema, Field, MessageSchema } from '../src/schema.ts'
import { parseRange, type RawMessage, readDefinitions, toSchema } from './definitions.ts'
import { clientsJar, kafkaVersions, resolveJars } from './jars.ts'
import { mergeVersions } from './merge.ts'
import { runOracle } from './oracle.ts'

type Definitions = ReadonlyMap<string, RawMessage>

function definition(definitions: Definitions, name: string): RawMessage {
  const found = definitions.get(name)
  if (found === undefined) throw new Error(`no definition of ${name}`)
  return found
}

/** A message with its removed versions. The legacy release's unstable newest version was never a released one. */
function wholeMessage(current: Definitions, legacy: Definitions, name: string): MessageSchema {
  const schema = toSchema(definition(current, name))
  const old = legacy.get(name)
  if (old === undefined) return schema
  const released = parseRange(old.validVersions)
  const request = legacy.get(name.replace(/Response$/, 'Request'))
  const lastReleased = request?.latestVersionUnstable === true ? released[1] - 1 : released[1]
  const removed = [released[0], Math.min(lastReleased, schema.versions[0] - 1)] as const
  return removed[0] > removed[1] ? schema : mergeVersions(toSchema(old, removed), schema)
}

/** Client-facing is what a broker's listener serves: Kafka's own notion. */
function isClientFacing(message: RawMessage): boolean {
  return (
    message.type === 'request' && message.validVersions !== 'none' && message.listeners?.includes('broker') === true
  )
}

function buildApis(current: Definitions, legacy: Definitions): ApiSchema[] {
  return [...current.values()]
    .filter(isClientFacing)
    .map((request) => {
      const name = request.name.replace(/Request$/, '')
      return {
        key: request.apiKey ?? -1,
        name,
        request: wholeMessage(current, legacy, request.name),
        response: wholeMessage(current, legacy, `${name}Response`),
      }
    })
    .sort((one, other) => one.key - other.key)
}

function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  return Array.isArray(value) ? `[${value.map(literal).join(', ')}]` : String(value)
}

function fieldText(field: Field, indent: string): string {
  const { fields, ...own } = field
  const properties = Object.entries(own).map(([key, value]) => `${key}: ${literal(value)}`)
  if (fields === undefined) return `${indent}{ ${properties.join(', ')} },\n`
  const inner = fields.map((child) => fieldText(child, `${indent}  `)).join('')
  return `${indent}{ ${properties.join(', ')}, fields: [\n${inner}${indent}] },\n`
}

function messageText(schema: MessageSchema, indent: string): string {
  const { fields, ...own } = schema
  const head = Object.entries(own).map(([key, value]) => `${key}: ${literal(value)}`)
  const inner = fields.map((field) => fieldText(field, `${indent}    `)).join('')
  return `{\n${indent}  ${head.join(', ')},\n${indent}  fields: [\n${inner}${indent}  ],\n${indent}}`
}

function kebab(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase()
}

function constant(name: string): string {
  return kebab(name).replaceAll('-', '_').toUpperCase()
}

function fileName(api: ApiSchema): string {
  return `${String(api.key).padStart(2, '0')}-${kebab(api.name)}.ts`
}

function apiText(api: ApiSchema): string {
  return `import type { ApiSchema } from '../schema.ts'

export const ${constant(api.name)}: ApiSchema = {
  key: ${api.key}, name: ${literal(api.name)},
  request: ${messageText(api.request, '  ')},
  response: ${messageText(api.response, '  ')},
}
`
}

function headersText(current: Definitions, legacy: Definitions): string {
  const request = messageText(wholeMessage(current, legacy, 'RequestHeader'), '')
  const response = messageText(wholeMessage(current, legacy, 'ResponseHeader'), '')
  return `import type { MessageSchema } from '../schema.ts'

/** The header of every request, by header version. Version 0 belongs to ControlledShutdown v0 alone. */
export const REQUEST_HEADER: MessageSchema = ${request}

/** The header of every response, by header version. */
export const RESPONSE_HEADER: MessageSchema = ${response}
`
}

function indexText(apis: readonly ApiSchema[], versions: { current: string; legacy: string }): string {
  const imports = apis.map((api) => `import { ${constant(api.name)} } from './${fileName(api)}'\n`).join('')
  return `import type { ApiSchema } from '../schema.ts'
${imports}
/** The Kafka release whose message definitions these tables are. */
export const KAFKA_VERSION = ${literal(versions.current)}

/** The Kafka release that the versions removed by KIP-896 come from. */
export const KAFKA_LEGACY_VERSION = ${literal(versions.legacy)}

/** The number of each API, by Kafka's name. */
export const API_KEY = {
${apis.map((api) => `  ${api.name}: ${api.key},\n`).join('')}} as const

/** Every client-facing API, in the order of the numbers. */
export const API_SCHEMAS: readonly ApiSchema[] = [
${apis.map((api) => `  ${constant(api.name)},\n`).join('')}]
`
}

function errorCodesText(lines: readonly string[]): string {
  const entries = lines.map((line) => {
    const { name, code } = JSON.parse(line) as { name: string; code: number }
    return `  ${name}: ${code},\n`
  })
  return `/** Kafka's error codes, by the names of \`org.apache.kafka.common.protocol.Errors\`. */
export const ERROR_CODE = {
${entries.join('')}} as const
`
}

/** Resolves the jars and reads both releases out of them. */
function readReleases(): { current: Definitions; legacy: Definitions } {
  resolveJars()
  const versions = kafkaVersions()
  return {
    current: readDefinitions(clientsJar(versions.current)),
    legacy: readDefinitions(clientsJar(versions.legacy)),
  }
}

/** Every message and version that the tables have, with the release whose classes speak it. */
export interface Release {
  readonly kafkaVersion: string
  /** Lines `ProduceRequest 9`, as the oracle takes them. */
  readonly messages: readonly string[]
}

function messageLines(schema: MessageSchema, from: number, to: number): string[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => `${schema.name} ${from + index}`)
}

/** What the oracle can be asked: the current release's versions of it, the removed ones of the legacy release. */
export function releases(): { readonly current: Release; readonly legacy: Release } {
  const { current, legacy } = readReleases()
  const schemas = buildApis(current, legacy).flatMap((api) => [api.request, api.response])
  const released = (schema: MessageSchema): number => toSchema(definition(current, schema.name)).versions[0]
  const versions = kafkaVersions()
  return {
    current: {
      kafkaVersion: versions.current,
      messages: schemas.flatMap((schema) => messageLines(schema, released(schema), schema.versions[1])),
    },
    legacy: {
      kafkaVersion: versions.legacy,
      messages: schemas.flatMap((schema) => messageLines(schema, schema.versions[0], released(schema) - 1)),
    },
  }
}

/** Renders every generated file: file name → text. */
export function generateFiles(): Map<string, string> {
  const versions = kafkaVersions()
  const { current, legacy } = readReleases()
  const apis = buildApis(current, legacy)
  const origin =
    '// Generated by `npm run generate -w protocol` from the message definitions of org.apache.kafka:kafka-clients\n' +
    `// ${versions.current}, with the versions that Kafka 4.0 removed (KIP-896) from ${versions.legacy}. Do not edit.\n\n`
  const files = new Map<string, string>()
  for (const api of apis) files.set(fileName(api), origin + apiText(api))
  files.set('headers.ts', origin + headersText(current, legacy))
  files.set('error-codes.ts', origin + errorCodesText(runOracle(versions.current, ['errors'])))
  files.set('index.ts', origin + indexText(apis, versions))
  return files
}
