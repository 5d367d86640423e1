/** Which broker is where, and which ports stand for it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AddressBook, type BrokerChange, formatAddress, portCandidates } from '../../src/cluster/address-book.ts'

function recorded(brokersMax = 10): { book: AddressBook; changes: string[] } {
  const book = new AddressBook(brokersMax)
  const changes: string[] = []
  book.onChange((entry, change: BrokerChange) =>
    changes.push(`${change} ${entry.nodeId} ${formatAddress(entry.address)}`),
  )
  return { book, changes }
}

describe('the address book', () => {
  test('tells of a broker that joined, of one that moved, and of one that is named while it has no listener', () => {
    const { book, changes } = recorded()
    const entry = book.learn(1, 'a', 9092)
    book.learn(1, 'a', 9092)
    book.learn(1, 'b', 9092)
    book.learn(1, 'b', 9093)
    assert.deepEqual(changes, ['joined 1 a:9092', 'unserved 1 a:9092', 'moved 1 b:9092', 'moved 1 b:9093'])
    assert.deepEqual(entry, { nodeId: 1, address: { host: 'b', port: 9093 }, local: undefined })
  })

  test('says nothing of a broker that is where it was and has its listener', () => {
    const { book, changes } = recorded()
    const entry = book.learn(1, 'a', 9092)
    if (entry !== undefined) entry.local = { host: '127.0.0.1', port: 19_093 }
    changes.length = 0
    assert.equal(book.learn(1, 'a', 9092), entry)
    assert.deepEqual(changes, [])
  })

  test('keeps the listener of a broker that moves', () => {
    const { book } = recorded()
    const entry = book.learn(1, 'a', 9092)
    if (entry !== undefined) entry.local = { host: '127.0.0.1', port: 19_093 }
    assert.deepEqual(book.learn(1, 'b', 1)?.local, { host: '127.0.0.1', port: 19_093 })
  })

  test('has an end: one broker too many is not kept, those known are still found and may move', () => {
    const { book, changes } = recorded(2)
    book.learn(1, 'a', 1)
    book.learn(2, 'b', 1)
    assert.equal(book.learn(3, 'c', 1), undefined)
    assert.equal(book.get(3), undefined)
    assert.equal(book.learn(2, 'bb', 1)?.nodeId, 2)
    assert.equal(changes.length, 3)
  })

  test('lists its brokers by node id, however they came', () => {
    const { book } = recorded()
    for (const nodeId of [30, 2, 100, 0]) book.learn(nodeId, 'x', nodeId)
    assert.deepEqual(
      book.brokers().map((broker) => broker.nodeId),
      [0, 2, 30, 100],
    )
  })

  test('works without anybody listening', () => {
    assert.equal(new AddressBook(1).learn(1, 'a', 1)?.nodeId, 1)
  })
})

describe('the ports tried for a broker', () => {
  test('begin at its own place in the range and go around, each port once', () => {
    assert.deepEqual([...portCandidates(0, 100, 104)], [100, 101, 102, 103, 104])
    assert.deepEqual([...portCandidates(3, 100, 104)], [103, 104, 100, 101, 102])
    assert.deepEqual([...portCandidates(7, 100, 104)], [102, 103, 104, 100, 101])
    assert.deepEqual([...portCandidates(-1, 100, 101)], [100, 101])
    assert.deepEqual([...portCandidates(2_147_483_647, 100, 100)], [100])
  })
})

test('an address is written with brackets around IPv6', () => {
  assert.equal(formatAddress({ host: 'kafka', port: 9092 }), 'kafka:9092')
  assert.equal(formatAddress({ host: '::1', port: 9092 }), '[::1]:9092')
})
