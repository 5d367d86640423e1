/** Waiting does not judge speed: who got no processor meanwhile looks again before it complains. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from './wait.ts'

const TIMEOUT_MS = 1_500

test('a process that stood still for longer than the deadline has not waited that long', async () => {
  let looks = 0
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TIMEOUT_MS + 100))
  await waitFor('the third look', () => ++looks === 3, { timeoutMs: TIMEOUT_MS })
})

test('what never comes is complained of, with what is there instead', async () => {
  await assert.rejects(
    waitFor('never', () => false, { timeoutMs: 50, seen: () => 'nothing' }),
    { message: 'waited 50 ms in vain until never\nnothing' },
  )
})
