/** A policy of many quotas as a platform team might write it, and a session's surroundings, for the benchmarks. */
import { GROUP_CLIENTS_MAX, TOPICS_MAX } from '../../src/bounds.ts'
import { AddressBook } from '../../src/cluster/address-book.ts'
import { GroupBook } from '../../src/cluster/group-book.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { LevelTable, type Waiter } from '../../src/limiter/level-table.ts'
import { behaviourOf } from '../../src/policy/client-libraries.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import type { SessionContext } from '../../src/session/context.ts'
import { Counters } from '../../src/session/counters.ts'
import { DEFAULT_SERIES, SeriesBooks, type SeriesLimits } from '../../src/session/series-books.ts'

/** Whoever is named flood-… waits under this one. */
export const FLOOD_QUOTA = 'floods'

export const NO_WAITER: Waiter = { ready: () => false }

/** Each kind of quota, as YAML, for a number: most are for a team's clients, some for users, networks, groups, topics. */
const KINDS: readonly ((n: number) => string)[] = [
  (n) => `limit: { produceBytes: ${(n % 20) + 1} MB/s }, match: { clientId: "team-${n}-*" }, per: [clientId]`,
  (n) => `limit: { produceBytes: 10 MB/s, requests: 500/s }, match: { clientId: checkout-${n} }`,
  (n) =>
    `limit: { fetchBytes: 20 MB/s }, match: { clientId: ["search-${n}", "search-${n}-*"] }, per: [clientId], burst: 2s`,
  (n) => `limit: { produceBytes: 20 MB/s }, match: { principal: user-${n} }, per: [principal]`,
  (n) => `limit: { requests: 2k/s }, match: { address: 10.${n % 256}.${Math.floor(n / 256)}.0/24 }, per: [address]`,
  (n) => `limit: { commits: 20/s }, match: { group: "group-${n}-*" }, per: [group]`,
  (n) => `limit: { produceRecords: 20k/s }, match: { clientId: "/^batch-${n}-[0-9]+$/" }, per: [clientId]`,
  (n) => `limit: { produceBytes: 5 MB/s }, match: { topic: "orders-${n}", clientId: "orders-${n}-*" }, per: [topic]`,
]

/** For team-7-orders, user-7 at 10.7.0.9 with Java, five of these match. */
export function quotasYaml(count: number): string {
  const first = [
    'name: everybody, limit: { produceBytes: 50 MB/s, fetchBytes: 100 MB/s }, per: [clientId]',
    'name: java, limit: { requests: 100k/s }, match: { software: apache-kafka-java }, per: [software]',
    `name: ${FLOOD_QUOTA}, limit: { produceBytes: 1 B/s }, match: { clientId: "flood-*" }, per: [clientId]`,
  ]
  const others = Array.from({ length: count - first.length }, (_, i) => {
    const [kind, n] = [i % KINDS.length, Math.floor(i / KINDS.length)]
    return `name: q${kind}-${n}, ${KINDS[kind]!(n)}`
  })
  return `quotas:\n${[...first, ...others].map((quota) => `  - { ${quota} }\n`).join('')}`
}

export function contextOf(rules: readonly QuotaRule[], series: SeriesLimits = DEFAULT_SERIES): SessionContext {
  const book = new AddressBook(10)
  return {
    policy: new PolicySet(rules),
    buckets: new BucketTable(100_000),
    levels: new LevelTable(),
    topics: new TopicBook(TOPICS_MAX),
    groups: new GroupBook(GROUP_CLIENTS_MAX),
    series: new SeriesBooks(series, book),
    counters: new Counters(),
    book,
    behaviourOf: (software) => behaviourOf(software, []),
    frameBytesMax: 104_857_600,
    epochMs: 0,
    labels: {},
  }
}
