/** The table of a session's life. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type State, TRANSITIONS, type Trigger, transition } from '../../src/session/states.ts'
import { produce } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

const STATES: readonly State[] = ['fresh', 'forwarding', 'draining', 'closed']
const TRIGGERS: readonly Trigger[] = ['firstFrame', 'drain', 'idle', 'deadline', 'gone']
const LISTED: readonly (readonly [State, Trigger, State])[] = [
  ['fresh', 'firstFrame', 'forwarding'],
  ['fresh', 'drain', 'closed'],
  ['fresh', 'gone', 'closed'],
  ['forwarding', 'drain', 'draining'],
  ['forwarding', 'gone', 'closed'],
  ['draining', 'idle', 'closed'],
  ['draining', 'deadline', 'closed'],
  ['draining', 'gone', 'closed'],
  ['closed', 'gone', 'closed'],
]

describe('the states of a session', () => {
  for (const state of STATES) {
    for (const trigger of TRIGGERS) {
      const next = LISTED.find(([from, by]) => from === state && by === trigger)?.[2]
      const title = `${state} and ${trigger}: ${next ?? 'a bug, and throws'}`
      test(title, () => {
        if (next !== undefined) assert.equal(transition(state, trigger), next)
        else assert.throws(() => transition(state, trigger), new RegExp(`${state} cannot meet ${trigger}`))
      })
    }
  }

  test('the table has no state and no trigger beyond these', () => {
    assert.deepEqual(Object.keys(TRANSITIONS).sort(), [...STATES].sort())
    const triggers = new Set(Object.values(TRANSITIONS).flatMap((row) => Object.keys(row)))
    assert.deepEqual(
      [...triggers].filter((trigger) => !TRIGGERS.includes(trigger as Trigger)),
      [],
    )
  })

  test('a session is fresh until its first frame, then forwards, drains and ends', () => {
    const rig = new Rig()
    const frame = produce(200)
    rig.client(frame.slice(0, 10))
    assert.equal(rig.session.state, 'fresh')
    rig.client(frame.slice(10))
    assert.equal(rig.session.state, 'forwarding')
    assert.equal(rig.session.drain(), false)
    assert.equal(rig.session.state, 'draining')
    assert.equal(rig.session.drain(), false, 'a second time changes nothing')
    rig.session.closed(rig.nowMs)
    assert.equal(rig.session.state, 'closed')
  })

  test('a session that has seen nothing yet ends at once when it shall drain', () => {
    const rig = new Rig()
    assert.equal(rig.session.drain(), true)
    assert.equal(rig.session.state, 'closed')
  })

  test('a session that has ended swallows what still comes and says nothing', () => {
    const rig = new Rig().client(produce(200))
    rig.sentToBroker()
    rig.session.closed(rig.nowMs)
    rig.session.closed(rig.nowMs)
    rig.client(produce(200)).broker(Uint8Array.of(1, 2, 3))
    assert.equal(rig.sentToBroker().length + rig.sentToClient().length + rig.heldBytes + rig.brokerLeftBytes, 0)
    assert.equal(rig.closed, undefined)
  })
})
