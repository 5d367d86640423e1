/** The schema as editors will see it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { configSchema } from '../../src/config/schema.ts'

interface JsonSchema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly additionalProperties?: boolean
}

/** Keys without a description, by path. */
function undescribed(schema: JsonSchema, path: string): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => [
    ...(value.description === undefined ? [`${path}${key}`] : []),
    ...undescribed(value, `${path}${key}.`),
  ])
  const inner = [...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])]
  return [...own, ...inner.flatMap((part) => undescribed(part, path))]
}

test('every key has a description, unknown keys are refused, and it all fits into a JSON Schema', () => {
  const schema = z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema
  assert.deepEqual(undescribed(schema, ''), [])
  assert.equal(schema.additionalProperties, false)
  assert.deepEqual(Object.keys(schema.properties ?? {}), [
    'upstream',
    'listen',
    'admin',
    'mode',
    'labels',
    'labelsFile',
    'exempt',
    'quotas',
    'followKafka',
    'clients',
    'log',
    'limits',
  ])
})
