// Invariant: any text, flags and environment give a Config or a ConfigError with at least one fault that has a message, never another error.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { ConfigError, loadConfig } from '../../src/config/config.ts'

function holds(text: string, flags: Record<string, string>, env: Record<string, string>): void {
  try {
    loadConfig({ file: { path: 'fuzz.yaml', text }, flags, env })
  } catch (error) {
    assert.ok(error instanceof ConfigError, `${(error as Error).stack}\nfor\n${text}`)
    assert.ok(error.faults.length > 0 && error.faults.every(({ message, line }) => message.length > 0 && line >= 0))
  }
}

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
  const place = fc.constantFrom('name', 'limit', 'burst', 'match', 'per', 'overrides', 'mode')
  fc.assert(
    fc.property(place, anyValue, (key, value) => {
      const quota = { name: 'a', limit: { requests: '1/s' }, per: ['clientId'], [key]: value }
      holds(stringify({ upstream: { bootstrap: 'k:1' }, quotas: [quota] }), {}, {})
    }),
    { numRuns: 500 },
  )
})

test('any text', () => {
  const anyYamlish = fc.string({ unit: fc.constantFrom(...'ab:-[]{}&*!|>\'"#,?%@\n\t 01'), maxLength: 60 })
  fc.assert(
    fc.property(fc.oneof(anyYamlish, fc.string({ unit: 'binary' })), (text) => holds(text, {}, {})),
    { numRuns: 1000 },
  )
})

test('any flags and environment', () => {
  const anyFlags = fc.dictionary(
    fc.constantFrom('upstream', 'listen', 'admin', 'produceRate', 'requestRate', 'observe', 'logLevel'),
    fc.oneof(fc.string(), fc.constantFrom('a:1', '1/s', '1 MB/s')),
  )
  const anyEnv = fc.dictionary(
    fc.constantFrom('SLUICE_UPSTREAM', 'SLUICE_LISTEN', 'SLUICE_FETCH_RATE', 'SLUICE_OBSERVE'),
    fc.string(),
  )
  fc.assert(
    fc.property(anyFlags, anyEnv, anyValue, (flags, env, value) =>
      holds(stringify({ listen: value, quotas: value, admin: value }), flags, env),
    ),
    { numRuns: 500 },
  )
})
