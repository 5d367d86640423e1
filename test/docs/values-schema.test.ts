/** The chart's values.schema.json knows the configuration as it is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { VALUES_SCHEMA, valuesSchema } from '../chart/values-schema.ts'

test('values.schema.json has the schema of the configuration and the names of annotations (npm run docs:chart)', () => {
  const text = readFileSync(VALUES_SCHEMA, 'utf8')
  assert.equal(text, valuesSchema(text), 'run: npm run docs:chart')
})
