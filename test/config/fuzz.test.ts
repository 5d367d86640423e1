// Invariant: any text, flags and environment give a Config that the policy can use at any time, or a ConfigError with at least
// one fault that has a message, never another error.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { ConfigError, type ConfigFlags, loadConfig } from '../../src/config/config.ts'
import { effectiveRules } from '../../src/config/timetable.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'

function holds(text: string, flags: ConfigFlags, env: Record<string, string>): void {
  try {
    const { quotas } = loadConfig({ file: { path: 'fuzz.yaml', text }, flags, env, readLabels: () => text })
    for (const at of TIMES) new PolicySet(effectiveRules(quotas, at).rules)
  } catch (error) {
    assert.ok(error instanceof ConfigError, `${(error as Error).stack}\nfor\n${text}`)
    assert.ok(error.faults.length > 0 && error.faults.every(({ message, line }) => message.length > 0 && line >= 0))
  }
}

const TIMES = [new Date('2026-03-29T01:30:00Z'), new Date('2026-11-02T12:00:00Z')]

const KEYS = [
  'upstream',
  'bootstrap',
  'listen',
  'host',
  'port',
  'brokerPorts',
  'admin',
  'quotas',
  'name',
  'limit',
  'produceBytes',
  'requests',
  'burst',
  'match',
  'clientId',
  'api',
  'per',
  'overrides',
  'mode',
  'clients',
  'software',
  'hold',
  'log',
  'level',
  'limits',
  'labels',
  'labelsFile',
  'exempt',
  'not',
  'followKafka',
  'interval',
  'rules',
  'share',
  'by',
  'weight',
  'priority',
  'minimum',
  'schedule',
  'during',
  'timeZone',
  'rampIn',
  'inFlight',
  'joins',
  'topic',
  'group',
  'address',
  '__proto__',
  'constructor',
  '<<',
]
const anyLeaf = fc.oneof(
  fc.constantFrom(
    'kafka:9092',
    '5 MB/s',
    '1/s',
    '2s',
    'off',
    'observe',
    'a*',
    '/a/',
    'Produce',
    'clientId',
    '1-2',
    'unlimited',
    '* 1 * * *',
    '10.0.0.0/8',
    'labels.app',
    'JoinGroup',
    '10%',
    'high',
    'UTC',
    100,
    '',
    null,
    true,
    0,
    -1,
    1e308,
  ),
  fc.string(),
  fc.double(),
)
const { anyValue } = fc.letrec<{ anyValue: unknown }>((tie) => ({
  anyValue: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    anyLeaf,
    fc.array(tie('anyValue'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('anyValue'), { maxKeys: 6 }),
  ),
}))

test('any document', () => {
  const anyDocument = fc.dictionary(fc.constantFrom(...KEYS), anyValue, { maxKeys: 8 })
  fc.assert(
    fc.property(anyDocument, (document) => holds(stringify(document), {}, {})),
    { numRuns: 1000 },
  )
})

test('any well-formed quota with anything in one place', () => {
  const place = fc.constantFrom(
    ...['name', 'limit', 'burst', 'match', 'exempt', 'per', 'share', 'overrides', 'mode', 'rampIn', 'schedule'],
  )
  fc.assert(
    fc.property(place, anyValue, (key, value) => {
      const quota = { name: 'a', limit: { requests: '1/s' }, per: ['clientId'], [key]: value }
      holds(stringify({ upstream: { bootstrap: 'k:1' }, quotas: [quota] }), {}, {})
    }),
    { numRuns: 500 },
  )
})

test('any value in one place of a quota that has everything', () => {
  const whole = {
    name: 'a',
    limit: { requests: '5/s', produceBytes: '1 MB/s' },
    burst: '2s',
    match: { clientId: 'a*', address: '10.0.0.0/8', labels: { app: 'x' }, not: [{ api: 'Fetch' }] },
    exempt: { principal: 'root' },
    per: ['topic', 'labels.app'],
    share: { by: 'clientId', weight: 1, priority: 'low', minimum: '10%' },
    overrides: [{ clientId: 'gold', not: { topic: 'x' }, weight: 4, priority: 'high' }],
    rampIn: '10m',
    schedule: [{ during: '* 1 * * *', timeZone: 'UTC', limit: { requests: '9/s' }, burst: '1s' }],
  }
  const paths = pathsOf(whole)
  assert.ok(paths.length > 30)
  fc.assert(
    fc.property(fc.constantFrom(...paths), anyValue, (path, value) => {
      const quota = withValue(whole, path, value)
      holds(stringify({ upstream: { bootstrap: 'k:1' }, quotas: { followKafka: true, rules: [quota] } }), {}, {})
    }),
    { numRuns: 1000 },
  )
})

type Path = readonly (string | number)[]

/** Every place in a value, itself excepted. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return []
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return entries.flatMap(([key, inner]) => [[...path, key], ...pathsOf(inner, [...path, key])])
}

function withValue(whole: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value
  if (Array.isArray(whole)) return whole.with(Number(key), withValue(whole[Number(key)], rest, value))
  const mapping = whole as Record<string, unknown>
  return { ...mapping, [key]: withValue(mapping[key], rest, value) }
}

test('any text', () => {
  const anyYamlish = fc.string({ unit: fc.constantFrom(...'ab:-[]{}&*!|>\'"#,?%@\n\t 01'), maxLength: 60 })
  fc.assert(
    fc.property(fc.oneof(anyYamlish, fc.string({ unit: 'binary' })), (text) => holds(text, {}, {})),
    { numRuns: 1000 },
  )
})

test('any flags and environment', () => {
  const anyFlags: fc.Arbitrary<ConfigFlags> = fc.dictionary(
    fc.constantFrom('upstream', 'listen', 'admin', 'produceRate', 'requestRate', 'observe', 'logLevel', 'label'),
    fc.oneof(fc.string(), fc.constantFrom('a:1', '1/s', '1 MB/s')),
  )
  const anyEnv = fc.dictionary(
    fc.constantFrom(
      'SLUICE_UPSTREAM',
      'SLUICE_LISTEN',
      'SLUICE_FETCH_RATE',
      'SLUICE_OBSERVE',
      'SLUICE_LABELS',
      'POD_NAME',
    ),
    fc.string(),
  )
  fc.assert(
    fc.property(anyFlags, anyEnv, anyValue, (flags, env, value) =>
      holds(stringify({ listen: value, quotas: value, admin: value }), flags, env),
    ),
    { numRuns: 500 },
  )
})
