/** The policy in force, as files, windows of time, ramps and the cluster's own quotas make it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cron } from 'croner'
import { API_KEY } from 'kafka-protocol-codec'
import { NOBODY } from '../../src/policy/identity.ts'
import type { Applicable } from '../../src/policy/policy-set.ts'
import { PolicyKeeper } from '../../src/policy-keeper.ts'
import { rule } from '../support/rules.ts'

const NOON = new Date('2026-11-25T12:00:00Z')
const NIGHT = new Date('2026-11-25T23:00:00Z')
const WINDOW = { during: '* 22-23,0-5 * * *', timeZone: 'UTC', limit: { produceBytes: 9000 } }

function produce({ policy }: PolicyKeeper): Applicable[] {
  return [...policy.resolve(NOBODY, API_KEY.Produce)]
}
const rates = (keeper: PolicyKeeper): [string, number][] => produce(keeper).map((a) => [a.quota, a.ratePerMs * 1000])
const rampEnds = (keeper: PolicyKeeper): number[] => produce(keeper).map(({ rampEndsAtMs }) => rampEndsAtMs)

describe('windows of time', () => {
  const quotas = [rule({ produceBytes: 1000 }, { schedule: [WINDOW] }), rule({ requests: 5 }, { name: 'r' })]

  test('a window that is open at the start counts at once, and one that opens makes a new policy', () => {
    assert.deepEqual(rates(new PolicyKeeper({ quotas, mode: 'enforce' }, 0, NIGHT)), [
      ['q', 9000],
      ['r', 5],
    ])
    const keeper = new PolicyKeeper({ quotas, mode: 'enforce' }, 0, NOON)
    const { policy } = keeper
    assert.equal(keeper.tick(1, NOON), false)
    assert.equal(keeper.policy, policy, 'nothing changed')
    assert.equal(keeper.tick(2, NIGHT), true)
    assert.deepEqual(rates(keeper), [
      ['q', 9000],
      ['r', 5],
    ])
    assert.deepEqual([...keeper.openWindows], [['q', 0]])
    assert.equal(keeper.tick(3, NIGHT), false)
    assert.equal(keeper.tick(4, NOON), true)
    assert.deepEqual(rates(keeper), [
      ['q', 1000],
      ['r', 5],
    ])
  })

  test('windows are asked once a minute, and once for however many quotas have them', (t) => {
    const many = Array.from({ length: 50 }, (_, i) => rule({ requests: 1 }, { name: `q${i}`, schedule: [WINDOW] }))
    const keeper = new PolicyKeeper({ quotas: many, mode: 'enforce' }, 0, NOON)
    const match = t.mock.method(Cron.prototype, 'match')
    for (let s = 1; s <= 59; s++) keeper.tick(s * 1000, new Date(NOON.getTime() + s * 1000))
    assert.equal(match.mock.callCount(), 0)
    keeper.tick(60_000, new Date(NOON.getTime() + 60_000))
    assert.equal(match.mock.callCount(), 1)
  })

  test('a reload while it is open', () => {
    const keeper = new PolicyKeeper({ quotas, mode: 'enforce' }, 0, NIGHT)
    keeper.configure({ quotas: [rule({ produceBytes: 700 }, { schedule: [WINDOW] })], mode: 'observe' }, 1, NIGHT)
    assert.deepEqual(rates(keeper), [['q', 9000]])
    assert.ok(keeper.isObserving)
    assert.equal(produce(keeper)[0]!.mode, 'observe')
  })
})

describe('limits that come down', () => {
  const ramped = (bytes: number, more: Parameters<typeof rule>[1] = {}): ReturnType<typeof rule> =>
    rule({ produceBytes: bytes }, { rampInMs: 1000, ...more })

  test('not at the start: a restart must not lift a limit', () => {
    assert.deepEqual(rampEnds(new PolicyKeeper({ quotas: [ramped(10)], mode: 'enforce' }, 50, NOON)), [0])
  })

  test('a new one, a lower one, and one that was under way', () => {
    const keeper = new PolicyKeeper({ quotas: [], mode: 'enforce' }, 0, NOON)
    keeper.configure({ quotas: [ramped(100)], mode: 'enforce' }, 10, NOON)
    assert.deepEqual(rampEnds(keeper), [1010])
    keeper.configure({ quotas: [ramped(100), rule({ requests: 1 }, { name: 'r' })], mode: 'enforce' }, 500, NOON)
    assert.deepEqual(rampEnds(keeper), [1010, 0], 'goes on as it was')
    keeper.configure({ quotas: [ramped(90)], mode: 'enforce' }, 600, NOON)
    assert.deepEqual(rampEnds(keeper), [1600])
    keeper.configure({ quotas: [ramped(200)], mode: 'enforce' }, 2000, NOON)
    assert.deepEqual(rampEnds(keeper), [0], 'a higher one')
    keeper.configure(
      { quotas: [ramped(200, { overrides: [{ match: {}, limit: { produceBytes: 5 } }] })], mode: 'enforce' },
      2100,
      NOON,
    )
    assert.deepEqual(rampEnds(keeper), [3100], 'an override that is lower than what was there for its keys')
  })

  test('a window that closes brings a lower limit too', () => {
    const quotas = [ramped(1000, { schedule: [WINDOW] })]
    const keeper = new PolicyKeeper({ quotas, mode: 'enforce' }, 0, NIGHT)
    keeper.tick(100, NOON)
    assert.deepEqual(rampEnds(keeper), [1100])
  })
})

test('the quotas of the cluster come in addition, and a reload keeps them', () => {
  const keeper = new PolicyKeeper({ quotas: [rule({ produceBytes: 1 })], mode: 'enforce' }, 0, NOON)
  keeper.follow([rule({ produceBytes: 2 }, { name: 'kafka' })], 1, NOON)
  assert.deepEqual(rates(keeper), [
    ['q', 1],
    ['kafka', 2],
  ])
  keeper.configure({ quotas: [], mode: 'enforce' }, 2, NOON)
  assert.deepEqual(rates(keeper), [['kafka', 2]])
  keeper.follow([], 3, NOON)
  assert.deepEqual(rates(keeper), [])
})

test('whom the configuration exempts, the quotas of the cluster exempt too, and after a reload whom it exempts then', () => {
  const exempt = [{ principal: [''] }]
  const keeper = new PolicyKeeper({ quotas: [], mode: 'enforce' }, 0, NOON)
  keeper.follow([rule({ produceBytes: 2 }, { name: 'kafka' })], 1, NOON)
  assert.deepEqual(rates(keeper), [['kafka', 2]])
  keeper.configure({ quotas: [], mode: 'enforce', exempt }, 2, NOON)
  assert.deepEqual(rates(keeper), [])
  keeper.follow([rule({ produceBytes: 3 }, { name: 'kafka' })], 3, NOON)
  assert.deepEqual(rates(keeper), [])
  keeper.configure({ quotas: [], mode: 'enforce', exempt: [] }, 4, NOON)
  assert.deepEqual(rates(keeper), [['kafka', 3]])
  assert.equal(keeper.tick(60_000, new Date(NOON.getTime() + 60_000)), false)
})
