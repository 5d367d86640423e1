/** Following a cluster's quotas: told once for each change, kept while the cluster is away, asked again sooner then. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { QueryError } from '../../src/net/broker-connection.ts'
import { QuotaFollower } from '../../src/net/quota-follower.ts'
import type { KafkaQuota } from '../../src/policy/kafka-quotas.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'

const INTERVAL_MS = 30_000

type Answer = readonly KafkaQuota[] | QueryError

class Scene {
  readonly follower: QuotaFollower
  readonly told: (readonly QuotaRule[])[] = []
  readonly failures: [string, number][] = []
  readonly recoveries: number[] = []
  asked = 0
  /** What the next questions meet; the last one stays. */
  answers: Answer[]
  random = 0
  /** A question waits while this does. */
  gate: Promise<void> = Promise.resolve()
  readonly #context: TestContext

  constructor(context: TestContext, ...answers: Answer[]) {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    this.#context = context
    this.answers = answers
    this.follower = new QuotaFollower({
      ask: async () => {
        this.asked++
        await this.gate
        const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0]
        if (answer instanceof Error) throw answer
        return answer ?? []
      },
      intervalMs: INTERVAL_MS,
      mode: 'enforce',
      changed: ({ quotas }) => this.told.push(quotas.map(({ rule }) => rule)),
      failed: ({ message }, inRow) => this.failures.push([message, inRow]),
      recovered: (inRow) => this.recoveries.push(inRow),
      now: () => 77,
      random: () => this.random,
    })
    context.after(() => this.follower.stop())
  }

  /** Lets what is under way come to its end. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }

  async start(): Promise<void> {
    this.follower.start()
    await this.settle()
  }

  /** How long after now the next question comes. */
  async untilNext(maxMs = 10 * INTERVAL_MS): Promise<number> {
    const before = this.asked
    for (let ms = 0; ms <= maxMs; ms += 100) {
      if (this.asked > before) return ms
      this.#context.mock.timers.tick(100)
      await this.settle()
    }
    return Number.POSITIVE_INFINITY
  }
}

function quotas(producerByteRate: number): KafkaQuota[] {
  return [{ entity: { user: 'alice' }, values: { producer_byte_rate: producerByteRate } }]
}

const AWAY = new QueryError('unreachable', 'no broker answers')

test('tells the first answer, and then only what is new', async (context) => {
  const scene = new Scene(context, quotas(1), quotas(1), quotas(2), quotas(2))
  assert.equal(scene.follower.state().kind, 'waiting')
  await scene.start()
  assert.equal(scene.told.length, 1)
  for (const told of [1, 2, 2]) {
    assert.equal(await scene.untilNext(), INTERVAL_MS)
    assert.equal(scene.told.length, told)
  }
  assert.deepEqual(
    scene.told.map(([rule]) => rule!.overrides[0]!.limit),
    [{ produceBytes: 1 }, { produceBytes: 2 }],
  )
  const { translation, ...state } = scene.follower.state()
  assert.deepEqual(state, {
    kind: 'following',
    answeredAtMs: 77,
    error: undefined,
    failuresInRow: 0,
    questions: 4,
    failures: 0,
    changes: 2,
  })
  assert.equal(translation.quotas.length, 1)
})

test('what becomes no rule is no change, but is known', async (context) => {
  const percentage: KafkaQuota = { entity: { user: null }, values: { request_percentage: 50 } }
  const scene = new Scene(context, quotas(1), [...quotas(1), percentage])
  await scene.start()
  await scene.untilNext()
  assert.equal(scene.told.length, 1)
  assert.match(scene.follower.state().translation.notes[0] ?? '', /request_percentage 50/)
})

test('an order that the broker changes is no change', async (context) => {
  const [alice, bob] = ['alice', 'bob'].map((user) => ({ entity: { user }, values: { producer_byte_rate: 1 } }))
  const scene = new Scene(context, [alice!, bob!], [bob!, alice!])
  await scene.start()
  await scene.untilNext()
  assert.equal(scene.told.length, 1)
})

test('a cluster without quotas is told too, and quotas that are removed', async (context) => {
  const scene = new Scene(context, [], quotas(1), [])
  await scene.start()
  await scene.untilNext()
  await scene.untilNext()
  assert.deepEqual(
    scene.told.map((rules) => rules.length),
    [0, 1, 0],
  )
})

test('while the cluster is away the last quotas stay; it is asked again soon, then less often', async (context) => {
  const scene = new Scene(context, quotas(1), AWAY, AWAY, AWAY, AWAY, AWAY, AWAY, quotas(1), quotas(1))
  await scene.start()
  assert.equal(await scene.untilNext(), INTERVAL_MS)
  assert.equal(scene.follower.state().kind, 'stale')
  const waitsMs: number[] = []
  for (let question = 0; question < 6; question++) waitsMs.push(await scene.untilNext())
  assert.deepEqual(waitsMs, [2_000, 4_000, 8_000, 16_000, INTERVAL_MS, INTERVAL_MS])
  assert.equal(scene.told.length, 1)
  assert.deepEqual(scene.failures.at(-1), ['no broker answers', 6])
  assert.deepEqual(scene.recoveries, [6])
  assert.equal(await scene.untilNext(), INTERVAL_MS)
  assert.deepEqual(
    [scene.told.length, scene.follower.state().kind, scene.follower.state().failures],
    [1, 'following', 6],
  )
})

test('a cluster that is away from the start: nothing is told, the reason is known', async (context) => {
  const scene = new Scene(context, AWAY)
  await scene.start()
  const { kind, error, answeredAtMs, translation } = scene.follower.state()
  assert.deepEqual([kind, error, answeredAtMs], ['waiting', 'no broker answers', undefined])
  assert.deepEqual(translation, { quotas: [], notes: [] })
  assert.equal(scene.told.length, 0)
})

test('many instances do not ask at the same time', async (context) => {
  const scene = new Scene(context, quotas(1))
  scene.random = 0.5
  await scene.start()
  assert.equal(await scene.untilNext(), 27_000)
})

test('one question at a time', async (context) => {
  const scene = new Scene(context, quotas(1))
  const { promise, resolve } = Promise.withResolvers<void>()
  scene.gate = promise
  const rounds = [scene.follower.ask(), scene.follower.ask()]
  resolve()
  await Promise.all(rounds)
  assert.equal(scene.asked, 1)
})

test('stopped, it asks no more and tells nothing of a question under way', async (context) => {
  const scene = new Scene(context, quotas(1))
  const { promise, resolve } = Promise.withResolvers<void>()
  scene.gate = promise
  scene.follower.start()
  scene.follower.stop()
  resolve()
  await scene.settle()
  assert.equal(await scene.untilNext(), Number.POSITIVE_INFINITY)
  await scene.follower.ask()
  assert.deepEqual([scene.asked, scene.told.length], [1, 0])
})

test('a fault of our own is not taken for a cluster that is away', async (context) => {
  const scene = new Scene(context, quotas(1))
  scene.gate = Promise.reject(new TypeError('a bug'))
  await assert.rejects(scene.follower.ask(), /a bug/)
})
