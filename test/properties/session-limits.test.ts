/** What a limited connection gets over time: service within burst + rate × t, and in the long run the rate itself. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fetch, fetchAnswer, hello, helloAnswer, produce, produceAnswer, readAnswer } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

interface Service {
  readonly atMs: number
  readonly bytes: number
}

/** A client that always has a next frame; `obeys`: it stays away as long as it is told. */
function backlogged(
  rig: Rig,
  frameBytes: (i: number) => number,
  durationMs: number,
  brokerMs: number,
  obeys: boolean,
): Service[] {
  const services: Service[] = []
  const startMs = rig.nowMs
  for (let i = 1; rig.nowMs - startMs < durationMs; i++) {
    rig.client(produce(frameBytes(i), { correlationId: i }))
    if (rig.session.clientBlock === 'held') rig.pass(rig.session.wakeAtMs - rig.nowMs)
    services.push({ atMs: rig.nowMs - startMs, bytes: rig.sentToBroker().length })
    rig.pass(brokerMs).broker(produceAnswer(i))
    const { value } = readAnswer('Produce', 9, rig.sentToClient())
    if (obeys) rig.pass(Number(value['throttleTimeMs']))
  }
  return services
}

function rigOf(software: string, bytesPerSecond: number, burstSeconds: number): Rig {
  const rules = [
    rule({ produceBytes: bytesPerSecond, fetchBytes: bytesPerSecond }, { burst: { seconds: burstSeconds } }),
  ]
  const rig = new Rig({ rules }).client(hello(software)).broker(helloAnswer())
  rig.sentToBroker()
  rig.sentToClient()
  return rig
}

const sum = (services: readonly Service[]): number => services.reduce((total, { bytes }) => total + bytes, 0)
const TEN_MINUTES_MS = 600_000

describe('a backlogged client over ten minutes', () => {
  for (const [software, obeys] of [
    ['librdkafka', false],
    ['apache-kafka-java', true],
    ['sarama', true],
    ['kafkajs', false],
  ] as const) {
    test(`${software}, which ${obeys ? 'obeys' : 'ignores'} the throttle, produces its limit to one in a thousand`, () => {
      const rig = rigOf(software, 10_000, 2)
      const services = backlogged(rig, (i) => 2000 + (i % 7) * 300, TEN_MINUTES_MS, 4, obeys)
      const lastMs = services.at(-1)!.atMs
      const expected = 20_000 + 10 * lastMs
      assert.ok(Math.abs(sum(services) - expected) <= expected * 0.001, `${sum(services)} of ${expected}`)
      assert.equal(rig.counters.quota('q').floorExceeded, 0)
      assert.equal(rig.counters.quota('q').used.produceBytes, sum(services))
    })
  }

  test('a consumer that ignores the throttle fetches its limit to one in a thousand', () => {
    const rig = rigOf('librdkafka', 10_000, 2)
    const startMs = rig.nowMs
    let bytes = 0
    for (let i = 1; rig.nowMs - startMs < TEN_MINUTES_MS; i++) {
      rig.client(fetch({ correlationId: i }))
      if (rig.session.clientBlock === 'held') rig.pass(rig.session.wakeAtMs - rig.nowMs)
      const sent = fetchAnswer(1000 + (i % 5) * 900, { correlationId: i })
      rig.pass(3).broker(sent)
      bytes += rig.sentToClient().length
    }
    const expected = 20_000 + 10 * (rig.nowMs - startMs)
    assert.ok(Math.abs(bytes - expected) <= expected * 0.001, `${bytes} of ${expected}`)
    assert.equal(rig.counters.quota('q').floorExceeded, 0)
  })
})

test('over any stretch of time, service is at most burst + rate × t and one frame, for any frames and pauses', () => {
  const anyFrames = fc.array(
    fc.record({ parts: fc.integer({ min: 1, max: 2000 }), pauseMs: fc.integer({ min: 0, max: 1500 }) }),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  fc.assert(
    fc.property(
      anyFrames,
      fc.constantFrom(1000, 5000, 50_000),
      fc.integer({ min: 0, max: 3000 }),
      (frames, rate, burstMs) => {
        const rig = rigOf('librdkafka', rate, burstMs / 1000)
        const services: Service[] = []
        let largest = 0
        for (const [i, { parts, pauseMs }] of frames.entries()) {
          const bytes = Math.max(200, Math.round((rate * parts) / 1000)) // at most two seconds' worth: below the floor
          if (sizesWithoutFrame.has(bytes)) continue
          largest = Math.max(largest, bytes)
          rig.client(produce(bytes, { correlationId: i }))
          if (rig.session.clientBlock === 'held') rig.pass(rig.session.wakeAtMs - rig.nowMs)
          services.push({ atMs: rig.nowMs, bytes: rig.sentToBroker().length })
          rig.pass(pauseMs)
        }
        assert.equal(rig.counters.quota('q').floorExceeded, 0)
        for (let from = 0; from < services.length; from++) {
          let bytes = 0
          for (let to = from; to < services.length; to++) {
            bytes += services[to]!.bytes
            const bound = (rate * (burstMs + services[to]!.atMs - services[from]!.atMs)) / 1000 + largest
            assert.ok(bytes <= bound + 1e-6, `${bytes} bytes, ${bound} allowed`)
          }
        }
      },
    ),
    { numRuns: 100 },
  )
})

/** A compact length that grows by a byte leaves out one size of frame each time. */
const sizesWithoutFrame: ReadonlySet<number> = new Set(
  Array.from({ length: 100_001 - 200 }, (_, i) => i + 200).filter(
    (bytes) => bytes > 16_000 && bytes < 17_000 && !hasFrame(bytes),
  ),
)

function hasFrame(bytes: number): boolean {
  try {
    produce(bytes)
    return true
  } catch {
    return false
  }
}
