// Rates over the last ten seconds and histories in steps: of totals that grow, and of what each client draws from each bucket.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DRAWS_WATCHED_MAX, HISTORY_POINTS } from '../../src/bounds.ts'
import { DrawObserver } from '../../src/observe/draw-observer.ts'
import { RateWindow } from '../../src/observe/rate-window.ts'
import { SeriesObserver } from '../../src/observe/series-observer.ts'
import type { Draw } from '../../src/session/charge-set.ts'

describe('a window', () => {
  test('has the rate of the last ten seconds, and of less where less is known', () => {
    const window = new RateWindow(1)
    assert.equal(window.rate(0, 0), 0)
    for (let second = 0; second <= 30; second++) window.write(second * 1000, [second < 20 ? 0 : (second - 20) * 500])
    assert.equal(window.rate(0, 30_000), 500)
    const young = new RateWindow(1)
    young.write(0, [0])
    young.write(2000, [1000])
    assert.equal(young.rate(0, 2000), 500)
  })

  test('is still once nothing was written for as long', () => {
    const window = new RateWindow(1)
    window.write(0, [0])
    window.write(1000, [1000])
    assert.equal(window.rate(0, 12_000), 0)
  })
})

describe('series', () => {
  test('one that was there before begins with what it had, a new one with nothing', () => {
    const observer = new SeriesObserver()
    observer.sample(0, [{ key: 'old', totals: [1e9] }])
    for (let second = 1; second <= 10; second++) {
      observer.sample(second * 1000, [
        { key: 'old', totals: [1e9 + second * 100] },
        { key: 'new', totals: [second * 10] },
        { key: 'unused', totals: [0] },
      ])
    }
    assert.deepEqual(observer.rates('old', 10_000), [100])
    assert.deepEqual(observer.rates('new', 10_000), [10])
    assert.equal(observer.rates('unused', 10_000), undefined)
    assert.deepEqual(observer.history('old'), [[100, 100]])
  })

  test('the history holds a quarter of an hour; what is gone is forgotten; there is room for so many', () => {
    const observer = new SeriesObserver(1)
    for (let second = 0; second <= 1200; second++) {
      observer.sample(second * 1000, [
        { key: 'a', totals: [second] },
        { key: 'b', totals: [second] },
      ])
    }
    assert.equal(observer.history('a')?.[0]?.length, HISTORY_POINTS)
    assert.equal(observer.history('b'), undefined)
    observer.sample(1_201_000, [{ key: 'b', totals: [1201] }])
    assert.equal(observer.history('a'), undefined)
    observer.sample(1_202_000, [{ key: 'b', totals: [1202] }])
    assert.ok(observer.history('b') !== undefined)
  })
})

describe('draws', () => {
  function draw(slot: number, quota = 'q'): Draw {
    return { quota, slot, dimension: 'produceBytes', enforced: true, unseenUnits: 0, unseenDelayMs: 0 }
  }
  const session = (draws: readonly Draw[]): { eachDraw(visit: (draw: Draw) => void): void } => ({
    eachDraw: (visit) => draws.forEach(visit),
  })

  test('connections of a client are one, what was noted is taken once', () => {
    const observer = new DrawObserver()
    const [a, b] = [draw(1), draw(1)]
    for (let second = 0; second <= 10; second++) {
      for (const one of [a, b]) one.unseenUnits = second === 0 ? 0 : 50
      a.unseenDelayMs = second === 0 ? 0 : 200
      observer.sample(second * 1000, [session([a]), session([b])], () => 'me')
      assert.deepEqual([a.unseenUnits, a.unseenDelayMs], [0, 0])
    }
    const [found, ...more] = observer.draws('me', 10_000)
    assert.deepEqual(more, [])
    assert.deepEqual([found?.usedPerSecond, found?.delayMsPerSecond], [100, 200])
    assert.deepEqual(observer.draws('you', 10_000), [])
  })

  test('what is not held any more is not told, and forgotten later; a slot may become another bucket', () => {
    const observer = new DrawObserver()
    observer.sample(0, [session([draw(1)])], () => 'me')
    observer.sample(1000, [session([draw(1, 'other')])], () => 'me')
    assert.deepEqual(
      observer.draws('me', 1000).map(({ quota }) => quota),
      ['other'],
    )
    observer.sample(2000, [], () => 'me')
    assert.deepEqual(observer.draws('me', 2000), [])
  })

  test('is bounded by clients and by buckets', () => {
    const observer = new DrawObserver(1)
    const many = Array.from({ length: DRAWS_WATCHED_MAX + 5 }, (_, slot) => draw(slot))
    const sessions = [session(many), session([draw(1)])]
    observer.sample(0, sessions, (one) => (one === sessions[0] ? 'first' : 'second'))
    assert.equal(observer.draws('first', 0).length, DRAWS_WATCHED_MAX)
    assert.deepEqual(observer.draws('second', 0), [])
  })
})
