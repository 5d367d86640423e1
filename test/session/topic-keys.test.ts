import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { NO_TOPIC, TopicKeys } from '../../src/session/topic-keys.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(`..${text}..`)

function add(keys: TopicKeys, text: string, isId = false): number {
  return keys.add(bytesOf(text), 2, new TextEncoder().encode(text).length, isId)
}

describe('TopicKeys', () => {
  test('the same bytes have the same number; a name and an id of the same bytes are two', () => {
    const keys = new TopicKeys(new TopicBook(10), 10)
    assert.deepEqual([add(keys, 'a'), add(keys, 'b'), add(keys, 'a'), add(keys, '0123456789abcdef')], [0, 1, 0, 2])
    assert.equal(add(keys, '0123456789abcdef', true), 3)
    assert.equal(keys.find(bytesOf('b'), 2, 1, false), 1)
    assert.equal(keys.find(bytesOf('c'), 2, 1, false), NO_TOPIC)
    assert.equal(keys.nameOf(2), '0123456789abcdef')
    assert.equal(keys.nameOf(3), undefined)
    assert.equal(keys.nameOf(NO_TOPIC), undefined)
  })

  test('names with the same hash are two', () => {
    const keys = new TopicKeys(new TopicBook(10), 10)
    assert.deepEqual(
      ['costarring', 'liquid', 'costarring', 'liquid'].map((name) => add(keys, name)),
      [0, 1, 0, 1],
    )
  })

  test('a full table still finds what it has; cleared, it begins anew', () => {
    const keys = new TopicKeys(new TopicBook(10), 2)
    add(keys, 'a')
    add(keys, 'b')
    assert.equal(keys.full, true)
    assert.equal(add(keys, 'c'), NO_TOPIC)
    assert.equal(add(keys, 'b'), 1)
    keys.clear()
    assert.equal(keys.size, 0)
    assert.equal(add(keys, 'c'), 0)
    assert.equal(keys.nameOf(0), 'c')
    assert.equal(keys.nameOf(1), undefined)
  })

  test('any names get numbers by which they are found again', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { maxLength: 80 }), (names) => {
        const keys = new TopicKeys(new TopicBook(1), 100)
        const known = [...new Set(names.map((name) => name.toWellFormed()))]
        const numbers = names.map((name) => add(keys, name.toWellFormed()))
        assert.equal(keys.size, known.length)
        for (const [i, name] of names.entries()) {
          assert.equal(numbers[i], known.indexOf(name.toWellFormed()))
          assert.equal(keys.nameOf(numbers[i]!), name.toWellFormed())
        }
      }),
    )
  })
})
