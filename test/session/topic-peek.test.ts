/** The topics of a Produce request that is held, as far as it is visible. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encode, ProtocolError } from 'kafka-protocol-codec'
import { FRAME_TOPICS_MAX } from '../../src/bounds.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { GroupPeek } from '../../src/session/group-of-request.ts'
import { TopicPeek } from '../../src/session/topic-peek.ts'
import { chunksOf, recordBatch, request, schemaOf, versionsOf } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const idOf = (name: string): Uint8Array => new TextEncoder().encode(`${name}----------------`).slice(0, 16)

function bodyOf(version: number, names: readonly string[], sizeBytes = 61): Uint8Array {
  const topicData = names.map((name) => ({
    ...(version >= 13 ? { topicId: Buffer.from(idOf(name)).toString('base64url') } : { name }),
    partitionData: [{ index: 0, records: recordBatch(1, sizeBytes) }],
  }))
  return encode(schemaOf('Produce', 'request'), version, { acks: 1, topicData })
}

function look(peek: TopicPeek, version: number, body: Uint8Array, visible = body.length): string {
  const chunk = new Uint8Array(visible + 9).fill(0xa5)
  chunk.set(body.subarray(0, visible), 5)
  peek.look(version, chunk, new DataView(chunk.buffer), 5, 5 + visible, body.length)
  const names = Array.from({ length: peek.count }, (_, place) => peek.nameAt(place))
  return names.map((name) => name ?? '?').join(' ') + (peek.complete ? '.' : '')
}

describe('TopicPeek', () => {
  const book = new TopicBook(10)
  for (const name of ['orders', 'payments']) book.learn(name, idOf(name), 1)

  for (const version of versionsOf('Produce')) {
    test(`v${version}: the topics that are visible, and whether they are all`, () => {
      const body = bodyOf(version, ['orders', 'payments', 'orders'], 300)
      const peek = new TopicPeek(book)
      const seen = new Set<string>()
      for (let visible = 0; visible <= body.length; visible++) seen.add(look(peek, version, body, visible))
      assert.deepEqual([...seen], ['', 'orders', 'orders payments', 'orders payments.'])
    })
  }

  test('an id that nobody has named', () => {
    assert.equal(look(new TopicPeek(book), 13, bodyOf(13, ['invoices'])), '?.')
  })

  test('a request without topics is complete', () => {
    assert.equal(look(new TopicPeek(book), 9, bodyOf(9, [])), '.')
  })

  test('a name too long to be one is no topic', () => {
    assert.equal(look(new TopicPeek(book), 9, bodyOf(9, ['x'.repeat(9000), 'orders'])), 'orders.')
  })

  test('what is no Produce request is refused', () => {
    const peek = new TopicPeek(book)
    assert.throws(() => look(peek, 9, Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 200, 1)), ProtocolError)
    assert.throws(() => look(peek, 99, bodyOf(9, [])), ProtocolError)
  })

  test('more topics than are told apart are left out; the next look begins anew', () => {
    const peek = new TopicPeek(book)
    const names = Array.from({ length: FRAME_TOPICS_MAX + 5 }, (_, n) => `topic-${n}`)
    look(peek, 9, bodyOf(9, names))
    assert.equal(peek.count, FRAME_TOPICS_MAX)
    assert.equal(look(peek, 9, bodyOf(9, ['orders'])), 'orders.')
    assert.equal(peek.nameAt(1), undefined)
  })
})

test('a request that comes byte by byte is looked at a few times, not at each byte', (t) => {
  const topics = Array.from({ length: 300 }, (_, i) => `topic-${i}`)
  const groups = topics.map((groupId) => ({ groupId, topics: null }))
  const requests = [
    request('Produce', 9, { acks: 1, topicData: topics.map((name) => ({ name, partitionData: [] })) }),
    request('OffsetFetch', 8, { groups, requireStable: false }),
  ]
  for (const [i, looked] of [TopicPeek.prototype, GroupPeek.prototype].entries()) {
    const look = t.mock.method(looked, 'look')
    const rig = new Rig({ rules: [rule({ produceBytes: 1e9 }, { per: ['topic'] })] }).client(
      ...chunksOf(requests[i]!, 1),
    )
    assert.deepEqual(rig.sentToBroker(), requests[i])
    assert.ok(look.mock.callCount() > 3 && look.mock.callCount() < 20, `${look.mock.callCount()} times`)
  }
})
