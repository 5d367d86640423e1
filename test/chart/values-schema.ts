/**
 * `npm run docs:chart`: writes into the chart's values.schema.json what the program knows: the schema of a configuration file, and the
 * names of annotations. A quota that is mistyped in values then fails `helm install`, and not a pod.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { settingNames } from '../../src/injector/annotations.ts'

interface Schema {
  [key: string]: unknown
}

export const VALUES_SCHEMA: string = resolve(import.meta.dirname, '../../helm/kafka-sluice/values.schema.json')

/** The file's text as it should be. The rest of it is kept by hand. */
export function valuesSchema(text: string): string {
  const schema = JSON.parse(text) as Schema
  const { $schema: _, $id: _id, $defs = {}, ...document } = configJsonSchema()
  const injector = at(schema, 'properties', 'injector', 'properties')
  const scalar = { type: ['string', 'number', 'boolean'] }
  const config = { anyOf: [{ type: 'string' }, { $ref: '#/$defs/sluice' }] }
  injector['defaults'] = {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(settingNames().map((name) => [name, name === 'config' ? config : scalar])),
  }
  injector['locked'] = { type: 'array', items: { enum: settingNames() }, uniqueItems: true }
  const { listen: _listen, admin: _admin, ...rest } = document.properties ?? {}
  const sections = Object.entries(rest).map(([name]) => [name, { $ref: `#/$defs/sluice/properties/${name}` }])
  const defs = {
    sluice: document,
    sluiceGateway: { type: 'object', additionalProperties: false, properties: Object.fromEntries(sections) },
    ...Object.fromEntries(Object.entries($defs).map(([name, def]) => [`sluice-${name}`, def])),
  }
  return `${JSON.stringify({ ...schema, $defs: renamed(defs) }, undefined, 2)}\n`
}

/** References to the document's own definitions, under their names here. */
function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key !== '$ref' || typeof inner !== 'string' || inner.startsWith('#/$defs/sluice'))
        return [key, renamed(inner)]
      return [key, inner.replace('#/$defs/', '#/$defs/sluice-')]
    }),
  )
}

function at(schema: Schema, ...path: readonly string[]): Schema {
  return path.reduce<Schema>((node, key) => node[key] as Schema, schema)
}

if (import.meta.main) writeFileSync(VALUES_SCHEMA, valuesSchema(readFileSync(VALUES_SCHEMA, 'utf8')))
