// When memory is given back: never under way, soon after the last request, and again now and then.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IDLE_COLLECT_AGAIN_MS, IDLE_LOOK_MS } from '../../src/bounds.ts'
import { collectWhenIdle } from '../../src/cli/idle-memory.ts'

test('it collects once when no request passes any more, again after a while, and never while some do', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let requests = 0
  let collections = 0
  const timer = collectWhenIdle(
    () => requests,
    () => collections++,
  )
  const look = (times = 1): number => {
    for (let i = 0; i < times; i++) t.mock.timers.tick(IDLE_LOOK_MS)
    return collections
  }
  assert.equal(look(), 1, 'what the start left behind')
  assert.equal(look(3), 1)
  requests++
  assert.equal(look(), 1, 'a request has passed since')
  requests++
  assert.equal(look(), 1)
  assert.equal(look(), 2)
  const looks = IDLE_COLLECT_AGAIN_MS / IDLE_LOOK_MS
  assert.ok(Number.isInteger(looks))
  assert.equal(look(looks - 1), 2)
  assert.equal(look(), 3, 'scrapes go on')
  clearInterval(timer)
  assert.equal(look(looks), 3)
})
