/** From file, environment and flags to a Config; what is wrong, with its exact path and line. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Config, ConfigError, type ConfigFlags, loadConfig } from '../../src/config/config.ts'

function load(text: string, flags: ConfigFlags = {}, env: Record<string, string> = {}): Config {
  return loadConfig({ file: { path: 'sluice.yaml', text }, flags, env })
}

function errorOf(act: () => unknown): ConfigError {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error
  }
  assert.fail('nothing was wrong')
}

/** Faults as `line:column path: message`. */
const faultsOf = (act: () => unknown): string[] =>
  errorOf(act).faults.map(({ path, line, column, message }) => `${line}:${column} ${path}: ${message}`)

const UPSTREAM = 'upstream: { bootstrap: kafka:9092 }\n'

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

describe('a configuration that is wrong', () => {
  // Text after the upstream line, so that it begins in line 2; faults as `line:column path: message`.
  const rows: Record<string, [string, string[]]> = {
    'unknown keys, each with what was meant': [
      'quota: []\nlisten: { prot: 1, xyzzy: 2 }\n',
      [
        '2:1 quota: unknown key; did you mean quotas?',
        '3:11 listen.prot: unknown key; did you mean port?',
        '3:20 listen.xyzzy: unknown key; there is host, port, advertisedHost, brokerPorts, tls, sasl',
      ],
    ],
    units: [
      'quotas:\n  - name: a\n    limit:\n      produceBytes: 5 mb/s\n      requests: 100\n    burst: 5 sec\n',
      [
        '5:21 quotas[0].limit.produceBytes: "mb" is no unit; did you mean 5 MB/s?',
        '6:17 quotas[0].limit.requests: "100" is an amount, not a rate; write 100/s',
        '7:12 quotas[0].burst: "sec" is no unit of time; write 5s, or ms, m, h, d',
      ],
    ],
    'a quota without name or limit, and an empty limit': [
      'quotas:\n  - match: { clientId: a }\n  - { name: b, limit: {} }\n  - { name: c, limit: { bytes: 1 MB/s } }\n  - { name: d, limit: { requests: 1/s }, per: [api], overrides: [{ api: Fetch, limit: {} }] }\n',
      [
        '3:5 quotas[0].name: name is missing',
        '3:5 quotas[0].limit: limit is missing',
        '4:23 quotas[1].limit: an empty limit; give produceBytes, fetchBytes, requests or another',
        '5:25 quotas[2].limit.bytes: unknown key; did you mean produceBytes or fetchBytes?',
        '6:87 quotas[3].overrides[0].limit: an empty limit; give produceBytes, fetchBytes, requests or another',
      ],
    ],
    'quota names': [
      'quotas:\n  - { name: a, limit: { requests: 1/s } }\n  - { name: a, limit: { requests: 2/s } }\n  - { name: "x y", limit: { requests: 2/s } }\n  - { name: 7, limit: { requests: 2/s } }\n',
      [
        '4:13 quotas[1].name: quotas[0] is named a too; every quota has a name of its own',
        '5:13 quotas[2].name: a name is 1 to 64 letters, digits, - _ . and begins with a letter or digit',
        '6:13 quotas[3].name: expected text, not 7; put it in quotes',
      ],
    ],
    'overrides that could never match': [
      'quotas:\n  - name: a\n    limit: { requests: 1/s }\n    per: [clientId, clientId]\n    overrides:\n      - { principal: bob, limit: { requests: 2/s } }\n      - { limit: { requests: 2/s } }\n      - { clientId: x, limit: { produceBytes: 1 MB/s } }\n',
      [
        '5:21 quotas[0].per[1]: clientId is there twice',
        '7:11 quotas[0].overrides[0].principal: the quota has no bucket for each principal; add principal to its per: [clientId, principal], or give the override a per of its own',
        '8:9 quotas[0].overrides[1]: this override is for nobody; give clientId',
        '9:33 quotas[0].overrides[2].limit.produceBytes: the quota itself does not limit produceBytes; add it there, or make a quota of its own',
      ],
    ],
    'per and mode': [
      'mode: shadow\nquotas: [{ name: a, limit: { requests: 1/s }, per: [topci], mode: off }]\n',
      [
        '2:7 mode: the modes are enforce and observe',
        '3:53 quotas[0].per[0]: "topci" is no field; did you mean topic?',
        '3:67 quotas[0].mode: the modes are enforce and observe',
      ],
    ],
    'APIs that are none, or never limited, or leave the limit without effect': [
      'quotas:\n  - { name: a, limit: { requests: 1/s }, match: { api: [Metdata, Heartbeat, "Foo*"] } }\n  - { name: b, limit: { produceBytes: 1 MB/s }, match: { api: Fetch } }\n',
      [
        '3:57 quotas[0].match.api[0]: Kafka has no API Metdata; did you mean Metadata?',
        '3:66 quotas[0].match.api[1]: Heartbeat is never limited: a late heartbeat costs the member its partitions, and the whole group a rebalance',
        '3:77 quotas[0].match.api[2]: no API of Kafka matches Foo*',
        '4:25 quotas[1].limit.produceBytes: produceBytes counts Produce only, which match.api leaves out',
      ],
    ],
    patterns: [
      'quotas:\n  - { name: a, limit: { requests: 1/s }, match: { clientId: "/(a+)+/", principal: 7, software: [] } }\n',
      [
        '3:61 quotas[0].match.clientId: this regular expression repeats a group that repeats or chooses, so a client could stall the sluice with a crafted value; simplify it or use a list of globs',
        '3:83 quotas[0].match.principal: expected text, not 7; put it in quotes',
        '3:96 quotas[0].match.software: an empty list matches nothing; leave the key out',
      ],
    ],
    'bursts that do not fit': [
      'quotas:\n  - { name: a, limit: { requests: 1/s, produceBytes: 1 MB/s }, burst: 10 }\n  - { name: b, limit: { produceBytes: 10 MB/s }, burst: 10 kB }\n  - { name: c, limit: { produceBytes: 10 MB/s }, burst: 2h }\n  - { name: d, limit: { requests: 1/s }, burst: 1ms }\n',
      [
        '3:71 quotas[0].burst: "10" fits either the bytes or the requests; write a time like 2s, or make two quotas',
        '4:57 quotas[1].burst: "10 kB" is less than 100ms of the rate, too little to keep the rate evenly; write 1s',
        '5:57 quotas[2].burst: "2h" is more than an hour of the rate',
        '6:49 quotas[3].burst: "1ms" is less than 100ms of the rate, too little to keep the rate evenly; write 1s',
      ],
    ],
    ports: [
      'listen: { port: 70000, brokerPorts: 20-10 }\nadmin: { port: "9404" }\n',
      [
        '2:17 listen.port: ports are whole numbers from 0 to 65535',
        '2:37 listen.brokerPorts: 20-10 runs backwards; write 10-20',
        '3:16 admin.port: ports are whole numbers from 0 to 65535',
      ],
    ],
    'ports that collide': [
      'listen: { host: 0.0.0.0, port: 9404, brokerPorts: 9400-9500 }\n',
      [
        '1:1 admin.port: admin.port 9404 lies within listen.brokerPorts 9400-9500',
        '1:1 admin.port: port 9404 is listen.port too; the admin pages need one of their own',
        '2:51 listen.brokerPorts: listen.port 9404 lies within 9400-9500; the brokers need ports of their own',
      ],
    ],
    'sections that are something else': [
      'listen: 9092\nadmin: 9404\nquotas: { name: a }\nclients: librdkafka\nlog: info\n',
      [
        '2:9 listen: expected a mapping with host, port, advertisedHost, brokerPorts, tls, sasl',
        '3:8 admin: expected off, or expected a mapping with host, port, tokenFile',
        '4:11 quotas.name: unknown key; quotas is a list: each begins with "- name: …"',
        '5:10 clients: expected a list: each begins with "- software: …"',
        '6:6 log: expected a mapping with level',
      ],
    ],
    'admin as a mapping with a fault is told about the fault': [
      'admin: { hots: a, host: "a:b" }\n',
      ['2:10 admin.hots: unknown key; did you mean host?', '2:25 admin.host: "a:b" is no host name or address'],
    ],
    'clients, log and limits': [
      'clients: [{ software: "kgo", hold: 1 minute }, { hold: 25s, throttle: 3 }]\nlog: { level: verbose }\nlimits: { frameBytesMax: 1 B, connectionsMax: 0, bucketsMax: 1.5 }\n',
      [
        '2:36 clients[0].hold: "minute" is no unit of time; write 1s, or ms, m, h, d',
        '2:48 clients[1].software: software is missing',
        '2:56 clients[1].hold: at most 20s: clients give up on a request after 30 s',
        '2:71 clients[1].throttle: 3 has no unit; write 3s or 3ms',
        '3:15 log.level: the levels are trace, debug, info, warn, error, fatal, silent',
        '4:26 limits.frameBytesMax: a frame is at least 1 KiB and less than 2 GiB',
        '4:47 limits.connectionsMax: expected a whole number from 1 to 1000000',
        '4:62 limits.bucketsMax: expected a whole number from 1 to 10000000',
      ],
    ],
    'a key that is there twice': [
      'mode: enforce\nmode: observe\n',
      ['3:1 : this key is there twice; YAML would take the last one silently'],
    ],
    'a tab for indentation': ['quotas:\n\t- name: a\n', ['3:1 : a tab indents this line; YAML takes spaces only']],
    'a glob that YAML takes for an alias': [
      'quotas: [{ name: a, limit: { requests: 1/s }, match: { clientId: *-batch } }]\n',
      [
        '2:66 : Unresolved alias (the anchor must be set before the alias): -batch; a pattern that begins with * must be in quotes, as in clientId: "*-batch"',
      ],
    ],
    'a second document': [
      '---\nmode: observe\n',
      ['2:1 : a second document begins here (---); the configuration is one'],
    ],
    'a merge key, which YAML 1.2 does not have': ['log: { "<<": 1 }\n', ['2:8 log.<<: unknown key; there is level']],
  }
  for (const [title, [text, faults]] of Object.entries(rows)) {
    test(title, () =>
      assert.deepEqual(
        faultsOf(() => load(UPSTREAM + text)),
        faults,
      ),
    )
  }

  test('no upstream, in a file, without one, and in an empty section', () => {
    const message = 'where is Kafka? Give --upstream HOST:PORT, SLUICE_UPSTREAM, or upstream.bootstrap in the file'
    assert.deepEqual(
      faultsOf(() => load('')),
      [`1:1 upstream.bootstrap: ${message}`],
    )
    assert.deepEqual(
      faultsOf(() => load('mode: observe\nupstream: {}\n')),
      [`2:11 upstream.bootstrap: ${message}`],
    )
    assert.deepEqual(
      faultsOf(() => loadConfig({ flags: {}, env: {} })),
      [`0:0 upstream.bootstrap: ${message}`],
    )
  })

  test('upstreams that are none, or the sluice itself', () => {
    assert.deepEqual(
      faultsOf(() => load('upstream:\n  bootstrap:\n    - kafka\n    - "[::1]:0"\n    - localhost:9092\n')),
      [
        '3:7 upstream.bootstrap[0]: "kafka" has no port; write kafka:9092',
        '4:7 upstream.bootstrap[1]: "0" is no port; ports are 1 to 65535',
        "5:7 upstream.bootstrap[2]: localhost:9092 is where the sluice itself listens; give Kafka's address, or listen elsewhere (--listen HOST:PORT)",
      ],
    )
    assert.deepEqual(
      faultsOf(() => load('upstream: { bootstrap: [] }')),
      ['1:24 upstream.bootstrap: give at least one HOST:PORT'],
    )
    assert.deepEqual(
      faultsOf(() => load('upstream: { bootstrap: "a,b:1" }')),
      ['1:24 upstream.bootstrap: "a" has no port; write a:9092'],
    )
    assert.deepEqual(
      faultsOf(() => loadConfig({ flags: { upstream: '127.0.0.1:9092' }, env: {} })),
      [
        "0:0 upstream.bootstrap: 127.0.0.1:9092 is where the sluice itself listens; give Kafka's address, or listen elsewhere (--listen HOST:PORT)",
      ],
    )
  })

  test('no mapping at all', () => {
    assert.deepEqual(
      faultsOf(() => load('- a\n- b\n')),
      ['1:1 : expected a mapping that begins with upstream:'],
    )
    assert.deepEqual(
      faultsOf(() => load('just text')),
      ['1:1 : expected a mapping that begins with upstream:'],
    )
  })

  test('a file that is too large, too deep, or a bomb of aliases is refused, not expanded', () => {
    assert.match(
      faultsOf(() => load(`${UPSTREAM}#${'x'.repeat(1_048_576)}`)).join(),
      /^1:1 : the file has 1048613 bytes; at most 1048576/,
    )
    assert.match(faultsOf(() => load('['.repeat(500_000))).join(), /nested too deeply/)
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 10; i++)
      lines.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    assert.match(
      faultsOf(() => load(lines.join('\n'))).join(),
      /more than 100 uses of YAML aliases; write the values out/,
    )
  })

  test('faults of file, environment and flags come together; a file’s keep the order of its lines', () => {
    const error = errorOf(() => load(`${UPSTREAM}mode: x\nlog: { level: y }\n`, { listen: 'z' }))
    assert.equal(
      error.format(),
      [
        '--listen: "z" has no port; write z:9092',
        'sluice.yaml:2:7: mode: the modes are enforce and observe',
        'sluice.yaml:3:15: log.level: the levels are trace, debug, info, warn, error, fatal, silent',
      ].join('\n'),
    )
  })

  test('no more faults are shown than anyone reads', () => {
    const text = UPSTREAM + Array.from({ length: 500 }, (_, i) => `key${i}: 1`).join('\n')
    assert.equal(errorOf(() => load(text)).faults.length, 100)
  })

  test('a fault without a file or a place', () => {
    const fault = { path: '', line: 0, column: 0, message: 'cannot read the configuration' }
    assert.equal(new ConfigError([fault], 'a.yaml').format(), 'a.yaml: cannot read the configuration')
    assert.equal(new ConfigError([fault]).format(), 'cannot read the configuration')
    assert.equal(
      new ConfigError([{ ...fault, path: 'listen.port', line: 2, column: 3 }]).format(),
      'line:2:3: listen.port: cannot read the configuration',
    )
  })
})
