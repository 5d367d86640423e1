/** From file, environment and flags to a Config. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loadConfig } from '../../src/config/config.ts'
import { errorOf, load, UPSTREAM } from '../support/config-text.ts'

describe('a configuration that is right', () => {
  test('needs an upstream only; the rest has defaults', () => {
    assert.deepEqual(loadConfig({ flags: { upstream: 'kafka:9092' }, env: {} }), {
      upstream: { bootstrap: [{ host: 'kafka', port: 9092 }] },
      listen: {
        host: '127.0.0.1',
        port: 9092,
        advertisedHost: undefined,
        brokerPorts: { first: 19_092, last: 19_191 },
      },
      admin: { host: '127.0.0.1', port: 9404 },
      mode: 'enforce',
      labels: {},
      exempt: [],
      quotas: [],
      followKafka: undefined,
      clients: [],
      metrics: { clientsMax: 200, groupsMax: 100, partitionsMax: 2000, idleMs: 900_000 },
      telemetry: { otlp: undefined },
      log: { level: 'info' },
      limits: { frameBytesMax: 104_857_600, connectionsMax: 10_000, bucketsMax: 100_000 },
    })
  })

  test('says everything that a file can say', () => {
    const config = load(`
# yaml-language-server: $schema=./sluice.schema.json
upstream:
  bootstrap: [kafka-0.kafka:9093, "[::1]:9093"]
listen: { host: 0.0.0.0, port: 9192, advertisedHost: sluice, brokerPorts: 30000-30010 }
admin:  { host: 0.0.0.0, port: 9405 }
mode: observe
quotas:
  - name: producers
    limit: { produceBytes: 5 MB/s, fetchBytes: 10 MiB/s }
    burst: 2s
    match: { clientId: "checkout-*", software: [librdkafka, /java/] }
    per: [clientId]
    overrides:
      - { clientId: checkout-batch, limit: { produceBytes: 20 MB/s }, burst: 40 MB }
      - { clientId: checkout-vip, limit: { produceBytes: unlimited } }
  - name: chatty-metadata
    limit: { requests: 2/s }
    burst: 10
    match: { api: [Metadata, ListOffsets] }
    per: [clientId, api]
    mode: observe
clients:
  - { software: "librdkafka*", hold: 4s, throttle: 0s }
log: { level: debug }
limits: { frameBytesMax: 10 MiB, connectionsMax: 50, bucketsMax: 1000 }
`)
    assert.deepEqual(config, {
      upstream: {
        bootstrap: [
          { host: 'kafka-0.kafka', port: 9093 },
          { host: '::1', port: 9093 },
        ],
      },
      listen: { host: '0.0.0.0', port: 9192, advertisedHost: 'sluice', brokerPorts: { first: 30_000, last: 30_010 } },
      admin: { host: '0.0.0.0', port: 9405 },
      mode: 'observe',
      labels: {},
      exempt: [],
      followKafka: undefined,
      quotas: [
        {
          name: 'producers',
          limit: { produceBytes: 5e6, fetchBytes: 10 * 2 ** 20 },
          burst: { seconds: 2 },
          match: { clientId: ['checkout-*'], software: ['librdkafka', '/java/'] },
          per: ['clientId'],
          overrides: [
            { match: { clientId: ['checkout-batch'] }, limit: { produceBytes: 2e7 }, burst: { amount: 4e7 } },
            { match: { clientId: ['checkout-vip'] }, limit: { produceBytes: Number.POSITIVE_INFINITY } },
          ],
          mode: 'enforce',
        },
        {
          name: 'chatty-metadata',
          limit: { requests: 2 },
          burst: { amount: 10 },
          match: { api: ['Metadata', 'ListOffsets'] },
          per: ['clientId', 'api'],
          overrides: [],
          mode: 'observe',
        },
      ],
      clients: [{ software: 'librdkafka*', holdMs: 4000, stampMs: 0 }],
      metrics: { clientsMax: 200, groupsMax: 100, partitionsMax: 2000, idleMs: 900_000 },
      telemetry: { otlp: undefined },
      log: { level: 'debug' },
      limits: { frameBytesMax: 10_485_760, connectionsMax: 50, bucketsMax: 1000 },
    })
  })

  test('admin may be off; broker ports any that are free; an empty client id may be meant', () => {
    const config = load(
      `${UPSTREAM}admin: off\nlisten: { brokerPorts: 0 }\nquotas: [{ name: q, limit: { requests: 1/s }, match: { clientId: "" } }]`,
    )
    assert.equal(config.admin, undefined)
    assert.equal(config.listen.brokerPorts, 'any')
    assert.deepEqual(config.quotas[0]!.match, { clientId: [''] })
    assert.equal(load(`${UPSTREAM}admin: false`).admin, undefined)
  })

  test('anchors are resolved; sections may be empty', () => {
    const config = load(
      `${UPSTREAM}quotas:\n  - { name: a, limit: &l { requests: 5/s } }\n  - { name: b, limit: *l }\n`,
    )
    assert.deepEqual(
      config.quotas.map((quota) => quota.limit),
      [{ requests: 5 }, { requests: 5 }],
    )
  })
})

describe('flags and environment', () => {
  test('a flag overrides the environment, which overrides the file', () => {
    const text = `${UPSTREAM}listen: { host: 127.0.0.1, port: 1111, advertisedHost: here }\nlog: { level: warn }\n`
    assert.equal(load(text).listen.port, 1111)
    const { listen, log } = load(
      text,
      { listen: '[::1]:3333' },
      { SLUICE_LISTEN: '127.0.0.1:2222', SLUICE_LOG_LEVEL: 'debug' },
    )
    assert.deepEqual([listen.host, listen.port, listen.advertisedHost, log.level], ['::1', 3333, 'here', 'debug'])
    assert.equal(load(text, {}, { SLUICE_LISTEN: '127.0.0.1:2222' }).listen.port, 2222)
    assert.equal(load(text, {}, { SLUICE_LISTEN: '' }).listen.port, 1111, 'empty is not set')
  })

  test('every setting can be given without a file', () => {
    const env = {
      SLUICE_UPSTREAM: 'a:1,b:2',
      SLUICE_ADMIN: '0.0.0.0:9999',
      SLUICE_BROKER_PORTS: '20000-20009',
      SLUICE_PRODUCE_RATE: '5MB/s',
      SLUICE_FETCH_RATE: '6MB/s',
      SLUICE_REQUEST_RATE: '7/s',
      SLUICE_OBSERVE: 'true',
      SLUICE_PORT: 'tcp://10.0.0.1:80', // Kubernetes puts this where a Service is named sluice
    }
    const config = loadConfig({ flags: { fetchRate: '8MB/s' }, env })
    assert.deepEqual(config.upstream.bootstrap, [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ])
    assert.deepEqual(config.admin, { host: '0.0.0.0', port: 9999 })
    assert.deepEqual(config.listen.brokerPorts, { first: 20_000, last: 20_009 })
    assert.equal(config.mode, 'observe')
    assert.deepEqual(
      config.quotas.map(({ name, limit, per }) => [name, limit, per]),
      [
        ['produce-rate', { produceBytes: 5e6 }, ['clientId']],
        ['fetch-rate', { fetchBytes: 8e6 }, ['clientId']],
        ['request-rate', { requests: 7 }, ['clientId']],
      ],
    )
  })

  test('switches work both ways', () => {
    assert.equal(load(`${UPSTREAM}mode: observe`, {}, { SLUICE_OBSERVE: '0' }).mode, 'enforce')
    assert.equal(load(UPSTREAM, { observe: true }, { SLUICE_OBSERVE: 'false' }).mode, 'observe')
    assert.equal(load(UPSTREAM, { admin: 'off' }).admin, undefined)
    assert.deepEqual(load(`${UPSTREAM}admin: off`, { admin: '127.0.0.1:1' }).admin, { host: '127.0.0.1', port: 1 })
  })

  test('a rate flag takes the place of a quota of its name', () => {
    const text = `${UPSTREAM}quotas: [{ name: produce-rate, limit: { produceBytes: 1 MB/s } }, { name: other, limit: { requests: 1/s } }]`
    const { quotas } = load(text, { produceRate: '2MB/s' })
    assert.deepEqual(
      quotas.map(({ name, limit }) => [name, limit]),
      [
        ['produce-rate', { produceBytes: 2e6 }],
        ['other', { requests: 1 }],
      ],
    )
  })

  test('what is wrong with them is told by their own names, all at once', () => {
    const error = errorOf(() =>
      loadConfig({
        flags: { upstream: 'kafka', produceRate: '5', logLevel: 'inf' },
        env: {
          SLUICE_LISTEN: '9092',
          SLUICE_ADMIN: 'x:70000',
          SLUICE_BROKER_PORTS: '9-1',
          SLUICE_OBSERVE: 'maybe',
          SLUICE_REQUEST_RATE: '5 MB/s',
        },
      }),
    )
    assert.equal(
      error.format(),
      [
        '--upstream: "kafka" has no port; write kafka:9092',
        'SLUICE_LISTEN: "9092" has no host; write 127.0.0.1:9092',
        'SLUICE_BROKER_PORTS: 9-1 runs backwards; write 1-9',
        'SLUICE_ADMIN: "70000" is no port; ports are 0 to 65535',
        '--produce-rate: 5 has no unit; write 5 B/s',
        'SLUICE_REQUEST_RATE: "MB" is a unit of bytes, and this counts requests; write 5/s or 5k/s',
        'SLUICE_OBSERVE: "maybe" is neither true nor false',
        '--log-level: "inf" is no log level; did you mean info?',
      ].join('\n'),
    )
  })
})
