/**
 * What a divided bucket gives to whom, over minutes of simulated connections that ask late as timers do (`support/share-scene.ts`).
 * 1 MB/s unless told otherwise; the first 20 s, when the burst goes and estimates settle, are not counted.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Crowd, type Outcome, play, type Scene } from '../support/share-scene.ts'

const SCENE: Scene = { ratePerMs: 1000, burstMs: 100, durationMs: 220_000, countFromMs: 20_000 }
const MB = 1_000_000

function total({ units }: Outcome): number {
  return units.reduce((sum, of) => sum + of, 0)
}

function assertParts(outcome: Outcome, parts: readonly number[], tolerance: number): void {
  const whole = parts.reduce((sum, part) => sum + part, 0)
  const got = outcome.units.map((units, i) => units / total(outcome) / (parts[i]! / whole))
  for (const ratio of got) assert.ok(Math.abs(ratio - 1) <= tolerance, `parts ÷ due: ${got.join(', ')}`)
}

function assertTotal(outcome: Outcome, scene: Scene = SCENE, tolerance = 0.001): void {
  const ratio = total(outcome) / (scene.ratePerMs * (scene.durationMs - (scene.countFromMs ?? 0)))
  assert.ok(Math.abs(ratio - 1) <= tolerance, `total ÷ rate: ${ratio}`)
}

/** One crowd of each weight. */
function weighted(weights: readonly number[], of: Omit<Crowd, 'share'>): Crowd[] {
  return weights.map((weight, i) => ({ ...of, share: { key: `k${i}`, weight } }))
}

describe('weights', () => {
  const cases: [string, number, Omit<Crowd, 'share'>, Partial<Scene>][] = [
    ['16 KiB frames over 8 connections each', 0.001, { connections: 8, cost: () => 16_384 }, {}],
    ['with a round trip of 5 ms', 0.001, { connections: 8, cost: () => 16_384, pauseMs: 5 }, {}],
    ['timers up to 15 ms late', 0.005, { connections: 8, cost: () => 16_384 }, { latenessMs: 15 }],
    ['one connection each', 0.005, { connections: 1, cost: () => 16_384 }, {}],
    [
      'frames that take less than a timer can tell, one connection each',
      0.005,
      { connections: 1, cost: () => 200 },
      {},
    ],
    ['sizes known late, as of fetches', 0.005, { connections: 8, cost: () => 32_768, lateMs: 5, pauseMs: 5 }, {}],
    ['50 MB/s', 0.005, { connections: 8, cost: () => 65_536 }, { ratePerMs: 50_000, durationMs: 40_000 }],
    ['1,000 B/s', 0.01, { connections: 4, cost: () => 500 }, { ratePerMs: 1, durationMs: 1_020_000 }],
  ]
  for (const [title, tolerance, crowd, changes] of cases) {
    test(`1:2:4, all backlogged: ${title}`, () => {
      const scene = { ...SCENE, ...changes }
      const outcome = play(scene, weighted([1, 2, 4], crowd))
      assertParts(outcome, [1, 2, 4], tolerance)
      assertTotal(outcome, scene)
    })
  }

  test('are of bytes, however unequal the frames: 200 B, 1 MB and 50 kB', () => {
    const sizes = [200, MB, 50_000]
    const outcome = play(
      SCENE,
      sizes.map((size, i) => ({ share: { key: `k${i}`, weight: [1, 2, 4][i]! }, connections: 8, cost: () => size })),
    )
    assertParts(outcome, [1, 2, 4], 0.01)
    assertTotal(outcome, SCENE, 0.005) // one of the large frames
  })

  test('what a key does not use the others have, by weight, and it starts anew without savings', () => {
    const [a, b, c] = weighted([1, 2, 4], { connections: 8, cost: () => 16_384 })
    const without = play({ ...SCENE, durationMs: 120_000 }, [a!, b!, { ...c!, fromMs: 120_000 }])
    assertParts({ ...without, units: without.units.slice(0, 2) }, [1, 2], 0.002)
    assertTotal(without, { ...SCENE, durationMs: 120_000 })
    const joined = { ...SCENE, countFromMs: 120_000 }
    const outcome = play(joined, [a!, b!, { ...c!, fromMs: 120_000 }])
    assertParts(outcome, [1, 2, 4], 0.01)
  })

  test('a key that goes leaves its part at once', () => {
    const [a, b] = weighted([1, 1], { connections: 4, cost: () => 16_384 })
    const scene = { ...SCENE, countFromMs: 100_000, durationMs: 110_000 }
    const outcome = play(scene, [a!, { ...b!, untilMs: 100_000 }])
    assert.equal(outcome.units[1], 0)
    assertTotal(outcome, scene, 0.02)
  })

  test('ten equal keys have equal parts: Jain’s index over 0.9999', () => {
    const { units } = play(SCENE, weighted(Array(10).fill(1), { connections: 1, cost: () => 16_384 }))
    const sum = units.reduce((s, u) => s + u, 0)
    const squares = units.reduce((s, u) => s + u * u, 0)
    assert.ok((sum * sum) / (units.length * squares) > 0.9999)
  })
})

describe('who is not backlogged', () => {
  test('waits for one frame of the others and its own, however many connections flood', () => {
    const outcome = play(SCENE, [
      { share: { key: 'flood' }, connections: 200, cost: () => 16_384 },
      { share: { key: 'calm' }, connections: 1, cost: () => 16_384, pauseMs: 333.3 },
    ])
    const longestMs = Math.max(...outcome.waitsMs[1]!)
    // A frame of each takes 16.4 ms; two timers may be late.
    assert.ok(longestMs <= 2 * 16.4 + 4, `waited ${longestMs} ms`)
    assertTotal(outcome)
  })

  test('has all it asks for below its part', () => {
    const outcome = play(SCENE, [
      { share: { key: 'flood' }, connections: 50, cost: () => 16_384 },
      { share: { key: 'calm' }, connections: 4, cost: () => 10_000, pauseMs: 100 },
    ])
    const frames = outcome.waitsMs[1]!.length
    const meanMs = outcome.waitsMs[1]!.reduce((sum, waitMs) => sum + waitMs, 0) / frames
    assert.ok(meanMs < 20, `${meanMs} ms`)
    assert.ok(frames >= (4 * 200_000) / (100 + 20))
  })
})

describe('priorities', () => {
  const crowd = (priority: 'high' | 'normal' | 'low', more: Partial<Crowd> = {}, minimum = 0.1): Crowd => ({
    share: { key: priority, priority, minimum },
    connections: 4,
    cost: () => 16_384,
    ...more,
  })

  for (const [title, of] of [
    ['16 KiB frames', {}],
    ['200 B frames, one connection each', { connections: 1, cost: () => 200 }],
    ['1 MB frames', { cost: () => MB }],
  ] as const) {
    test(`high has all but the minimum of low: ${title}`, () => {
      const outcome = play(SCENE, [crowd('high', of), crowd('low', of)])
      assertParts(outcome, [0.9, 0.1], of.cost?.() === MB ? 0.06 : 0.01)
      assertTotal(outcome)
    })
  }

  test('three classes: the lower two have the minimum together, and low the minimum of that', () => {
    const outcome = play(SCENE, [crowd('high'), crowd('normal'), crowd('low')])
    assertParts(outcome, [0.9, 0.09, 0.01], 0.02)
    assertTotal(outcome)
  })

  test('low has everything while the others are idle, and what they leave while they are not', () => {
    const alone = play(SCENE, [crowd('high', { fromMs: 220_000 }), crowd('low')])
    assertTotal(alone)
    assert.equal(alone.units[0], 0)
    // high wants 4 × 16,384 B in 200 ms and a little, a third of the rate: it has that, low the rest.
    const half = play(SCENE, [crowd('high', { pauseMs: 200 }), crowd('low', { connections: 16 })])
    assert.ok(half.units[0]! / total(half) > 0.28, `${half.units[0]! / total(half)}`)
    assertTotal(half)
  })

  test('low never starves, not even without a minimum', () => {
    const outcome = play(SCENE, [crowd('high', {}, 0), crowd('low', {}, 0)])
    assertParts(outcome, [0.999, 0.001], 0.2)
  })

  test('inside a class weights count', () => {
    const outcome = play(SCENE, [
      crowd('high'),
      { ...crowd('low'), share: { key: 'a', priority: 'low', weight: 1 } },
      { ...crowd('low'), share: { key: 'b', priority: 'low', weight: 3 } },
    ])
    assertParts(outcome, [0.9, 0.025, 0.075], 0.02)
  })

  test('a frame of high waits for one of low at most, as long as high is within its part', () => {
    const outcome = play(SCENE, [crowd('high', { connections: 1, pauseMs: 100 }), crowd('low', { connections: 100 })])
    const longestMs = Math.max(...outcome.waitsMs[0]!)
    assert.ok(longestMs <= 16.4 + 2 + 2, `waited ${longestMs} ms`)
  })
})

describe('a policy that changes while frames wait', () => {
  const crowds = weighted([1, 1], { connections: 4, cost: () => 16_384 })

  test('another rate is the rate from then on', () => {
    let changes = 0
    const scene: Scene = {
      ...SCENE,
      watch: (table, slot, nowMs) => {
        if (nowMs < 19_000 || changes > 0) return
        changes++
        table.acquire('q', 'produceBytes', '', 500, 200, nowMs)
        table.release(slot)
      },
    }
    const outcome = play(scene, crowds)
    assertTotal(outcome, { ...scene, ratePerMs: 500 })
    assertParts(outcome, [1, 1], 0.01)
  })

  test('of a thousand rates a second each counts for its time', () => {
    let [lastMs, ratePerMs, due] = [0, 1000, 0]
    const scene: Scene = {
      ...SCENE,
      durationMs: 80_000,
      watch: (table, slot, nowMs) => {
        if (nowMs >= 20_000) due += ratePerMs * (nowMs - Math.max(lastMs, 20_000))
        lastMs = nowMs
        ratePerMs = 250 + ((ratePerMs * 7.3) % 2000)
        table.acquire('q', 'produceBytes', '', ratePerMs, 100, nowMs)
        table.release(slot)
      },
    }
    const outcome = play(scene, weighted([1, 1], { connections: 40, cost: () => 500 }))
    assertParts(outcome, [1, 1], 0.01)
    assert.ok(Math.abs(total(outcome) / due - 1) < 0.001, `${total(outcome)} of ${due}`)
  })

  test('another weight counts for frames in line', () => {
    const scene: Scene = {
      ...SCENE,
      watch: (table, slot, nowMs) => {
        if (nowMs < 19_000) return
        table.releaseShare(table.acquireShare(slot, { key: 'k1', weight: 4, priority: 'normal', minimum: 0.1 }, nowMs))
      },
    }
    assertParts(play(scene, crowds), [1, 4], 0.01)
  })
})

test('10,000 waiting connections are served by weight, with at most 20,000 asks a second', () => {
  const scene = { ratePerMs: 10_000, burstMs: 100, durationMs: 15_000, countFromMs: 5_000 }
  const outcome = play(scene, weighted([1, 2, 4], { connections: 3333, cost: () => 16_384 }))
  assertParts(outcome, [1, 2, 4], 0.005)
  assertTotal(outcome, scene, 0.002)
  assert.ok(outcome.asks < 15 * 25_000, `${outcome.asks} asks`)
})
