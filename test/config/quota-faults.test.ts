/** Quotas that contradict themselves, with the place and what mends it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultsOf, load, UPSTREAM } from '../support/config-text.ts'

/** As a file that names its upstream in the line before. */
const faultsIn = (text: string): string[] => faultsOf(() => load(UPSTREAM + text))

describe('what contradicts itself', () => {
  const quota = (rest: string): string => `quotas:\n  - { name: a, ${rest} }\n`
  const rows: Record<string, [string, string[]]> = {
    'units of another dimension': [
      quota(
        'limit: { connections: 100/s, newConnections: 5, inFlight: 1 MB, records: 5/s, commits: 1 MB/s, joins: 0/s }',
      ),
      [
        '3:38 quotas[0].limit.connections: connections is a number at a time; write 100, not 100/s; for so many a second use newConnections',
        '3:61 quotas[0].limit.newConnections: newConnections is a rate; write 5/s; for a number at a time use connections',
        '3:74 quotas[0].limit.inFlight: inFlight is a number at a time, without a unit; write 1',
        '3:80 quotas[0].limit.records: unknown key; did you mean produceRecords or fetchRecords?',
        '3:103 quotas[0].limit.commits: "MB" is a unit of bytes, and this counts commits; write 1/s or 1k/s',
        '3:118 quotas[0].limit.joins: a rate of 0 would stop the client for good; leave the quota out, or give the least rate that is useful',
      ],
    ],
    'a quota that limits nobody': [
      quota(
        'limit: { requests: unlimited, joins: unlimited }, per: [clientId], overrides: [{ clientId: a, limit: { joins: 1/s } }]',
      ),
      [
        '3:25 quotas[0].limit.requests: unlimited, and no override or window limits requests either; give one a limit, or leave it out here',
      ],
    ],
    "Kafka's own names of limits": [
      quota('limit: { producer_byte_rate: 1, controller_mutation_rate: 1, request_percentage: 50 }'),
      [
        '3:25 quotas[0].limit.producer_byte_rate: unknown key; did you mean produceBytes?',
        '3:48 quotas[0].limit.controller_mutation_rate: unknown key; did you mean mutations?',
        '3:77 quotas[0].limit.request_percentage: unknown key; a share of threads cannot be seen from here; limit requests instead',
      ],
    ],
    'matches that are none': [
      quota(
        'limit: { requests: 1/s }, match: { user: x, namespace: y, address: [10.0.0.0/33, kafka], labels: { -a: b, c: 7 }, not: {} }, exempt: [{}, 5]',
      ),
      [
        '3:51 quotas[0].match.user: unknown key; did you mean principal?',
        '3:60 quotas[0].match.namespace: unknown key; a label: write labels: { namespace: … }',
        '3:84 quotas[0].match.address[0]: "10.0.0.0/33" needs a prefix length from 0 to 32 behind the slash',
        '3:97 quotas[0].match.address[1]: "kafka" is no IP address; write 10.1.2.3, 10.0.0.0/8 or fd00::/8',
        '3:119 quotas[0].match.labels.-a: "-a" is no name of a label: letters, digits, . _ - / and a letter or digit at both ends, as in app.kubernetes.io/name',
        '3:125 quotas[0].match.labels.c: expected text, not 7; put it in quotes',
        '3:135 quotas[0].match.not: an empty match excepts everybody; name whom it is for',
        '3:150 quotas[0].exempt[0]: an empty match excepts everybody; name whom it is for',
        '3:154 quotas[0].exempt[1]: expected a mapping with clientId, principal, group, topic, api, software, softwareVersion, address, sni, labels',
      ],
    ],
    'fields that are none': [
      quota('limit: { requests: 1/s }, per: [user, namespace, labels, labels.-x, cleintId, xyzzy]'),
      [
        '3:48 quotas[0].per[0]: "user" is no field; did you mean principal?',
        '3:54 quotas[0].per[1]: "namespace" is no field; did you mean labels.namespace?',
        '3:65 quotas[0].per[2]: labels are many; say which one, as in labels.app',
        '3:73 quotas[0].per[3]: "-x" is no name of a label: letters, digits, . _ - / and a letter or digit at both ends, as in app.kubernetes.io/name',
        '3:84 quotas[0].per[4]: "cleintId" is no field; did you mean clientId?',
        '3:94 quotas[0].per[5]: "xyzzy" is no field; there is clientId, principal, group, topic, api, software, softwareVersion, address, sni, labels.NAME',
      ],
    ],
    'what a topic cannot tell apart': [
      quota('limit: { requests: 1/s, inFlight: 5, commits: 1/s, joins: 1/s, mutations: 1/s }, per: topic'),
      ['inFlight', 'commits', 'joins', 'mutations'].map(
        (dimension, i) =>
          `3:${[40, 53, 67, 79][i]} quotas[0].limit.${dimension}: ${dimension} cannot be told apart by topic, only produceBytes, fetchBytes, produceRecords, fetchRecords, requests can; make a quota of its own for it, without topic`,
      ),
    ],
    'what a connection does not have, wherever it is asked for': [
      [
        'quotas:',
        '  - { name: a, limit: { connections: 5 }, match: { api: Produce } }',
        '  - { name: b, limit: { newConnections: 5/s }, per: [group, topic] }',
        '  - { name: c, limit: { connections: 5 }, exempt: { group: g } }',
        '  - { name: d, limit: { connections: 5 }, overrides: [{ clientId: x, per: [api] }] }',
      ].join('\n'),
      [
        '3:25 quotas[0].limit.connections: a connection has no api, so connections cannot be told apart by it; make a quota of its own for it, without api',
        '4:25 quotas[1].limit.newConnections: a connection has no topic or group, so newConnections cannot be told apart by it; make a quota of its own for it, without topic or group',
        '5:25 quotas[2].limit.connections: a connection has no group, so connections cannot be told apart by it; make a quota of its own for it, without group',
        '6:25 quotas[3].limit.connections: a connection has no api, so connections cannot be told apart by it; make a quota of its own for it, without api',
      ],
    ],
    'APIs that no limit of the quota counts': [
      [
        'quotas:',
        '  - { name: a, limit: { joins: 1/s, requests: 1/s }, match: { api: [JoinGroup, Heartbeat] } }',
        '  - { name: b, limit: { requests: 1/s }, match: { api: JoinGroup } }',
        '  - { name: c, limit: { mutations: 1/s }, match: { api: Metadata } }',
        '  - { name: d, limit: { requests: 1/s }, match: { api: Metadata, not: { api: SaslHandshake } } }',
        '  - { name: e, limit: { produceBytes: 1 MB/s }, per: [api], overrides: [{ api: Fetch, limit: { produceBytes: 2 MB/s } }] }',
        'exempt: [{ api: [SyncGroup, Metadata] }]',
      ].join('\n'),
      [
        '3:37 quotas[0].limit.requests: requests does not count JoinGroup, and match.api lets nothing else through',
        '3:80 quotas[0].match.api[1]: Heartbeat is never limited: a late heartbeat costs the member its partitions, and the whole group a rebalance',
        '4:56 quotas[1].match.api: JoinGroup is never limited (but by joins): one late member keeps every member of the group waiting, and is thrown out (protocol-facts D.6)',
        '5:25 quotas[2].limit.mutations: mutations counts CreateTopics and DeleteTopics and CreatePartitions only, which match.api leaves out',
        '6:78 quotas[3].match.not.api: SaslHandshake is never limited: a login has a deadline at the broker and comes before anything that could be limited',
        '7:96 quotas[4].overrides[0].limit.produceBytes: produceBytes counts Produce only, which the api of the override leaves out',
        '8:18 exempt[0].api[0]: SyncGroup is never limited: one late member keeps every member of the group waiting, and is thrown out (protocol-facts D.6)',
      ],
    ],
    'a topic that is exempt everywhere': [
      'exempt: { topic: audit }\n',
      [
        '2:11 exempt.topic: a topic cannot be exempt from every quota at once: connections and commits have none; put it into match.not of the quotas that are meant',
      ],
    ],
    'shares of what cannot be divided, or by what is one already': [
      quota(
        'limit: { requests: 1/s, inFlight: 5 }, per: [clientId], share: { by: [clientId, principal, principal], weight: 0, priority: top, minimum: 0.5 }',
      ),
      [
        '3:40 quotas[0].limit.inFlight: share divides rates, and inFlight is a number at a time; make a quota of its own for it, without share',
        '3:81 quotas[0].share.by: clientId is in per too, so each bucket is of one clientId and has nothing to divide by it; leave it out of per',
        '3:107 quotas[0].share.by[2]: principal is there twice',
        '3:127 quotas[0].share.weight: a weight is a number from 0.01 to 1000',
        '3:140 quotas[0].share.priority: the priorities are high, normal and low',
        '3:154 quotas[0].share.minimum: "0.5" is no percentage; write one like 10%',
      ],
    ],
    'a share without by, and one with too little for the others': [
      [
        'quotas:',
        '  - { name: a, limit: { requests: 1/s }, share: {} }',
        '  - { name: b, limit: { requests: 1/s }, share: { by: [], minimum: 0% } }',
      ].join('\n'),
      [
        '3:49 quotas[0].share.by: by is missing',
        '4:55 quotas[1].share.by: say by what the bucket is divided, as in by: [clientId]',
        '4:68 quotas[1].share.minimum: 0% is not from 1% to 90%',
      ],
    ],
    'overrides in a quota with share': [
      [
        'quotas:',
        '  - name: a',
        '    limit: { requests: 1/s }',
        '    share: { by: [clientId] }',
        '    overrides:',
        '      - { clientId: x, limit: { requests: 2/s }, burst: 2s }',
        '      - { principal: y, weight: 2 }',
        '      - { clientId: z }',
        '      - { clientId: own, limit: { requests: 2/s }, per: [] }',
        '      - { weight: 2 }',
      ].join('\n'),
      [
        '7:24 quotas[0].overrides[0].limit: a quota with share is one bucket with one rate, which its keys divide; give these keys a weight instead, or a per of their own',
        '7:50 quotas[0].overrides[0].burst: a quota with share is one bucket with one rate, which its keys divide; give these keys a weight instead, or a per of their own',
        '8:11 quotas[0].overrides[1].principal: the quota has no share for each principal; add principal to its share.by: [clientId, principal]',
        '9:9 quotas[0].overrides[2]: this override changes nothing; give it weight, priority or per',
        '11:9 quotas[0].overrides[4]: this override is for nobody; give clientId',
      ],
    ],
    'overrides in a quota without': [
      [
        'quotas:',
        '  - name: a',
        '    limit: { requests: 1/s }',
        '    per: [clientId]',
        '    overrides:',
        '      - { clientId: x, weight: 2, priority: high }',
        '      - { clientId: y, not: { principal: z }, burst: 2s }',
        '      - { clientId: z, per: [topic, topic] }',
        '      - { clientId: w, limit: { commits: 1/s } }',
        '      - { clientId: v }',
      ].join('\n'),
      [
        '7:24 quotas[0].overrides[0].weight: weight is of a bucket that is divided; give the quota share: { by: [clientId] }',
        '7:35 quotas[0].overrides[0].priority: priority is of a bucket that is divided; give the quota share: { by: [clientId] }',
        '8:31 quotas[0].overrides[1].not.principal: the quota has no bucket for each principal; add principal to its per: [clientId, principal], or give the override a per of its own',
        '9:37 quotas[0].overrides[2].per[1]: topic is there twice',
        '10:33 quotas[0].overrides[3].limit.commits: the quota itself does not limit commits; add it there, or make a quota of its own',
        '11:9 quotas[0].overrides[4]: this override changes nothing; give it limit, burst or per',
      ],
    ],
    'windows and ramps': [
      [
        'quotas:',
        '  - name: a',
        '    limit: { produceBytes: 1 MB/s }',
        '    rampIn: 8d',
        '    schedule:',
        '      - { during: "* 22-5 * * *", timeZone: Berlin, limit: { requests: 5/s } }',
        '      - { during: "* * * * *", limit: { produceBytes: 2 }, burst: 1 kB }',
        '      - { during: "* * * * *", limit: {} }',
        '      - {}',
        '  - { name: b, limit: { requests: 1/s }, rampIn: 0s, schedule: night }',
        '  - { name: c, limit: { requests: 1/s }, rampIn: 10 }',
      ].join('\n'),
      [
        '5:13 quotas[0].rampIn: "8d" is more than 7 days',
        '7:19 quotas[0].schedule[0].during: the hour 22-5 runs backwards; write 22-23,0-5',
        '7:45 quotas[0].schedule[0].timeZone: "Berlin" is no time zone; did you mean Europe/Berlin?',
        '7:62 quotas[0].schedule[0].limit.requests: the quota itself does not limit requests; add it there, or make a quota of its own',
        '8:55 quotas[0].schedule[1].limit.produceBytes: 2 has no unit; write 2 B/s',
        '8:67 quotas[0].schedule[1].burst: "1 kB" is less than 100ms of the rate, too little to keep the rate evenly; write 1s',
        '9:39 quotas[0].schedule[2].limit: an empty limit; give produceBytes, fetchBytes, requests or another',
        '10:9 quotas[0].schedule[3].during: during is missing',
        '10:9 quotas[0].schedule[3].limit: limit is missing',
        '11:50 quotas[1].rampIn: "0s" is no time; leave rampIn out',
        '11:64 quotas[1].schedule: expected a list: each begins with "- during: …"',
        '12:50 quotas[2].rampIn: 10 has no unit; write 10s or 10ms',
      ],
    ],
    'bursts of levels, and of rates of two units': [
      'quotas: [{ name: a, limit: { connections: 5 }, burst: 5 }, { name: b, limit: { requests: 5/s, commits: 5/s }, burst: 5 }]',
      [
        '2:48 quotas[0].burst: connections is a number at a time and has no burst; leave it out',
        '2:118 quotas[1].burst: "5" fits either the requests or the commits; write a time like 2s, or make two quotas',
      ],
    ],
    'a mapping of quotas': [
      'followKafka: { interval: 0s, mod: observe }\nquotas: { followKafka: yes, rules: { name: a }, list: [] }\n',
      [
        '2:1 followKafka: it is in quotas too; say it in one place',
        '2:26 followKafka.interval: "0s" is not from 1s to 1h',
        '2:30 followKafka.mod: unknown key; did you mean mode?',
        '3:24 quotas.followKafka: expected true, or expected a mapping with interval, mode',
        '3:36 quotas.rules: expected a list of quotas: each begins with "- name: …"',
        '3:49 quotas.list: unknown key; did you mean rules?',
      ],
    ],
    'names that are there twice in a mapping of quotas': [
      'quotas: { rules: [{ name: a, limit: { requests: 1/s } }, { name: a, limit: { requests: 1/s } }] }\n',
      ['2:66 quotas.rules[1].name: quotas.rules[0] is named a too; every quota has a name of its own'],
    ],
  }
  for (const [title, [text, faults]] of Object.entries(rows)) {
    test(title, () => assert.deepEqual(faultsIn(text), faults))
  }
})

test('quotas that followKafka makes itself are not there twice', () => {
  const text = (follow: string): string => `followKafka: ${follow}
quotas: [{ name: kafka-produce, limit: { produceBytes: 1 MB/s } }]`
  assert.deepEqual(faultsIn(text('true')), [
    '3:18 quotas[0].name: followKafka makes a quota kafka-produce itself; remove this one, or rename it if it is in addition',
  ])
  load(UPSTREAM + text('false'))
})
