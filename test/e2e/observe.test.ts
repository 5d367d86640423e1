/**
 * Observe mode: nothing on the wire is other than without quotas, and the numbers that it reports are those that enforce then brings about. A fixed
 * work runs once under each mode. Before the sluice and behind it a tap
 * keeps every byte of the observed run.
 */
import assert from 'node:assert/strict'
import { platform } from 'node:os'
import { type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { createTopic, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { type ClientConfig, requireClient, runClient } from '../support/clients.ts'
import type { SluiceMetrics } from '../support/sluice-metrics.ts'
import { waitFor } from '../support/wait.ts'
import { ByteTap, type Conversation, framesOf } from './support/byte-tap.ts'
import { report } from './support/limits.ts'
import { kafkaFor, startSluice, withSluice } from './support/sluice.ts'

/** Where the tap before the sluice listens: the sluice itself has the same ports of 127.0.0.1. Linux has all of 127/8. */
const TAP_HOST = '127.0.0.2'
const BYTES_PER_SECOND = 400_000
const RECORD_BYTES = 4_000
/** Eight seconds' worth, of which the burst is a fifth of one. */
const RECORDS = (8 * BYTES_PER_SECOND) / RECORD_BYTES
const TOLERANCE = 0.05
/** A client that obeys comes back a little late, and by that much it waits less for the quota; on a busy machine that may be more. */
const ATTEMPTS_MAX = 3
/** Answers that name brokers name ours; which versions there are is told by us too. */
const REWRITTEN: readonly number[] = [
  API_KEY.Metadata,
  API_KEY.FindCoordinator,
  API_KEY.ApiVersions,
  API_KEY.DescribeCluster,
]

const FIRST_RUN = 'observed'
/** Of so few requests a twentieth is less than one. */
const REQUESTS_TOLERANCE = 2

/** Requests of the same size however long they wait, or the same work would be other requests. */
const SETTINGS: Readonly<Record<'java' | 'librdkafka', Pick<ClientConfig, 'producer' | 'consumer'>>> = {
  java: {
    producer: { 'batch.size': 65_536, 'linger.ms': 200 },
    consumer: { 'max.partition.fetch.bytes': 131_072 },
  },
  librdkafka: {
    producer: { 'batch.num.messages': 16, 'linger.ms': 200 },
    consumer: { 'fetch.message.max.bytes': 131_072 },
  },
}
const LIBRARIES = ['java', 'librdkafka'] as const
type Library = (typeof LIBRARIES)[number]
const WAYS = ['produce', 'consume'] as const

const nameOf = (library: Library, way: (typeof WAYS)[number]): string => `${library}-${way}`

const QUOTAS = LIBRARIES.flatMap((library) =>
  WAYS.map((way) => ({
    name: nameOf(library, way),
    limit: { [way === 'produce' ? 'produceBytes' : 'fetchBytes']: `${BYTES_PER_SECOND} B/s` },
    burst: '200ms',
    match: { clientId: nameOf(library, way) },
  })),
)

/** What a quota met, or would have. */
interface Counts {
  readonly requests: number
  readonly seconds: number
  readonly bytes: number
}

test('observe mode changes nothing, and says what enforce will do', { timeout: 300_000 }, async (context) => {
  if (platform() !== 'linux') {
    context.skip(`needs ${TAP_HOST}, which only Linux has from the start`)
    return
  }
  for (const library of LIBRARIES) if (!(await requireClient(context, library))) return
  const behind: ByteTap[] = []
  context.after(() => Promise.all(behind.map((tap) => tap.close())))
  const kafka = await kafkaFor(context, {
    advertise: async (broker) => {
      const tap = await ByteTap.start(broker)
      behind.push(tap)
      return tap.port
    },
  })
  if (kafka === undefined) return
  const before = await observed(context, kafka)
  const conversations = behind.flatMap((tap) => tap.conversations)
  await context.test('what the broker gets is what the client says, byte for byte, and so are the answers', () => {
    for (const conversation of before.conversations) assertSame(conversation, conversations)
  })
  await context.test('what observe mode counts is what enforce brings about', (t) =>
    numbersAgree(t, kafka, before.metrics),
  )
})

/** The work under observe mode, and all that was said to the sluice. */
async function observed(
  context: TestContext,
  kafka: KafkaCluster,
): Promise<{ metrics: SluiceMetrics; conversations: readonly Conversation[] }> {
  const listen = { host: '127.0.0.1', port: 0, brokerPorts: 0, advertisedHost: TAP_HOST }
  const sluice = await startSluice(context, { upstream: kafka, quotas: QUOTAS, config: { mode: 'observe', listen } })
  const brokers = await waitFor('it knows its broker', async () => {
    const { brokers: known } = await sluice.status()
    return known.length > 0 && known.every(({ localPort }) => localPort > 0) ? known : undefined
  })
  const ports = [Number(sluice.bootstrap.split(':')[1]), ...brokers.map(({ localPort }) => localPort)]
  const taps = await Promise.all(
    ports.map((port) => ByteTap.start({ host: '127.0.0.1', port }, { host: TAP_HOST, port })),
  )
  context.after(() => Promise.all(taps.map((tap) => tap.close())))
  await work(context, kafka, `${TAP_HOST}:${ports[0]}`, FIRST_RUN)
  const metrics = await sluice.metrics()
  await sluice.stop()
  return { metrics, conversations: taps.flatMap((tap) => tap.conversations) }
}

async function numbersAgree(context: TestContext, kafka: KafkaCluster, first: SluiceMetrics): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    // Either run may be the one in which a client came late: a new attempt is one of both.
    const before = attempt === 1 ? first : await metricsOfWork(context, kafka, 'observe', attempt)
    const after = await metricsOfWork(context, kafka, 'enforce', attempt)
    const complaints: string[] = []
    for (const { name } of QUOTAS) {
      // Whoever met the limit was told so; who does not listen was held as well.
      const [would, did] = [countsOf(before, name, 'observed'), countsOf(after, name, 'stamped')]
      const ratios = ratiosOf(would, did)
      await report(context, `observe ${name}, would be by was`, { ...ratios, wereSeconds: did.seconds, attempt })
      complaints.push(...farRatios(ratios, would, did).map((far) => `${name}: ${far}`))
    }
    if (complaints.length === 0) return
    assert.ok(attempt < ATTEMPTS_MAX, `${complaints.join('; ')}, after ${attempt} attempts`)
  }
}

/** Those that are more than the tolerance off, in words. */
function farRatios(ratios: Readonly<Record<string, number>>, would: Counts, did: Counts): string[] {
  const isFew = Math.abs(would.requests - did.requests) <= REQUESTS_TOLERANCE
  return Object.entries(ratios)
    .filter(([what, ratio]) => Math.abs(ratio - 1) > TOLERANCE && !(what === 'requests' && isFew))
    .map(([what, ratio]) => `${what} are ${ratio} of what they come to`)
}

function ratiosOf(would: Counts, did: Counts): { requests: number; seconds: number; bytes: number } {
  return {
    requests: would.requests / did.requests,
    seconds: would.seconds / did.seconds,
    bytes: would.bytes / did.bytes,
  }
}

async function metricsOfWork(
  context: TestContext,
  kafka: KafkaCluster,
  mode: 'observe' | 'enforce',
  attempt: number,
): Promise<SluiceMetrics> {
  return withSluice(context, { upstream: kafka, quotas: QUOTAS, config: { mode } }, async (sluice) => {
    await work(context, kafka, sluice.bootstrap, `${mode}-${attempt}`)
    return sluice.metrics()
  })
}

/** Both libraries at once: each produces its records, and reads those of the first run. */
async function work(context: TestContext, kafka: KafkaCluster, bootstrap: string, run: string): Promise<void> {
  const doWork = async (library: Library, way: (typeof WAYS)[number], of: string): Promise<void> => {
    const config: ClientConfig = {
      ...{ bootstrap, topic: `${of}-${library}`, clientId: nameOf(library, way), run: of },
      ...{ count: RECORDS, recordBytes: RECORD_BYTES, ...SETTINGS[library] },
    }
    const { errors, timeouts, disconnects, lost, events } = await runClient(library, way, config, context)
    const harm = { errors, timeouts, disconnects, lost }
    assert.deepEqual(harm, { errors: 0, timeouts: 0, disconnects: 0, lost: 0 }, JSON.stringify(events))
  }
  await Promise.all(
    LIBRARIES.map(async (library) => {
      await createTopic(kafka.internalBootstrap, { topic: `${run}-${library}` })
      const produced = doWork(library, 'produce', run)
      if (run === FIRST_RUN) await produced
      await Promise.all([produced, doWork(library, 'consume', FIRST_RUN)])
    }),
  )
}

/** The same was said on the other side of the sluice, but for the few answers that it rewrites without any quota too. */
function assertSame(before: Conversation, behind: readonly Conversation[]): void {
  const requests = before.toBroker()
  const same = behind.find((conversation) => conversation.toBroker().equals(requests))
  assert.ok(same, `a connection's ${requests.length} bytes did not reach the broker as they were`)
  const keys = new Map(framesOf(requests).map((frame) => [frame.readInt32BE(8), frame.readInt16BE(4)]))
  const theirs = framesOf(same.toClient())
  // A client that leaves does not wait for what it asked last.
  for (const [i, ours] of framesOf(before.toClient()).entries()) {
    const key = keys.get(ours.readInt32BE(4))
    if (REWRITTEN.includes(key ?? -1)) continue
    assert.ok(theirs[i]?.equals(ours), `answer ${i}, to API ${key}, was changed`)
  }
}

function countsOf(metrics: SluiceMetrics, quota: string, action: string): Counts {
  return {
    requests: metrics.value('sluice_throttled_requests_total', { quota, action }),
    seconds: metrics.value('sluice_throttle_seconds_total', { quota }),
    bytes: metrics.value('sluice_throttled_bytes_total', { quota }),
  }
}
