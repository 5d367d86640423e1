import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ZERO_UUID } from 'kafka-protocol-codec'
import { sameId, TopicBook } from '../../src/cluster/topic-book.ts'

/** An id that is told by one number, at an odd place in a larger chunk. */
function id(number: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, number % 7) // many share a hash
  view.setInt32(12, number)
  return bytes
}

function nameOf(book: TopicBook, number: number): string | undefined {
  const chunk = new Uint8Array(29).fill(0xa5)
  chunk.set(id(number), 9)
  return book.nameOf(chunk, 9)
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

interface News {
  readonly topic: number
  readonly id: number
  readonly partitions: number
}

/** What is done to the book, and to a map of names and ids that is plainly right. */
const NEWS: Readonly<Record<string, (book: TopicBook, ids: Map<string, number>, news: News) => void>> = {
  learn(book, ids, { topic, id: number, partitions }) {
    for (const [name, has] of ids) if (has === number && name !== `t${topic}`) ids.delete(name)
    ids.set(`t${topic}`, number)
    book.learn(`t${topic}`, id(number), partitions)
  },
  learnWithoutId(book, ids, { topic, partitions }) {
    ids.set(`t${topic}`, ids.get(`t${topic}`) ?? 0)
    book.learn(`t${topic}`, undefined, partitions)
  },
  forget(book, ids, { topic }) {
    ids.delete(`t${topic}`)
    book.forget(`t${topic}`)
  },
  forgetId(book, ids, { id: number }) {
    for (const [name, has] of ids) if (has === number) ids.delete(name)
    book.forgetId(id(number), 0)
  },
}

describe('TopicBook', () => {
  test('a topic is found by its id, wherever that lies, and by the form in which Kafka prints it', () => {
    const book = new TopicBook(10)
    book.learn('orders', id(1), 6)
    assert.equal(nameOf(book, 1), 'orders')
    assert.equal(book.nameOfId(Buffer.from(id(1)).toString('base64url')), 'orders')
    assert.equal(book.partitionsOf('orders'), 6)
    assert.equal(nameOf(book, 2), undefined)
    assert.equal(book.nameOfId('short'), undefined)
    assert.equal(book.idOf('orders'), Buffer.from(id(1)).toString('base64url'))
    assert.equal(book.idOf('invoices'), ZERO_UUID)
    assert.equal(book.partitionsOf('invoices'), undefined)
    assert.deepEqual(
      [...book.entries()],
      [{ name: 'orders', id: Buffer.from(id(1)).toString('base64url'), partitions: 6 }],
    )
  })

  test('a topic without an id is known by name, and keeps an id that older answers do not tell', () => {
    const book = new TopicBook(10)
    book.learn('orders', undefined, 6)
    assert.deepEqual([...book.entries()], [{ name: 'orders', id: '', partitions: 6 }])
    book.learn('orders', id(1), 0)
    assert.equal(book.partitionsOf('orders'), 6)
    book.learn('orders', undefined, 8)
    assert.equal(nameOf(book, 1), 'orders')
    assert.equal(book.partitionsOf('orders'), 8)
    book.learn('orders', new Uint8Array(16), 9)
    assert.equal(nameOf(book, 1), 'orders')
    assert.equal(book.partitionsOf('orders'), 9)
  })

  test('partitions under one id only grow: an answer with a part of them changes nothing', () => {
    const book = new TopicBook(10)
    book.learn('orders', id(1), 6)
    book.learn('orders', id(1), 2)
    book.learnBytes(ascii('orders'), 0, 6, id(1), 0, 3)
    assert.equal(book.partitionsOf('orders'), 6)
  })

  test('the same name under another id is a new topic: the old id means nothing any more', () => {
    const book = new TopicBook(10)
    book.learn('orders', id(1), 6)
    const before = book.version
    book.learn('orders', id(8), 2)
    assert.equal(nameOf(book, 1), undefined)
    assert.equal(nameOf(book, 8), 'orders')
    assert.equal(book.partitionsOf('orders'), 2)
    assert.notEqual(book.version, before)
    assert.equal(book.size, 1)
  })

  test('an id that turns up under another name leaves the first one', () => {
    const book = new TopicBook(10)
    book.learn('orders', id(1), 6)
    book.learn('invoices', id(1), 3)
    assert.equal(nameOf(book, 1), 'invoices')
    assert.equal(book.partitionsOf('orders'), undefined)
    book.learn('payments', id(2), 4)
    book.learn('payments', id(1), 4)
    assert.deepEqual(
      [...book.entries()].map(({ name }) => name),
      ['payments'],
    )
  })

  test('what is forgotten by name or by id is gone both ways, and its neighbours in the hash are not', () => {
    const book = new TopicBook(10)
    for (const number of [7, 14, 21, 28]) book.learn(`t${number}`, id(number), number)
    book.forget('t14')
    book.forgetId(id(28), 0)
    book.forgetId(id(35), 0)
    book.forget('nobody')
    assert.deepEqual(
      [7, 14, 21, 28].map((number) => nameOf(book, number)),
      ['t7', undefined, 't21', undefined],
    )
    assert.equal(book.partitionsOf('t28'), undefined)
    book.learn('again', id(14), 1)
    assert.equal(nameOf(book, 14), 'again')
    assert.equal(book.size, 3)
  })

  test('what cannot be a topic is not learnt', () => {
    const book = new TopicBook(10)
    book.learn('', id(1), 1)
    book.learn('x'.repeat(250), id(1), 1)
    book.learnBytes(ascii(''), 0, 0, id(1), 0, 1)
    book.learnBytes(ascii('y'.repeat(250)), 0, 250, id(1), 0, 1)
    book.learnBytes(ascii(''), 0, -1, id(1), 0, 1)
    assert.equal(book.size, 0)
  })

  test('a full book forgets those that nobody asks for or tells of, and keeps the others', () => {
    const book = new TopicBook(100)
    for (let n = 0; n < 100; n++) book.learn(`t${n}`, id(n + 1), 1)
    book.learn('one more', id(1000), 1) // the first round of the hand
    for (let n = 101; n < 140; n++) {
      assert.equal(nameOf(book, 91), 't90') // in use
      book.learn('t80', id(81), 1) // told of again
      book.learn(`t${n}`, id(n + 1), 1)
    }
    assert.equal(book.size, 100)
    assert.equal(nameOf(book, 91), 't90')
    assert.equal(nameOf(book, 81), 't80')
    assert.equal(nameOf(book, 1), undefined)
    assert.equal(nameOf(book, 11), undefined)
  })

  test('`version` grows when an id gets a name or loses it, and not when nothing is new', () => {
    const book = new TopicBook(10)
    const grew = (change: () => void): boolean => {
      const before = book.version
      change()
      return book.version > before
    }
    assert.ok(grew(() => book.learn('orders', id(1), 6)))
    assert.ok(!grew(() => book.learn('orders', id(1), 7)))
    assert.ok(!grew(() => book.learnBytes(ascii('orders'), 0, 6, id(1), 0, 8)))
    assert.ok(!grew(() => book.learn('plain', undefined, 7)))
    assert.ok(grew(() => book.learn('plain', id(2), 7)))
    assert.ok(grew(() => book.forget('orders')))
    assert.ok(!grew(() => book.forget('orders')))
  })

  test('names are compared as bytes, also those that are not ASCII', () => {
    const book = new TopicBook(10)
    const name = ascii('größe')
    book.learnBytes(name, 0, name.length, id(1), 0, 2)
    book.learnBytes(name, 0, name.length, id(1), 0, 3)
    assert.equal(book.partitionsOf('größe'), 3)
    assert.equal(book.size, 1)
  })

  test('sameId compares with a copy', () => {
    const chunk = new Uint8Array(40)
    chunk.set(id(3), 11)
    assert.ok(sameId(chunk, 11, id(3)))
    assert.ok(!sameId(chunk, 11, id(4)))
  })

  test('any order of news agrees with two plain maps', () => {
    const news = fc.record({
      what: fc.constantFrom('learn', 'learn', 'learn', 'learnWithoutId', 'forget', 'forgetId'),
      topic: fc.integer({ min: 0, max: 12 }),
      id: fc.integer({ min: 1, max: 30 }),
      partitions: fc.integer({ min: 1, max: 9 }),
    })
    fc.assert(
      fc.property(fc.array(news, { maxLength: 60 }), (all) => {
        const book = new TopicBook(50)
        const ids = new Map<string, number>() // name → id, 0 for none
        for (const each of all) NEWS[each.what]!(book, ids, each)
        assert.equal(book.size, ids.size)
        for (let number = 1; number <= 30; number++) {
          assert.equal(nameOf(book, number), [...ids].find(([, has]) => has === number)?.[0])
        }
        for (const [name] of ids) assert.ok(book.partitionsOf(name) !== undefined)
      }),
    )
  })
})
