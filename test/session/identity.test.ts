/** Who a quota takes a connection for: by address, by the workload's labels, by version; and what is kept for each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hello, helloAnswer, produce } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const charged = (rig: Rig): number => rig.client(produce(500)).counters.quota('q').used.produceBytes

test('by where it comes from', () => {
  const rules = [rule({ produceBytes: 1000 }, { match: { address: ['10.0.0.0/8'] } })]
  assert.equal(charged(new Rig({ rules, origin: { address: '10.1.2.3' } })), 500)
  assert.equal(charged(new Rig({ rules, origin: { address: '192.168.0.1' } })), 0)
})

test('by the server name that it asked for', () => {
  const rules = [rule({ produceBytes: 1000 }, { match: { sni: ['*.eu.example'] } })]
  assert.equal(charged(new Rig({ rules, origin: { sni: 'kafka.eu.example' } })), 500)
  assert.equal(charged(new Rig({ rules })), 0)
})

test('by the labels of the workload', () => {
  const rules = [rule({ produceBytes: 1000 }, { match: { 'labels.app': ['shop'] }, per: ['labels.app', 'labels.pod'] })]
  assert.equal(charged(new Rig({ rules, labels: { app: 'shop', pod: 'shop-1' } })), 500)
  assert.equal(charged(new Rig({ rules, labels: { app: 'cart' } })), 0)
})

test('by the version of its library', () => {
  const rules = [rule({ produceBytes: 1000 }, { match: { software: ['sarama'], softwareVersion: ['1.*'] } })]
  assert.equal(charged(new Rig({ rules }).client(hello('sarama')).broker(helloAnswer())), 500)
})

test('a client id that changes with every request is charged to the right bucket each time, and none is kept longer than needed', () => {
  const rig = new Rig({ rules: [rule({ produceBytes: 1000 })] })
  for (let i = 0; i < 2000; i++) rig.client(produce(400, { clientId: `c-${i % 1000}`, acks: 0 })).pass(1)
  assert.equal(rig.counters.quota('q').used.produceBytes, 2000 * 400)
  assert.equal(rig.counters.quota('q').heldRequests, 0, 'each had room for two')
  for (let i = 0; i < 2; i++) rig.client(produce(400, { clientId: 'c-999', acks: 0 }))
  assert.equal(rig.session.clientBlock, 'none')
  rig.client(produce(400, { clientId: 'c-999', acks: 0 }))
  assert.equal(rig.session.clientBlock, 'held')
  rig.session.closed(rig.nowMs)
  for (let slot = 0; slot < rig.context.buckets.size; slot++) assert.equal(rig.context.buckets.holders(slot), 0)
})

test('no client id, and one of 32 kB', () => {
  const rig = new Rig({ rules: [rule({ produceBytes: 1000 })] })
  const long = 'x'.repeat(32_000)
  rig.client(produce(400, { clientId: '', acks: 0 }), produce(33_000, { clientId: long, acks: 0 }))
  assert.equal(rig.counters.quota('q').used.produceBytes, 33_400)
  assert.equal(rig.context.buckets.size, 2)
})
