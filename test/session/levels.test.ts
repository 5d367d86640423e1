/** Limits on how many at a time: requests at the broker, connections, and new connections. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CONNECTION_HOLD_MS, PAID_KEYS_MAX } from '../../src/bounds.ts'
import {
  answer,
  bytesOf,
  correlationOf,
  framesOf,
  hello,
  helloAnswer,
  produce,
  produceAnswer,
  request,
} from '../support/frames.ts'
import { Rig, type RigOptions } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const isHeld = (rig: Rig): boolean => rig.session.clientBlock === 'held'
const sent = (rig: Rig): number[] => framesOf(rig.sentToBroker()).map((frame) => correlationOf(frame, 'request'))

describe('inFlight', () => {
  const TWO: RigOptions = { rules: [rule({ inFlight: 2 })] }

  test('a request waits until an answer has made room, on whichever connection, in order', () => {
    const a = new Rig(TWO).client(produce(300), produce(300, { correlationId: 2 }))
    const b = new Rig({ beside: a }).client(produce(300, { correlationId: 11 }))
    const c = new Rig({ beside: a }).client(produce(300, { correlationId: 21 }))
    assert.deepEqual([a, b, c].map(isHeld), [false, true, true])
    assert.deepEqual([sent(a), sent(b), sent(c)], [[1, 2], [], []])
    a.broker(produceAnswer(1))
    assert.deepEqual([sent(b), sent(c)], [[11], []], 'who came first')
    a.client(produce(300, { correlationId: 3 }))
    assert.ok(isHeld(a), 'nobody overtakes')
    b.broker(produceAnswer(11))
    assert.deepEqual([sent(a), sent(c)], [[], [21]])
    a.broker(produceAnswer(2))
    assert.deepEqual(sent(a), [3])
    assert.equal(a.counters.quota('q').heldRequests, 3)
  })

  test('what waits longer than its client bears goes all the same, and is counted', () => {
    const rig = new Rig({ rules: [rule({ inFlight: 1 })] }).client(produce(300), produce(300, { correlationId: 2 }))
    rig.pass(2999)
    assert.ok(isHeld(rig))
    rig.pass(1)
    assert.deepEqual(sent(rig), [1, 2])
    const { floorExceeded, throttleMs } = rig.counters.quota('q')
    assert.deepEqual([floorExceeded, throttleMs], [1, 3000])
    rig.broker(produceAnswer(1)).client(produce(300, { correlationId: 3 }))
    assert.ok(isHeld(rig), 'one is still there')
    rig.broker(produceAnswer(2))
    assert.deepEqual(sent(rig), [3])
  })

  test('a connection that ends gives back its places and its place in line', () => {
    const a = new Rig({ rules: [rule({ inFlight: 1 })] }).client(produce(300))
    const b = new Rig({ beside: a }).client(produce(300))
    const c = new Rig({ beside: a }).client(produce(300))
    b.end()
    a.end()
    assert.deepEqual(sent(c), [1])
    c.end()
    assert.equal(a.context.levels.size, 0)
  })

  test('who is called while its broker has not taken what it was given lets the next one go before it', () => {
    const a = new Rig({ rules: [rule({ inFlight: 1 })] }).client(produce(300))
    const [b, c] = [2, 3].map((correlationId) => new Rig({ beside: a }).client(produce(300, { correlationId })))
    b!.isBrokerSlow = true
    a.broker(produceAnswer(1))
    assert.deepEqual([sent(b!), sent(c!)], [[], [3]])
    b!.isBrokerSlow = false
    b!.reoffered()
    assert.ok(isHeld(b!))
    c!.broker(produceAnswer(3))
    assert.deepEqual(sent(b!), [2])
    for (const rig of [a, b!, c!]) rig.end()
    assert.equal(a.context.levels.size, 0)
  })

  test('a reload leaves everybody where they stand in line, whoever is looked at first', () => {
    const a = new Rig({ rules: [rule({ inFlight: 1 })] }).client(produce(300))
    const [b, c] = [2, 3].map((correlationId) => new Rig({ beside: a }).client(produce(300, { correlationId })))
    a.policy([rule({ inFlight: 1, requests: 1000 })])
    for (const rig of [c!, b!]) rig.reoffered()
    a.broker(produceAnswer(1))
    assert.deepEqual([sent(b!), sent(c!)], [[2], []])
    b!.policy([rule({ requests: 1000 })])
    assert.deepEqual(sent(c!.reoffered()), [3], 'nothing is left of the gauge')
    for (const rig of [a, b!, c!]) rig.end()
    assert.equal(a.context.levels.size, 0)
  })

  test('a reload that takes another gauge away leaves the place in line', () => {
    const both = [rule({ inFlight: 5 }, { name: 'wide' }), rule({ inFlight: 1 })]
    const a = new Rig({ rules: both }).client(produce(300))
    const [b, c] = [2, 3].map((correlationId) => new Rig({ beside: a }).client(produce(300, { correlationId })))
    a.policy([rule({ inFlight: 1 })])
    for (const rig of [c!, b!]) rig.reoffered()
    a.broker(produceAnswer(1))
    assert.deepEqual([sent(b!), sent(c!)], [[2], []])
    const { throttleMs } = a.counters.quota('q')
    b!.pass(100).broker(produceAnswer(2))
    assert.deepEqual(sent(c!), [3])
    assert.equal(a.counters.quota('q').throttleMs, throttleMs + 100, 'since when it has waited is known')
    for (const rig of [a, b!, c!]) rig.end()
    assert.equal(a.context.levels.size, 0)
  })

  test('acks 0 and heartbeats are at no broker in this sense', () => {
    const rig = new Rig({ rules: [rule({ inFlight: 1 })] })
    rig.client(produce(300, { acks: 0 }), produce(300, { acks: 0 }), produce(300, { correlationId: 3 }))
    rig.client(request('Heartbeat', 4, { groupId: 'g' }, { correlationId: 4 }))
    assert.deepEqual(sent(rig), [1, 1, 3, 4])
  })

  test('two gauges: the place in the first is kept while it waits for the second', () => {
    const rules = [rule({ inFlight: 3 }, { name: 'all', per: [] }), rule({ inFlight: 1 })]
    const a = new Rig({ rules }).client(produce(300, { clientId: 'a' }))
    const a2 = new Rig({ beside: a }).client(produce(300, { clientId: 'a' }))
    assert.ok(isHeld(a2))
    const b = new Rig({ beside: a }).client(produce(300, { clientId: 'b' }))
    const c = new Rig({ beside: a }).client(produce(300, { clientId: 'c' }))
    assert.deepEqual([isHeld(b), isHeld(c)], [false, true])
    a.broker(produceAnswer())
    assert.deepEqual([isHeld(a2), isHeld(c)], [false, false])
  })

  test('a larger limit lets those go that wait, observe mode counts them', () => {
    const rig = new Rig({ rules: [rule({ inFlight: 1 })] }).client(produce(300), produce(300, { correlationId: 2 }))
    rig.policy([rule({ inFlight: 2 })])
    assert.deepEqual(sent(rig), [1, 2])
    const observed = new Rig({ rules: [rule({ inFlight: 1 }, { mode: 'observe' })] })
    observed.client(produce(300), produce(300, { correlationId: 2 }))
    assert.deepEqual(sent(observed), [1, 2])
    assert.equal(observed.counters.quota('q').observedRequests, 1)
    observed.broker(produceAnswer(1), produceAnswer(2)).end()
    assert.equal(observed.context.levels.size, 0)
  })

  test('SIGTERM holds nobody', () => {
    const rig = new Rig({ rules: [rule({ inFlight: 1 })] }).client(produce(300), produce(300, { correlationId: 2 }))
    rig.session.drain()
    assert.deepEqual(sent(rig.reoffered()), [1, 2])
  })
})

describe('connections', () => {
  const ONE: RigOptions = { rules: [rule({ connections: 1 })] }

  test('one too many waits for its place, from its first request on', () => {
    const a = new Rig(ONE).client(hello('sarama'))
    const b = new Rig({ beside: a }).client(hello('sarama'))
    assert.deepEqual([isHeld(a), isHeld(b)], [false, true])
    a.end()
    assert.ok(!isHeld(b))
    b.end()
    assert.equal(a.context.levels.size, 0)
  })

  test('and is closed when that takes longer than clients bear', () => {
    const a = new Rig(ONE).client(hello('sarama'))
    const b = new Rig({ beside: a }).client(hello('sarama')).pass(CONNECTION_HOLD_MS - 1)
    assert.ok(isHeld(b))
    b.pass(1)
    assert.equal(b.closed?.reason, 'connection_quota')
    assert.match(b.closed.detail, /quota q allows 1 connections at a time; .* client "client-1"/)
    assert.equal(a.counters.quota('q').refusedRequests, 1)
    a.end()
    assert.equal(a.context.levels.size, 0)
  })

  test('is asked again when more becomes known of the client, and keeps what it has', () => {
    const rules = [rule({ connections: 1 }), rule({ connections: 1 }, { name: 's', match: { software: ['sarama'] } })]
    const a = new Rig({ rules }).client(hello('sarama', { clientId: 'a' })).broker(helloAnswer())
    a.client(produce(300, { clientId: 'a' }))
    const b = new Rig({ beside: a }).client(hello('sarama', { clientId: 'b' })).broker(helloAnswer())
    assert.ok(!isHeld(b), 'its library is not known before its first request has passed')
    a.policy(rules) // keeps its places
    b.client(produce(300, { clientId: 'b' }))
    assert.ok(!isHeld(b), 'both buckets are per client id')
    const c = new Rig({ beside: a }).client(hello('sarama', { clientId: 'a' }))
    assert.ok(isHeld(c))
    for (const rig of [a, b, c]) rig.end()
    assert.equal(a.context.levels.size, 0)
  })

  test('observed ones are let in', () => {
    const rules = [rule({ connections: 1 }, { mode: 'observe' })]
    const a = new Rig({ rules }).client(hello('x'))
    const b = new Rig({ beside: a }).client(hello('x'))
    assert.ok(!isHeld(b))
    assert.equal(a.counters.quota('q').observedRequests, 1)
    a.policy([rule({ connections: 1 })]).client(produce(300))
    assert.ok(isHeld(a), 'the other is there, and now it counts')
    b.end()
    assert.ok(!isHeld(a))
  })
})

describe('newConnections', () => {
  test('come at their rate; what is owed too long is closed and gives its token back', () => {
    const rules = [rule({ newConnections: 1 })]
    const first = new Rig({ rules })
    const rigs = [first, ...Array.from({ length: 6 }, () => new Rig({ beside: first }))]
    for (const rig of rigs) rig.client(hello('x'))
    assert.deepEqual(rigs.map(isHeld), [false, false, true, true, true, true, true])
    const wakes = rigs.filter(isHeld).map((rig) => rig.session.wakeAtMs - rig.nowMs)
    assert.deepEqual(wakes, [1000, 2000, 3000, 3000, 3000])
    for (const rig of rigs.slice(2)) rig.pass(Math.max(0, rig.session.wakeAtMs - rig.nowMs))
    assert.deepEqual(
      rigs.map((rig) => rig.closed?.reason),
      [...Array(5).fill(undefined), ...Array(2).fill('connection_quota')],
    )
    assert.equal(first.context.buckets.level(0, first.nowMs), -1, 'of the five that came in')
    assert.deepEqual(first.counters.quota('q').refusedRequests, 2)
  })

  test('a connection is charged once, whatever becomes known of it later', () => {
    const rig = new Rig({ rules: [rule({ newConnections: 1 })] }).client(hello('sarama')).broker(helloAnswer())
    rig.client(produce(300), produce(300, { correlationId: 2 }))
    assert.equal(rig.counters.quota('q').used.newConnections, 1)
  })

  test('one that goes by several client ids pays once for each of them, however often it changes', () => {
    const rig = new Rig({ rules: [rule({ newConnections: 1 })] })
    for (let i = 1; i <= 20; i++) {
      rig.client(produce(300, { clientId: i % 2 === 0 ? 'even' : 'odd', correlationId: i }))
      assert.ok(!isHeld(rig), `request ${i}`)
    }
    assert.equal(rig.counters.quota('q').used.newConnections, 2)
    const observed = new Rig({ rules: [rule({ newConnections: 1 }, { mode: 'observe' })] })
    for (let i = 1; i <= 20; i++) observed.client(produce(300, { clientId: `c-${i % 2}`, correlationId: i }))
    assert.equal(observed.counters.quota('q').observedRequests, 0)
  })

  test('one that changes its name without end is remembered by the last ones', () => {
    const rig = new Rig({ rules: [rule({ newConnections: 1 })] })
    const names = Array.from({ length: PAID_KEYS_MAX + 1 }, (_, i) => `c-${i}`)
    for (const clientId of [...names, names.at(-1)!, names[0]!]) rig.client(produce(300, { clientId, acks: 0 }))
    assert.equal(rig.counters.quota('q').used.newConnections, PAID_KEYS_MAX + 2)
  })

  test('who is turned away has taken nothing, so that those in time are let in at the full rate', () => {
    const first = new Rig({ rules: [rule({ newConnections: 1 })] })
    const flood = Array.from({ length: 100 }, () => new Rig({ beside: first }).client(hello('x')))
    const late = new Rig({ beside: first.pass(1500) }).client(hello('x')).pass(CONNECTION_HOLD_MS)
    assert.deepEqual(
      [late.closed, isHeld(late)],
      [undefined, false],
      'it must not stand behind those that are as good as closed',
    )
    for (const rig of flood) rig.end()
  })

  test('who waits for its turn is screened, not let through to a broker', () => {
    const first = new Rig({ rules: [rule({ newConnections: 1 }, { burst: { seconds: 1 } })] })
    const rigs = [first, ...Array.from({ length: 3 }, () => new Rig({ beside: first }))]
    const bytes = hello('x')
    const screen = ({ session, nowMs }: Rig): boolean =>
      session.screen(bytes, new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length, nowMs)
    assert.deepEqual(rigs.map(screen), [true, true, false, false])
    assert.deepEqual(rigs.map(isHeld), [false, false, true, true])
    const [, , next, last] = rigs as [Rig, Rig, Rig, Rig]
    first.pass(next.session.wakeAtMs - first.nowMs)
    assert.deepEqual([next, last].map(screen), [true, false])
    assert.ok(!isHeld(next.client(bytes)), 'it has paid')
    first.policy([rule({ connections: 0 })]).pass(CONNECTION_HOLD_MS)
    assert.equal(screen(last), false)
    assert.equal(last.session.state, 'fresh', 'it waits for a place now')
    first.pass(CONNECTION_HOLD_MS)
    assert.equal(screen(last), false)
    assert.equal(last.closed?.reason, 'connection_quota')
  })

  test('who hangs up before it is let in gives its token back', () => {
    const first = new Rig({ rules: [rule({ newConnections: 1 })] }).client(hello('x'))
    for (let i = 0; i < 100; i++) new Rig({ beside: first }).client(hello('x')).end()
    const late = new Rig({ beside: first }).client(hello('x')).pass(1000)
    assert.deepEqual([late.closed, isHeld(late)], [undefined, false])
  })

  test('observed ones owe no more than they would have waited for, or the quota would let nobody in once it is enforced', () => {
    const first = new Rig({ rules: [rule({ newConnections: 1 }, { mode: 'observe' })] }).client(hello('x'))
    for (let i = 0; i < 1000; i++) new Rig({ beside: first }).client(hello('x')).end()
    const { observedRequests, throttleMs } = first.counters.quota('q')
    assert.equal(observedRequests, 999)
    assert.ok(throttleMs <= 999 * CONNECTION_HOLD_MS, `${throttleMs} ms`)
    first.policy([rule({ newConnections: 1 })]).client(produce(300))
    assert.ok(!isHeld(first), 'who is in stays in')
    const late = new Rig({ beside: first.pass(1001) }).client(hello('x')).pass(CONNECTION_HOLD_MS)
    assert.deepEqual([late.closed, isHeld(late)], [undefined, false])
  })

  test('what waits keeps its place at the new rate', () => {
    const first = new Rig({ rules: [rule({ newConnections: 1 })] }).client(hello('x'))
    const [, , last] = [1, 2, 3].map(() => new Rig({ beside: first }).client(hello('x')))
    assert.equal(last!.session.wakeAtMs - last!.nowMs, 2000)
    last!.policy([rule({ newConnections: 4 })])
    assert.equal(last!.session.wakeAtMs - last!.nowMs, 500)
  })

  test('a quota that asks who it is waits until that is known', () => {
    const rules = [
      rule({ newConnections: 1 }, { per: ['principal'] }),
      rule({ connections: 1 }, { name: 's', per: ['software'] }),
    ]
    const a = new Rig({ rules })
    const rigs = [a, ...Array.from({ length: 5 }, () => new Rig({ beside: a }))]
    for (const [i, rig] of rigs.entries()) {
      rig.client(hello(`s${i}`)).broker(helloAnswer())
      rig
        .client(request('SaslHandshake', 1, { mechanism: 'PLAIN' }))
        .broker(answer('SaslHandshake', 1, { errorCode: 0, mechanisms: ['PLAIN'] }))
      rig.client(request('SaslAuthenticate', 2, { authBytes: bytesOf(`\0user-${i}\0secret`) }))
      rig.broker(answer('SaslAuthenticate', 2, { errorCode: 0, authBytes: bytesOf(''), sessionLifetimeMs: 0n }))
      rig.client(produce(300))
    }
    assert.deepEqual(rigs.map(isHeld), Array(6).fill(false))
    const again = [1, 2, 3].map(() => new Rig({ beside: a }).client(produce(300)))
    assert.deepEqual(again.map(isHeld), [false, true, true], 'who does not log in is one of those without a name')
  })
})
