/** The configuration as a JSON Schema, made from the zod schema: editors complete and check the file with it. */
import * as z from 'zod'
import { configSchema } from './schema.ts'

/** The keywords that ours has. */
export interface JsonSchema {
  readonly $schema?: string
  readonly $id?: string
  readonly title?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly propertyNames?: JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly examples?: readonly unknown[]
}

/** A name, not an address: there is nothing to download, `kafka-sluice schema` prints it. */
const SCHEMA_ID = 'urn:kafka-sluice:configuration'

/** Draft 2020-12. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, {
    target: 'draft-2020-12',
    io: 'input',
    override: ({ jsonSchema }) => {
      // What `schema-parts.ts` says of a text takes the place of what zod sees of it.
      const { json, ...own } = jsonSchema
      if (json === undefined) return
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
      Object.assign(jsonSchema, json, own.description === undefined ? {} : { description: own.description })
    },
  }) as JsonSchema
  // What is missing in the file may come from a flag or a variable.
  const { $schema, required: _, ...rest } = schema
  return { $schema: $schema!, $id: SCHEMA_ID, title: 'kafka-sluice', ...rest }
}
