/** A text that is costly to make and asked for too often. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedText } from '../../src/admin/shared-text.ts'

function counted(costMs: number): { readonly shared: SharedText; readonly clock: { nowMs: number } } {
  const clock = { nowMs: 0 }
  let made = 0
  const shared = new SharedText(
    () => {
      clock.nowMs += costMs
      return Promise.resolve(`text ${++made}`)
    },
    () => clock.nowMs,
  )
  return { shared, clock }
}

test('it is made in a tenth of the time at most, and is a second old at most', async () => {
  for (const [costMs, ageMs] of [
    [5, 45],
    [400, 1_000],
  ] as const) {
    const { shared, clock } = counted(costMs)
    assert.equal(await shared.get(), 'text 1')
    clock.nowMs = costMs + ageMs - 1
    assert.equal(await shared.get(), 'text 1')
    clock.nowMs = costMs + ageMs
    assert.equal(await shared.get(), 'text 2')
  }
})

test('who asks while it is being made waits for the same', async () => {
  const making = Promise.withResolvers<string>()
  let made = 0
  const shared = new SharedText(
    () => {
      made++
      return making.promise
    },
    () => 0,
  )
  const all = [shared.get(), shared.get(), shared.get()]
  making.resolve('one for all')
  assert.deepEqual(await Promise.all(all), Array(3).fill('one for all'))
  assert.equal(made, 1)
})

test('a failure is told to those who asked, and the next one tries again', async () => {
  const answers = [Promise.reject(new Error('boom')), Promise.resolve('well')]
  const shared = new SharedText(
    () => answers.shift() ?? assert.fail('asked too often'),
    () => 0,
  )
  await assert.rejects(shared.get(), /boom/)
  assert.equal(await shared.get(), 'well')
})
