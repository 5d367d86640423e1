/**
 * The schema as editors see it: every key described, and no other opinion than that of `loadConfig`. A JSON Schema cannot know
 * what several keys say together, so it may accept what is refused; it must never refuse what is accepted.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts'
import { renderReference } from '../../src/config/reference.ts'
import { configurationsInPages } from '../docs/markdown.ts'

const REPOSITORY = new URL('../../', import.meta.url)

const schema = configJsonSchema()
const validate = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  strictTypes: false,
  strictRequired: false,
}).compile(schema)

/** What a text means, by the schema and by ourselves; an upstream may come from a flag. */
function verdicts(text: string): { schema: string; ours: string } {
  const flags = text.includes('upstream:') ? {} : { upstream: 'kafka:9092' }
  const isRight = validate(parse(text) ?? {})
  const faults = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
  let ours = ''
  try {
    loadConfig({ file: { path: 'x.yaml', text }, flags, env: {} })
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    ours = error.format()
  }
  return { schema: isRight ? '' : faults.join('\n'), ours }
}

/** Keys without a description, by path. */
function undescribed(part: JsonSchema, path: string): string[] {
  const own = Object.entries(part.properties ?? {}).flatMap(([key, value]) => [
    ...(value.description === undefined ? [`${path}${key}`] : []),
    ...undescribed(value, `${path}${key}.`),
  ])
  const inner = [...(part.anyOf ?? []), ...(part.items === undefined ? [] : [part.items])]
  return [...own, ...inner.flatMap((one) => undescribed(one, path))]
}

test('every key has a description, unknown keys are refused', () => {
  assert.deepEqual(undescribed(schema, ''), [])
  assert.deepEqual(
    Object.entries(schema.$defs ?? {}).flatMap(([name, part]) => undescribed(part, `${name}.`)),
    [],
  )
  assert.equal(schema.additionalProperties, false)
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
  assert.equal(schema.$id, 'urn:kafka-sluice:configuration')
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
    'metrics',
    'telemetry',
    'limits',
  ])
  assert.doesNotMatch(JSON.stringify(schema), /"json":/, 'our own notes do not leak')
})

test('editors have something to offer: names of APIs, fields, modes, examples of units', () => {
  const text = JSON.stringify(schema)
  for (const offered of [
    '"DescribeClientQuotas"',
    '"softwareVersion"',
    '"observe"',
    '"5 MB/s"',
    '"* 22-23,0-5 * * mon-fri"',
  ])
    assert.ok(text.includes(offered), offered)
})

describe('every configuration in the documentation is right', () => {
  const configurations = configurationsInPages()
  assert.ok(configurations.length >= 20)
  for (const { at, text } of configurations) {
    test(at, () => assert.deepEqual(verdicts(text), { schema: '', ours: '' }))
  }
})

test('docs/configuration.md is what the schema says (npm run docs:configuration)', () => {
  assert.equal(readFileSync(new URL('docs/configuration.md', REPOSITORY), 'utf8'), renderReference(schema))
})

const GOOD = [
  '{}',
  'upstream: { bootstrap: "a:1,b:2" }\nadmin: off\nlisten: { brokerPorts: 0 }',
  'admin: false\nlisten: { port: 0, brokerPorts: 1000-2000 }\nlog: { level: debug }',
  'quotas: { followKafka: true }',
  'quotas: { followKafka: { interval: 5s, mode: observe }, rules: [{ name: a, limit: { requests: 1/s } }] }',
  'followKafka: false\nlabels: { app.kubernetes.io/name: x }\nlabelsFile: /etc/podinfo/labels',
  'exempt: { principal: admin }',
  'exempt: [{ principal: [a, b], address: "::1" }]',
  'quotas: [{ name: a, limit: { connections: 100, inFlight: 2k, newConnections: 5/min }, per: address }]',
  'quotas: [{ name: a, limit: { produceBytes: 1.5 GiB/h }, burst: 10 MB, per: [clientId, labels.app], rampIn: 7d }]',
  'quotas: [{ name: a, limit: { requests: 5/s }, burst: 500, share: { by: clientId, minimum: 5% } }]',
  'quotas: [{ name: a, limit: { requests: 5/s }, match: { api: [Metadata, "List*", /^Describe/], clientId: "" }, exempt: { labels: { a: [b, c] } } }]',
  'quotas: [{ name: a, limit: { joins: 5/min }, match: { api: JoinGroup, not: [{ group: g }] } }]',
  'quotas: [{ name: a, limit: { requests: 5/s }, per: [clientId], overrides: [{ clientId: x, limit: { requests: unlimited }, per: [] }] }]',
  'quotas: [{ name: a, limit: { requests: 5/s }, schedule: [{ during: "* 1 * * *", timeZone: UTC, limit: { requests: unlimited } }] }]',
  'clients: [{ software: "kgo*", hold: 4s, throttle: 0s }]\nlimits: { frameBytesMax: 10 MiB, connectionsMax: 5, bucketsMax: 5 }',
]

/** What both refuse. */
const BAD = [
  'quota: []',
  'mode: shadow',
  'admin: on',
  'listen: { port: 70000 }',
  'listen: { brokerPorts: some }',
  'log: { level: loud }',
  'upstream: {}',
  'labels: { -a: b }',
  'labels: { a: 5 }',
  'labels: [a]',
  'exempt: { user: a }',
  'followKafka: 5',
  'followKafka: { interval: soon }',
  'quotas: { name: a }',
  'quotas: [{ limit: { requests: 1/s } }]',
  'quotas: [{ name: a }]',
  'quotas: [{ name: "a b", limit: { requests: 1/s } }]',
  'quotas: [{ name: a, limit: { records: 1/s } }]',
  'quotas: [{ name: a, limit: { produceBytes: 100/s } }]',
  'quotas: [{ name: a, limit: { produceBytes: 5 } }]',
  'quotas: [{ name: a, limit: { requests: 5 MB/s } }]',
  'quotas: [{ name: a, limit: { requests: 5 } }]',
  'quotas: [{ name: a, limit: { connections: 5/s } }]',
  'quotas: [{ name: a, limit: { requests: unbounded } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, burst: soon }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, match: { api: Metdata } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, match: { clientId: 7 } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, match: { clientId: [] } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, per: [user] }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, share: {} }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, share: { by: clientId, weight: 0 } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, share: { by: clientId, minimum: 5 } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, share: { by: clientId, priority: top } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, rampIn: 10 }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, schedule: [{ limit: { requests: 2/s } }] }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, schedule: { during: "* * * * *" } }]',
  'quotas: [{ name: a, limit: { requests: 1/s }, overrides: { clientId: x } }]',
  'clients: [{ hold: 5s }]',
  'limits: { connectionsMax: 0 }',
]

describe('the schema and we agree', () => {
  for (const text of GOOD) test(`on ${text}`, () => assert.deepEqual(verdicts(text), { schema: '', ours: '' }))
  for (const text of BAD) {
    test(`against ${text}`, () => {
      const { schema: theirs, ours } = verdicts(text)
      assert.notEqual(theirs, '', 'the schema accepts it')
      assert.notEqual(ours, '', 'we accept it')
    })
  }

  test('the schema never refuses what we accept', () => {
    const anyCount = fc.oneof(fc.nat({ max: 2000 }), fc.double({ min: 0, max: 2000, noNaN: true }))
    const anyUnit = fc.constantFrom(
      '',
      'B',
      'kB',
      'MB',
      'GB',
      'KiB',
      'MiB',
      'k',
      'M',
      'K',
      'Mb',
      's',
      'ms',
      'm',
      'h',
      'd',
      '%',
    )
    const anyTime = fc.constantFrom('', '/s', '/min', '/h', ' / s', '/sec', '/s/s')
    const anySpace = fc.constantFrom('', ' ', '  ')
    const anyQuantity = fc
      .tuple(anySpace, anyCount, anySpace, anyUnit, anyTime, anySpace)
      .map((parts) => parts.join(''))
    const anyPlace = fc.constantFrom<(value: unknown) => object>(
      (value) => ({ limit: { produceBytes: value } }),
      (value) => ({ limit: { requests: value } }),
      (value) => ({ limit: { connections: value } }),
      (value) => ({ limit: { produceBytes: '1 MB/s' }, burst: value }),
      (value) => ({ limit: { requests: '1/s' }, burst: value }),
      (value) => ({ limit: { requests: '1/s' }, rampIn: value }),
      (value) => ({ limit: { requests: '1/s' }, share: { by: 'clientId', minimum: value } }),
      (value) => ({ limit: { requests: '1/s' }, share: { by: 'clientId', weight: value } }),
      (value) => ({ limit: { requests: '1/s' }, match: { api: value } }),
      (value) => ({ limit: { requests: '1/s' }, match: { labels: { a: value } } }),
      (value) => ({ limit: { requests: '1/s' }, per: value }),
    )
    const anyWord = fc.constantFrom(
      'clientId',
      'labels.app',
      'Metadata',
      '*',
      '/x/i',
      '/x/g',
      'List?ffsets',
      'unlimited',
    )
    let accepted = 0
    fc.assert(
      fc.property(anyPlace, fc.oneof(anyQuantity, anyCount, anyWord, fc.string()), (place, value) => {
        const text = stringify({ upstream: { bootstrap: 'k:1' }, quotas: [{ name: 'a', ...place(value) }] })
        const { schema: theirs, ours } = verdicts(text)
        if (ours !== '') return
        accepted++
        assert.equal(theirs, '', text)
      }),
      { numRuns: 3000 },
    )
    assert.ok(accepted > 100, `only ${accepted} were right`)
  })
})
