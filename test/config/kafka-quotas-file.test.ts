/** The file that import-quotas writes: its text, and that it says exactly what the rules say. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/config.ts'
import { kafkaQuotasDocument, kafkaQuotasYaml, type QuotaSource } from '../../src/config/kafka-quotas-file.ts'
import { rateText } from '../../src/config/quota-text.ts'
import { parseRate } from '../../src/config/units.ts'
import { type KafkaQuota, translateKafkaQuotas } from '../../src/policy/kafka-quotas.ts'

const QUOTAS: readonly KafkaQuota[] = [
  { entity: { user: 'alice', 'client-id': 'batch*' }, values: { producer_byte_rate: 5e6 } },
  { entity: { user: 'alice', 'client-id': null }, values: { producer_byte_rate: 5_242_880 } },
  { entity: { user: 'alice' }, values: { producer_byte_rate: 1_234_567.5, request_percentage: 50 } },
  { entity: { user: 'bob\n- evil: yes' }, values: { producer_byte_rate: 2 ** 63 } },
  { entity: { user: 'ANONYMOUS' }, values: { producer_byte_rate: 2000, controller_mutation_rate: 0.5 } },
  { entity: { 'client-id': 'app' }, values: { producer_byte_rate: 3000 } },
  { entity: { ip: null }, values: { connection_creation_rate: 10 } },
  { entity: { ip: '::1' }, values: { connection_creation_rate: 100 } },
]

const SOURCE: QuotaSource = { bootstrap: ['kafka-0:9092', 'kafka-1:9092'], brokersCount: 3, isMultiplied: false }

const EXPECTED = `\
# The client quotas of the Kafka cluster at kafka-0:9092, kafka-1:9092 (3 brokers), by kafka-sluice
# import-quotas.
# What is the same and what is not: docs/kafka-quotas.md

# Kafka keeps a limit on each broker: whoever uses all 3 gets up to 3 times as much. The limits here have the
# same numbers, for the whole cluster.
# To leave everybody what they can have now, import with --multiply (× 3).

# Beside that:
# - user alice: request_percentage 50 has no equivalent, as only a broker knows how long its threads worked.
#   Limit requests instead: begin with a quota of requests in mode observe, and set it from what \`kafka-sluice
#   advise\` reports

upstream:
  bootstrap: [ kafka-0:9092, kafka-1:9092 ]
quotas:
  # producer_byte_rate. user ANONYMOUS: in Kafka 2 kB/s on each broker, up to 6 kB/s on 3; here 2 kB/s in all.
  - name: kafka-produce
    limit: { produceBytes: unlimited } # no default in Kafka: only those below are limited
    burst: 10s
    per: [ principal, clientId ]
    overrides:
      - { principal: "", clientId: "*", limit: { produceBytes: 2 kB/s }, per: [] } # user ANONYMOUS
      - { principal: alice, clientId: batch\\*, limit: { produceBytes: 5 MB/s }, per: [] } # user alice, client-id "batch*"
      - { principal: alice, clientId: ?*, limit: { produceBytes: 5 MiB/s }, per: [ clientId ] } # user alice, default client-id
      - { principal: alice, clientId: "", limit: { produceBytes: 1234567.5 B/s }, per: [] } # user alice
      - { principal: "bob\\n- evil: yes", clientId: "*", limit: { produceBytes: unlimited }, per: [] } # user "bob\\n- evil: yes"
      - { clientId: app, limit: { produceBytes: 3 kB/s }, per: [] } # client-id app
  # controller_mutation_rate: for the whole cluster in Kafka too, where the controller counts it.
  - name: kafka-mutations
    limit: { mutations: unlimited } # no default in Kafka: only those below are limited
    burst: 11s
    per: [ principal, clientId ]
    overrides:
      - { principal: "", clientId: "*", limit: { mutations: 0.5/s }, per: [] } # user ANONYMOUS
  # connection_creation_rate. default ip: in Kafka 10/s on each broker, up to 30/s on 3; here 10/s in all.
  - name: kafka-connections
    limit: { newConnections: 10/s } # default ip
    burst: 10s
    per: [ address ]
    overrides:
      - { address: ::1, limit: { newConnections: 100/s }, per: [] } # ip ::1
`

describe('kafkaQuotasYaml', () => {
  test('tells every quota, where it comes from and what is different', () => {
    const translation = translateKafkaQuotas(QUOTAS, { mode: 'enforce', times: 1 })
    assert.equal(kafkaQuotasYaml(SOURCE, translation), EXPECTED)
  })

  test('multiplied, it says so, and what the limits were', () => {
    const yaml = kafkaQuotasYaml(
      { ...SOURCE, isMultiplied: true },
      translateKafkaQuotas(QUOTAS, { mode: 'enforce', times: 3 }),
    )
    assert.match(yaml, /were multiplied by 3 \(--multiply\)/)
    assert.match(yaml, /user ANONYMOUS: in Kafka 2 kB\/s on each broker, up to 6 kB\/s on 3; here 6 kB\/s in all\./)
    assert.match(yaml, /clientId: app, limit: \{ produceBytes: 9 kB\/s \}/)
  })

  test('of one broker and of no quotas', () => {
    const source = { ...SOURCE, brokersCount: 1 }
    const one = kafkaQuotasYaml(source, translateKafkaQuotas(QUOTAS, { mode: 'enforce', times: 1 }))
    assert.match(one, /With one broker a limit here is what it is in Kafka/)
    assert.doesNotMatch(one, /--multiply/)
    const none = kafkaQuotasYaml(source, translateKafkaQuotas([], { mode: 'enforce', times: 1 }))
    assert.match(none, /has no quota that limits anybody/)
    assert.deepEqual(parse(none), { upstream: { bootstrap: ['kafka-0:9092', 'kafka-1:9092'] }, quotas: [] })
  })

  test('read as a configuration, it is the rules that were written', () => {
    const name = fc.option(fc.constantFrom('a', 'b*', '/c/', 'd\\', '', 'ANONYMOUS', 'true'))
    const rate = fc.constantFrom(0, 1, 1024, 5e6, 1_234_567, 0.3, 2 ** 63)
    const values = fc.record(
      { producer_byte_rate: rate, consumer_byte_rate: rate, controller_mutation_rate: rate, request_percentage: rate },
      { requiredKeys: [] },
    )
    const entity = fc
      .record({ user: name, 'client-id': name }, { requiredKeys: [] })
      .filter((parts) => Object.keys(parts).length > 0)
    const ofAddress = fc.record({
      entity: fc.record({ ip: fc.constantFrom(null, '10.0.0.1', '::1', 'host.example') }),
      values: fc.record({ connection_creation_rate: rate }),
    })
    const quotas = fc.uniqueArray(fc.oneof(fc.record({ entity, values }), ofAddress), {
      selector: (quota) => JSON.stringify(Object.entries(quota.entity).sort()),
      maxLength: 12,
    })
    fc.assert(
      fc.property(quotas, fc.constantFrom('enforce', 'observe'), (entries, mode) => {
        const translation = translateKafkaQuotas(entries, { mode, times: 1 })
        const text = kafkaQuotasYaml(SOURCE, translation)
        const config = loadConfig({ file: { path: 'sluice.yaml', text }, flags: {}, env: {} })
        assert.deepEqual(
          config.quotas,
          translation.quotas.map(({ rule }) => rule),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('its YAML is the document, whatever the names', () => {
    const name = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('true', '1e3', '~', '- a', '{', '#', "'", '!x'),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.option(name), fc.double({ min: 1, noNaN: true }))), (entries) => {
        const quotas = entries.map(([user, clientId, rate]) => ({
          entity: { user, ...(clientId === null ? {} : { 'client-id': clientId }) },
          values: { producer_byte_rate: rate, request_percentage: rate },
        }))
        const translation = translateKafkaQuotas(quotas, { mode: 'observe', times: 1 })
        assert.deepEqual(parse(kafkaQuotasYaml(SOURCE, translation)), kafkaQuotasDocument(SOURCE, translation))
      }),
    )
  })
})

describe('rateText', () => {
  test('parseRate reads exactly what was written', () => {
    const rate = fc.oneof(
      fc.double({ min: 1 / 3600, max: 1e12, noNaN: true }),
      fc.integer({ min: 1, max: 1_000_000_000 }),
      fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.constantFrom(1, 1e3, 1e6, 2 ** 20)).map(([n, unit]) => n * unit),
      fc.constantFrom(1 / 3600, 1, 1000, 1024, 5e6, 5 * 2 ** 20, 1.5e9, 1e12, 2 ** 30),
    )
    fc.assert(
      fc.property(rate, (perSecond) => {
        assert.equal(parseRate(rateText('produceBytes', perSecond), 'bytes'), perSecond)
        assert.equal(parseRate(rateText('mutations', perSecond), 'requests'), perSecond)
      }),
      { numRuns: 2000 },
    )
  })

  test('is short where it can be', () => {
    const texts = [5e6, 5_242_880, 1500, 8192, 1_234_567, 1_001_000, 999, 1e12].map((perSecond) =>
      rateText('fetchBytes', perSecond),
    )
    assert.deepEqual(texts, [
      '5 MB/s',
      '5 MiB/s',
      '1.5 kB/s',
      '8 KiB/s',
      '1234567 B/s',
      '1001 kB/s',
      '999 B/s',
      '1 TB/s',
    ])
    assert.equal(rateText('newConnections', 20), '20/s')
    assert.equal(rateText('newConnections', Number.POSITIVE_INFINITY), 'unlimited')
  })
})
