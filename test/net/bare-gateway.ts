/** A gateway with a listener and no app around it, for tests that play its clock. */
import assert from 'node:assert/strict'
import type { Server } from 'node:net'
import type { TestContext } from 'node:test'
import { GROUP_CLIENTS_MAX, TOPICS_MAX } from '../../src/bounds.ts'
import { AddressBook } from '../../src/cluster/address-book.ts'
import { GroupBook } from '../../src/cluster/group-book.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { LevelTable } from '../../src/limiter/level-table.ts'
import { Gateway } from '../../src/net/gateway.ts'
import { listen, portOf } from '../../src/net/listeners.ts'
import { behaviourOf } from '../../src/policy/client-libraries.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import type { SessionContext } from '../../src/session/context.ts'
import { Counters } from '../../src/session/counters.ts'
import { DEFAULT_SERIES, SeriesBooks } from '../../src/session/series-books.ts'
import { LogLimiter } from '../../src/telemetry/log-limiter.ts'
import { type FakeBroker, startFakeBroker } from '../support/fake-broker.ts'
import { connectRaw, FAST, noSocketsLeft, type RawClient } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { collectingLogger, type Line } from './scene.ts'

export interface BareGateway {
  readonly gateway: Gateway
  readonly counters: Counters
  readonly broker: FakeBroker
  readonly lines: readonly Line[]
  client(): Promise<RawClient>
  /** A reload. */
  policy(quotas: readonly QuotaRule[]): void
  /** What the clock would bring if that much time had passed. */
  passMs(ms: number): void
}

export async function startBareGateway(
  t: TestContext,
  quotas: readonly QuotaRule[] = [],
  holdMs = 3_000,
  more: Partial<SessionContext> = {},
): Promise<BareGateway> {
  const lines: Line[] = []
  const logger = collectingLogger(lines)
  const broker = await startFakeBroker()
  const counters = new Counters()
  const book = new AddressBook(10)
  const context: SessionContext = {
    policy: new PolicySet(quotas, { observe: false }),
    buckets: new BucketTable(100),
    levels: new LevelTable(),
    topics: new TopicBook(TOPICS_MAX),
    groups: new GroupBook(GROUP_CLIENTS_MAX),
    series: new SeriesBooks(DEFAULT_SERIES, book),
    counters,
    book,
    behaviourOf: (software) => behaviourOf(software, [{ software: '', holdMs }]),
    frameBytesMax: 104_857_600,
    epochMs: 0,
    labels: {},
    ...more,
  }
  const gateway = new Gateway({
    context,
    logger,
    limitedLog: new LogLimiter(logger),
    connectionsMax: 100,
    dialled: () => undefined,
    ended: () => undefined,
  })
  const server: Server = await listen('127.0.0.1', 0, (socket) => gateway.accept(socket, () => [broker.address]))
  const clients: RawClient[] = []
  t.after(async () => {
    for (const client of clients) client.destroy()
    server.close()
    gateway.kill()
    gateway.close()
    await broker.close()
    await noSocketsLeft()
    assert.equal(counters.connections, 0)
  })
  return {
    gateway,
    counters,
    broker,
    lines,
    client: async () => {
      const accepted = counters.connectionsTotal.accepted
      const client = await connectRaw({ host: '127.0.0.1', port: portOf(server) })
      clients.push(client)
      await waitFor('the client is accepted', () => counters.connectionsTotal.accepted > accepted, FAST)
      return client
    },
    policy: (rules) => {
      context.policy = new PolicySet(rules)
      gateway.policyChanged()
    },
    passMs: (ms) => {
      for (const connection of gateway.connections) connection.tick(performance.now() + ms)
    },
  }
}
