/** What is wrong with a configuration, with its exact path and line, and what mends it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { errorOf, faultsOf, load, UPSTREAM } from '../support/config-text.ts'

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
    'a merge key, which YAML 1.2 does not have': [
      'log: { "<<": 1 }\n',
      [
        '2:8 log.<<: unknown key; YAML 1.2 has no merge key: write the values out, or use an alias for a whole value (limit: *limit)',
      ],
    ],
    'a tag that means something elsewhere': [
      'mode: !js "x"\n',
      ['2:7 : Unresolved tag: !js; write the value without a tag'],
    ],
    'a limit that does not say of what, and a burst without a unit': [
      'quotas:\n  - { name: a, limit: 5 MB/s }\n  - { name: b, limit: { produceBytes: 5 MB/s }, burst: 2 }\n',
      [
        '3:23 quotas[0].limit: expected a mapping with produceBytes, fetchBytes, produceRecords, fetchRecords, requests, commits, joins, mutations, newConnections, connections, inFlight, as in limit: { produceBytes: 5 MB/s }',
        '4:56 quotas[1].burst: 2 has no unit; write 2s of the rate, or an amount like 2 MB',
      ],
    ],
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

  test('what is no text in UTF-8 is told as that, and not as what became of its bytes', () => {
    for (const bytes of [
      Buffer.from('\ufeffmode: observe\n', 'utf16le'),
      Buffer.from([0x6d, 0xff, 0xfe]),
      Buffer.alloc(4),
    ])
      assert.deepEqual(
        faultsOf(() => load(bytes.toString('utf8'))),
        ['1:1 : the file is no text in UTF-8; save it as UTF-8 (Windows says UTF-16 "Unicode")'],
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
