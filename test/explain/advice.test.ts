// From observation to limits: the numbers, the table, and a file that the configuration reads as it was meant.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { API_KEY } from 'kafka-protocol-codec'
import { type Config, loadConfig } from '../../src/config/config.ts'
import { type Advice, adviseFrom, roundedLimit } from '../../src/explain/advice.ts'
import { adviceText } from '../../src/explain/advice-text.ts'
import { adviceYaml } from '../../src/explain/advice-yaml.ts'
import { settingsFor } from '../../src/explain/client-settings.ts'
import type { Policy } from '../../src/explain/policy-document.ts'
import type { ObservedClient } from '../../src/observe/observation.ts'
import { behaviourOf } from '../../src/policy/client-libraries.ts'
import { NOBODY } from '../../src/policy/identity.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import { clientStatus, observedClient, observedRates } from '../support/observed.ts'
import { rule } from '../support/rules.ts'

const NO_POLICY: Policy = { mode: 'enforce', quotas: [], clients: [] }

function advise(clients: readonly ObservedClient[], policy: Policy = NO_POLICY, headroom = 0.3): Advice {
  return adviseFrom({ observedMs: 600_000, clients, unwatched: 0 }, policy, headroom)
}

const SARAMA = observedClient('orders', {
  software: 'sarama',
  principal: 'shop',
  connections: 12,
  connectionsMax: 60,
  rates: {
    producedBytes: observedRates(1e6, 4.2e6),
    producedRecords: observedRates(2000),
    requests: observedRates(400),
  },
  totals: {
    ...clientStatus(),
    producedBytes: 6e8,
    produceRequests: 240_000,
    largestProduceBytes: 900_000,
    throttleMs: 30_000,
  },
})
const JAVA = observedClient('reports', {
  software: 'apache-kafka-java',
  rates: { fetchedBytes: observedRates(12e6, 50e6), requests: observedRates(5) },
  totals: { ...clientStatus(), fetchedBytes: 7e9, fetchRequests: 7000, largestFetchBytes: 52e6 },
})
const POLICY: Policy = {
  ...NO_POLICY,
  quotas: [
    rule({ produceBytes: 5e6, fetchBytes: 2e6 }, { name: 'all' }),
    rule({ produceBytes: 8e6 }, { name: 'more' }),
  ],
}

describe('the limit proposed', () => {
  const limitOf = (p99: number, peak: number, headroom: number): unknown => {
    const client = observedClient('a', { rates: { producedBytes: observedRates(p99, peak) } })
    const [limit] = advise([client], NO_POLICY, headroom).clients[0]!.limits
    return [limit?.limit, limit?.burstSeconds]
  }

  test('is the 99th percentile and the headroom, rounded up to two digits; the burst lets the busiest second through', () => {
    assert.deepEqual(limitOf(1e6, 1e6, 0.3), [1_300_000, 1])
    assert.deepEqual(limitOf(1.01e6, 4.2e6, 0.3), [1_400_000, 3])
    assert.deepEqual(limitOf(1e6, 2.7e6, 0), [1_000_000, 3])
    assert.deepEqual(limitOf(3, 3, 0.3), [1000, 1])
    assert.deepEqual(limitOf(1e6, 1e12, 0), [1_000_000, 3600])
  })

  test('of less than ten seconds is made of single seconds', () => {
    const rates = { ...observedRates(0), p99: 5e6, peak: 5e6 }
    const [limit] = advise([observedClient('a', { rates: { producedBytes: rates } })]).clients[0]!.limits
    assert.equal(limit?.limit, 6_500_000)
  })

  test('rounding up never rounds down, and by less than a tenth', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e12, noNaN: true }), (value) => {
        const rounded = roundedLimit(value)
        assert.ok(rounded >= value * (1 - 1e-9) && rounded <= value * 1.1 + 1e-9, `${rounded} for ${value}`)
        assert.equal(Number(rounded.toPrecision(2)), rounded)
      }),
    )
  })

  test('stands beside the lowest limit that applies now', () => {
    const [client] = advise([SARAMA], POLICY).clients
    assert.deepEqual(client?.limits[0]?.current, { quota: 'all', limit: 5e6, mode: 'enforce' })
    assert.equal(client?.limits.find(({ dimension }) => dimension === 'requests')?.current, undefined)
  })
})

describe('what else is found', () => {
  test('a limit below the floor, now and proposed, and the largest request that it could bear', () => {
    const { floors } = advise([SARAMA], POLICY).clients[0]!
    // 900 kB over 60 connections, each held 3 s at most: 18 MB/s.
    assert.deepEqual(
      floors.map(({ of, limit, floor, largestBearable }) => [
        of,
        limit,
        Math.round(floor),
        Math.round(largestBearable),
      ]),
      [
        ['current', 5e6, 18e6, 250_000],
        ['proposed', 1.3e6, 18e6, 65_000],
      ],
    )
    assert.match(floors[0]?.settings ?? '', /Flush\.MaxMessages/)
    assert.deepEqual(advise([{ ...SARAMA, totals: clientStatus() }], POLICY).clients[0]?.floors, [])
  })

  test('habits of a client, with the settings of its library', () => {
    const [client] = advise([SARAMA]).clients
    assert.deepEqual(
      client?.settings.map(({ habit }) => habit),
      ['smallProduces', 'throttled', 'manyConnections'],
    )
    const text = client?.settings.map(({ settings }) => settings).join()
    for (const setting of [/Flush\.Frequency/, /ChannelBufferSize/, /Net\.MaxOpenRequests/])
      assert.match(text ?? '', setting)
    assert.deepEqual(advise([JAVA]).clients[0]?.settings, [])
  })

  test('a consumer that fetches often and little', () => {
    const totals = { ...clientStatus(), fetchedBytes: 60_000, fetchRequests: 600 }
    const rates = { fetchedBytes: observedRates(100), requests: observedRates(60) }
    const [client] = advise([observedClient('a', { software: 'librdkafka', rates, totals })]).clients
    assert.match(client?.settings[0]?.settings ?? '', /fetch\.wait\.max\.ms/)
  })

  test('every library has settings for every habit', () => {
    const software = [
      'apache-kafka-java',
      'librdkafka',
      'sarama',
      'kgo',
      'kafka-python',
      '@platformatic/kafka',
      'rskafka',
      '',
    ]
    const known = software.map((name) => behaviourOf(name, []).library)
    assert.equal(new Set(known).size, software.length)
    for (const habit of ['smallProduces', 'smallFetches', 'throttled'] as const) {
      assert.equal(new Set(known.map((library) => settingsFor(habit, library))).size, known.length, habit)
    }
    assert.match(settingsFor('throttled', 'unnamed'), /kafkajs: maxInFlightRequests/)
  })

  test('clients that did nothing are left out, the busiest comes first', () => {
    const { clients } = advise([observedClient('idle'), SARAMA, JAVA])
    assert.deepEqual(
      clients.map(({ clientId }) => clientId),
      ['reports', 'orders'],
    )
  })
})

describe('the table', () => {
  const long = observedClient('a-client-with-a-name-that-is-far-too-long\u001b[31m', {
    rates: { producedBytes: observedRates(999.6e9, 1e12), fetchedRecords: observedRates(123_456) },
    principal: 'p'.repeat(200),
  })

  test('for people', (t) => {
    t.assert.snapshot(adviceText(advise([SARAMA, JAVA, long], POLICY), 100, false).split('\n'))
  })

  test('fits 100 columns, and has colour only where it is wanted', () => {
    const many = Array.from({ length: 60 }, (_, i) =>
      observedClient(`c${i}`, { rates: { requests: observedRates(5) } }),
    )
    const advice: Advice = { ...advise([long, SARAMA, JAVA, ...many], POLICY), unwatched: 3 }
    const text = adviceText(advice, 100, false)
    for (const line of text.split('\n')) assert.ok([...line].length <= 100, line)
    assert.match(text, /13 clients that are less busy/)
    assert.match(text, /3 clients that were not watched/)
    assert.ok(!text.includes('\u001b'))
    assert.ok(adviceText(advice, 100, true).includes('\u001b[1m'))
  })
})

describe('the file', () => {
  const read = (yaml: string): Config => loadConfig({ file: { path: 'x', text: yaml }, flags: {}, env: {} })

  test('for people', (t) => {
    t.assert.snapshot(adviceYaml(advise([SARAMA, JAVA]), ['kafka-0:9092', 'kafka-1:9092']).split('\n'))
  })

  test('gives each client its limit, and others that of the busiest', () => {
    const config = read(adviceYaml(advise([SARAMA, JAVA]), ['kafka:9092']))
    assert.equal(config.mode, 'observe')
    const policy = new PolicySet(config.quotas)
    const perSecond = (clientId: string, principal: string): number[] =>
      policy.resolve({ ...NOBODY, clientId, principal }, API_KEY.Produce).map(({ ratePerMs }) => ratePerMs * 1000)
    assert.deepEqual(perSecond('orders', 'shop'), [1.3e6, 520])
    assert.deepEqual(perSecond('reports', ''), [1.3e6, 6.5])
    assert.deepEqual(perSecond('somebody', 'else'), [1.3e6, 520])
  })

  test('of two libraries under one client id has one bucket for both', () => {
    const two = ['sarama', 'kgo'].map((software) =>
      observedClient('a', { software, rates: { producedBytes: observedRates(1e6) } }),
    )
    const { quotas } = read(adviceYaml(advise(two), ['kafka:9092']))
    assert.equal(quotas[0]?.overrides.length, 1)
    assert.deepEqual(quotas[0]?.overrides[0]?.limit, { produceBytes: 2.6e6 })
  })

  // Each client a rate of its own, so that a pattern that matched another would show.
  const limitOf = (i: number): number => (i + 1) * 1e6

  test('is valid whatever clients call themselves, and each pattern matches its client alone', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({
        unit: fc.constantFrom('*', '?', '/', '\\', '#', '\n', "'", '"', ':', 'a', '(', '{', ' ', '\u0085', '\u2028'),
        maxLength: 12,
      }),
    )
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), name, (ids, principal) => {
        const clients = ids.map((id, i) =>
          observedClient(id, { principal, rates: { producedBytes: observedRates(limitOf(i)) } }),
        )
        const { quotas } = read(adviceYaml(advise(clients, NO_POLICY, 0), ['kafka:9092']))
        assert.equal(quotas[0]?.overrides.length, ids.length)
        const policy = new PolicySet(quotas)
        for (const clientId of ids) {
          const [bucket] = policy.resolve({ ...NOBODY, clientId, principal }, API_KEY.Produce)
          assert.equal(bucket?.ratePerMs, limitOf(ids.indexOf(clientId)) / 1000)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a name that no pattern can hold is told in a comment', () => {
    const yaml = adviceYaml(
      advise([observedClient('x'.repeat(600), { rates: { producedBytes: observedRates(1e6) } }), SARAMA]),
      ['kafka:9092'],
    )
    assert.match(yaml, /# x{59}….*too long for a pattern/)
    assert.equal(read(yaml).quotas[0]?.overrides.length, 1)
  })

  test('a thousand clients and more: the busiest have lines', () => {
    const many = Array.from({ length: 1005 }, (_, i) =>
      observedClient(`c${i}`, { rates: { requests: observedRates(i + 1) } }),
    )
    const yaml = adviceYaml(advise(many), ['kafka:9092'])
    assert.match(yaml, /# and 5 clients that are less busy/)
    assert.equal(read(yaml).quotas[0]?.overrides.length, 1000)
  })
})
