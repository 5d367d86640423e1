/**
 * Whatever a consumer asks for and is given, through full and incremental sessions (KIP-227), by names and by ids, several requests on
 * the way at a time, cut anywhere: its lag and the records that count are those of a slow, obvious model that reads values, not bytes.
 * And the same whether a quota tells topics or records apart, or none does; the lag also while such quotas come and go.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Struct } from 'kafka-protocol-codec'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { below } from '../support/conversation.ts'
import { answer, concat, cutAt, recordBatch, request, versionsOf } from '../support/frames.ts'
import { lags } from '../support/lag-scene.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'
import { type Random, seededRandom } from '../support/vectors.ts'

const VERSIONS = versionsOf('Fetch')
const SESSIONS_FROM = 7
const IDS_FROM = 13
/** Names of different lengths, alike in their first bytes, and one that nobody ever gives a name to its id. */
const TOPICS = ['a', 'orders', 'orders-2', 'größe', 'nobody-knows'] as const
const UNKNOWN = 'nobody-knows'
const idOf = (topic: string): Buffer => Buffer.from(`${topic}${'-'.repeat(16)}`).subarray(0, 16)
/** Small ones that meet, and what needs 32 bits and more. */
const OFFSETS = [0, 5, 40, 41, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 7]
/** Longer than any request is held. */
const HELD_MAX_MS = 3_600_000

interface Batch {
  readonly first: number
  readonly lastDelta: number
  readonly records: number
  readonly isControl: boolean
}

interface Partition {
  readonly topic: string
  readonly partition: number
}

interface Asked extends Partition {
  readonly offset: number
}

interface Told extends Partition {
  readonly end: number
  readonly batches: readonly Batch[]
}

interface Request {
  readonly version: number
  readonly epoch: number
  readonly asked: readonly Asked[]
  readonly forgotten: readonly Partition[]
}

/** What the wire said, in values. */
class Model {
  readonly #positions = new Map<string, number>()
  readonly #ends = new Map<string, number>()
  /** What is fetched, by name or id; and from where. */
  readonly #set = new Map<string, number>()
  records = 0

  ask({ version, epoch, asked, forgotten }: Request): void {
    const isFull = version < SESSIONS_FROM || epoch <= 0
    if (isFull) this.#set.clear()
    for (const each of asked) {
      this.#set.set(wireKey(version, each), each.offset)
      if (isNamed(version, each)) this.#positions.set(key(each), each.offset)
    }
    if (!isFull) for (const each of forgotten) this.#set.delete(wireKey(version, each))
  }

  tell(version: number, told: readonly Told[], countsFromPosition: boolean): void {
    for (const each of told) {
      const asked = countsFromPosition ? this.#set.get(wireKey(version, each)) : undefined
      for (const batch of each.batches) this.records += counted(batch, asked ?? Number.NEGATIVE_INFINITY)
      if (isNamed(version, each)) this.#told(each)
    }
  }

  #told(told: Told): void {
    const name = key(told)
    if (told.end >= 0) this.#ends.set(name, told.end)
    const nexts = told.batches.map(({ first, lastDelta }) => first + lastDelta + 1)
    this.#positions.set(name, Math.max(this.#positions.get(name) ?? -1, ...nexts))
  }

  get lags(): Record<string, number | undefined> {
    const all = [...this.#positions].map(([name, position]) => {
      const end = this.#ends.get(name) ?? -1
      return [`/${name}`, position < 0 || end < 0 ? undefined : Math.max(0, end - position)]
    })
    return Object.fromEntries(all)
  }
}

const key = ({ topic, partition }: Partition): string => `${topic}/${partition}`
/** By name and by id are two things, until the books say otherwise. */
const wireKey = (version: number, each: Partition): string => `${version >= IDS_FROM}/${key(each)}`
const isNamed = (version: number, { topic }: Partition): boolean => version < IDS_FROM || topic !== UNKNOWN

/** Of the records of a batch as many as may lie at or behind that offset. */
function counted({ first, lastDelta, records, isControl }: Batch, from: number): number {
  if (isControl) return 0
  if (from <= first) return records
  return Math.max(0, Math.min(records, first + lastDelta + 1 - from))
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[below(random, list.length)]!
}

function somePartitions(random: Random, max: number): Partition[] {
  return Array.from({ length: below(random, max) }, () => ({
    topic: pick(random, TOPICS),
    partition: below(random, 4),
  }))
}

/** As the wire has them: runs of one topic together, in the order in which they came. */
function byTopic<T extends Partition>(version: number, all: readonly T[], of: (each: T) => Struct | number): Struct[] {
  const topics: { topic: string; partitions: (Struct | number)[] }[] = []
  for (const each of all) {
    const last = topics.at(-1)
    if (last?.topic === each.topic) last.partitions.push(of(each))
    else topics.push({ topic: each.topic, partitions: [of(each)] })
  }
  return topics.map(({ topic, partitions }) => ({
    ...(version >= IDS_FROM ? { topicId: idOf(topic).toString('base64url') } : { topic }),
    partitions,
  }))
}

function requestBytes(
  { version, epoch, asked, forgotten }: Request,
  correlationId: number,
  random: Random,
): Uint8Array {
  const session = {
    sessionId: 7,
    sessionEpoch: epoch,
    forgottenTopicsData: byTopic(version, forgotten, (each) => each.partition),
  }
  const tags = [{ tag: 90, bytes: new Uint8Array(below(random, 5)) }]
  const partitionOf = ({ partition, offset }: Asked): Struct => ({
    ...{ partition, fetchOffset: BigInt(offset) },
    ...(version >= 12 && random() < 0.2 ? { unknownTags: tags } : {}),
  })
  const body = { maxWaitMs: 500, minBytes: 1, maxBytes: 1e6, topics: byTopic(version, asked, partitionOf) }
  return request('Fetch', version, { ...body, ...(version >= SESSIONS_FROM ? session : {}) }, { correlationId })
}

function batchBytes({ first, lastDelta, records, isControl }: Batch): Uint8Array {
  const bytes = recordBatch(records)
  const view = new DataView(bytes.buffer)
  view.setBigInt64(0, BigInt(first))
  view.setInt32(23, lastDelta)
  view.setInt16(21, isControl ? 0x20 : 0)
  return bytes
}

function answerBytes(version: number, told: readonly Told[], correlationId: number, random: Random): Uint8Array {
  const responses = byTopic(version, told, ({ partition, end, batches }) => ({
    ...{ partitionIndex: partition, highWatermark: BigInt(end), records: concat(...batches.map(batchBytes)) },
    ...(version >= 4 && random() < 0.2 ? { abortedTransactions: [{ producerId: 1n, firstOffset: 2n }] } : {}),
    ...(version >= 12 && random() < 0.2 ? { divergingEpoch: { epoch: 3, endOffset: 9n } } : {}),
  }))
  return answer('Fetch', version, { responses }, correlationId)
}

function someBatch(random: Random): Batch {
  const records = 1 + below(random, 12)
  return {
    first: pick(random, OFFSETS),
    records,
    lastDelta: records - 1 + below(random, 3),
    isControl: random() < 0.15,
  }
}

/** In pieces, cut at up to three places. */
function pieces(random: Random, bytes: Uint8Array): Uint8Array[] {
  const cuts = Array.from({ length: below(random, 4) }, () => 1 + below(random, bytes.length - 1))
  cuts.sort((a, b) => a - b)
  return cutAt(bytes, [...new Set(cuts)])
}

/** A consumer, its model, and what is on the way between them. */
class Conversation {
  readonly rig: Rig
  readonly model = new Model()
  readonly #random: Random
  readonly #countsFromPosition: boolean
  readonly #versions: readonly number[]
  /** Between any two pieces there may be a reload to one of these. */
  readonly #reloads: readonly (readonly QuotaRule[])[] | undefined
  readonly #waiting: { readonly version: number; readonly correlationId: number }[] = []
  #asked = 0

  constructor(random: Random, rules: readonly QuotaRule[], reloads?: readonly (readonly QuotaRule[])[]) {
    this.#random = random
    this.#versions = random() < 0.5 ? VERSIONS : [pick(random, VERSIONS)]
    this.#countsFromPosition = rules.length > 0
    this.#reloads = reloads
    this.rig = new Rig({ rules })
    for (const topic of TOPICS) if (topic !== UNKNOWN) this.rig.context.topics.learn(topic, idOf(topic), 4)
  }

  #step(): void {
    if (this.#waiting.length === 0 || (this.#waiting.length < 3 && this.#random() < 0.4)) this.#ask()
    else this.#tell()
  }

  run(steps: number): this {
    for (let step = 0; step < steps; step++) this.#step()
    return this
  }

  #reloaded(): Rig {
    return this.#reloads === undefined ? this.rig : this.rig.policy(pick(this.#random, this.#reloads))
  }

  #ask(): void {
    const random = this.#random
    const version = pick(random, this.#versions)
    const asked = somePartitions(random, 7).map((each) => ({ ...each, offset: pick(random, [...OFFSETS, -1, -2]) }))
    const of = { version, epoch: pick(random, [-1, 0, 1, 2, 3]), asked, forgotten: somePartitions(random, 3) }
    const correlationId = ++this.#asked
    for (const piece of pieces(random, requestBytes(of, correlationId, random))) this.#reloaded().client(piece)
    if (this.rig.session.clientBlock === 'held') this.rig.pass(HELD_MAX_MS)
    this.model.ask(of)
    this.#waiting.push({ version, correlationId })
  }

  #tell(): void {
    const random = this.#random
    const { version, correlationId } = this.#waiting.shift()!
    const told = somePartitions(random, 6).map((each) => ({
      ...each,
      end: pick(random, [...OFFSETS, -1]),
      batches: Array.from({ length: below(random, 3) }, () => someBatch(random)),
    }))
    for (const piece of pieces(random, answerBytes(version, told, correlationId, random)))
      this.#reloaded().broker(piece)
    this.model.tell(version, told, this.#countsFromPosition)
  }
}

const PER_TOPIC = rule({ fetchBytes: 1e15 }, { per: ['topic'] })
const OF_RECORDS = rule({ fetchRecords: 1e15 })
const RULES: Readonly<Record<string, readonly QuotaRule[]>> = {
  'no quota': [],
  'a quota on topics': [PER_TOPIC],
  'a quota on records': [OF_RECORDS],
}
/** The tight ones let requests wait, in sight in part or whole, while the next reload comes. */
const TIGHT = rule({ fetchBytes: 100 })
const RELOADS = [[TIGHT], [TIGHT, OF_RECORDS], [], [PER_TOPIC], [OF_RECORDS, PER_TOPIC]]

const SEED_AND_STEPS = [fc.integer(), fc.integer({ min: 1, max: 25 })] as const

describe('what a consumer asks for and is given', () => {
  for (const [name, rules] of Object.entries(RULES)) {
    test(`with ${name}: lag and records are the model's`, () => {
      fc.assert(
        fc.property(...SEED_AND_STEPS, (seed, steps) => {
          const { rig, model } = new Conversation(seededRandom(seed), rules).run(steps)
          assert.equal(rig.closed, undefined)
          assert.deepEqual(lags(rig), model.lags)
          assert.equal(rig.counters.fetchedRecords, model.records)
        }),
        { numRuns: 400 },
      )
    })
  }

  test("while quotas come and go, and requests wait for them: lag is the model's", () => {
    let held = 0
    fc.assert(
      fc.property(...SEED_AND_STEPS, (seed, steps) => {
        const { rig, model } = new Conversation(seededRandom(seed), [], RELOADS).run(steps)
        assert.equal(rig.closed, undefined)
        assert.deepEqual(lags(rig), model.lags)
        held += rig.counters.quota('q').heldRequests
      }),
      { numRuns: 400 },
    )
    assert.ok(held > 10, `${held} requests were held`)
  })
})
