import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  GROUP_AMBIGUITY_MS,
  GROUP_LEAVE_MS,
  GROUP_MEMORY_MS,
  GROUPS_PER_CLIENT_MAX,
  SWEEP_GROUP_CLIENTS,
} from '../../src/bounds.ts'
import { type GroupAnswer, GroupBook } from '../../src/cluster/group-book.ts'

const one = (group: string): GroupAnswer => ({ state: 'one', group })
const several = (...groups: string[]): GroupAnswer => ({ state: 'several', groups })
const none: GroupAnswer = { state: 'none' }

type Step =
  | readonly [atMs: number, 'names' | 'leaves', group: string]
  | readonly [atMs: number, 'is', answer: GroupAnswer]

const HOUR = GROUP_MEMORY_MS
const QUIET = GROUP_AMBIGUITY_MS
const GONE = GROUP_LEAVE_MS

/** What one client says, when, and where it belongs then. */
const STORIES: readonly (readonly [title: string, ...steps: Step[]])[] = [
  ['nobody has said anything', [0, 'is', none]],
  ['one group', [0, 'names', 'a'], [1, 'is', one('a')]],
  ['the same group again and again', [0, 'names', 'a'], [3000, 'names', 'a'], [6000, 'is', one('a')]],
  ['two at a time are shown as two', [0, 'names', 'b'], [1000, 'names', 'a'], [2000, 'is', several('a', 'b')]],
  [
    'of two, the one that falls silent makes nothing ambiguous any more',
    [0, 'names', 'old'],
    [1000, 'names', 'new'],
    [QUIET - 1, 'is', several('new', 'old')],
    [QUIET, 'is', one('new')],
  ],
  [
    'one that comes back is in it again',
    [0, 'names', 'a'],
    [QUIET, 'names', 'b'],
    [QUIET, 'is', one('b')],
    [QUIET + 1, 'names', 'a'],
    [QUIET + 1, 'is', several('a', 'b')],
  ],
  [
    'both fall silent: the last one known stays for an hour',
    [0, 'names', 'a'],
    [10, 'names', 'b'],
    [QUIET + 10, 'is', one('b')],
    [HOUR + 9, 'is', one('b')],
    [HOUR + 10, 'is', none],
  ],
  ['the last one known, to the millisecond', [5, 'names', 'a'], [HOUR + 4, 'is', one('a')], [HOUR + 5, 'is', none]],
  ['one that is left is forgotten soon', [0, 'names', 'a'], [10, 'leaves', 'a'], [10 + GONE, 'is', none]],
  ['until then it is the last one known', [0, 'names', 'a'], [10, 'leaves', 'a'], [9 + GONE, 'is', one('a')]],
  [
    'a heartbeat of another member with the same names takes the leave back',
    [0, 'names', 'a'],
    [10, 'leaves', 'a'],
    [3000, 'names', 'a'],
    [60_000, 'is', one('a')],
  ],
  [
    'a client that moves to another group is never ambiguous',
    [0, 'names', 'a'],
    [10, 'leaves', 'a'],
    [11, 'names', 'b'],
    [12, 'is', one('b')],
    [10 + GONE, 'is', one('b')],
  ],
  ['leaving what one is not in means nothing', [0, 'names', 'a'], [10, 'leaves', 'b'], [GONE * 2, 'is', one('a')]],
  ['an empty group is none', [0, 'names', ''], [1, 'is', none]],
  ['a group of absurd length is none', [0, 'names', 'x'.repeat(257)], [1, 'is', none]],
  ['nor does it count beside another', [0, 'names', 'a'], [1, 'names', 'x'.repeat(257)], [2, 'is', one('a')]],
]

describe('GroupBook', () => {
  for (const [title, ...steps] of STORIES) {
    test(title, () => {
      const book = new GroupBook(10)
      for (const [atMs, what, said] of steps) {
        if (what === 'names') book.learn('app', 'alice', said, atMs)
        else if (what === 'leaves') book.left('app', 'alice', said, atMs)
        else assert.deepEqual(book.groupOf('app', 'alice', atMs), said)
      }
    })
  }

  test('clients are told apart by client id and principal', () => {
    const book = new GroupBook(10)
    book.learn('app', 'alice', 'a', 0)
    book.learn('app', 'bob', 'b', 0)
    book.learn('other', 'alice', 'c', 0)
    assert.deepEqual(book.groupOf('app', 'alice', 1), one('a'))
    assert.deepEqual(book.groupOf('app', 'bob', 1), one('b'))
    assert.deepEqual(book.groupOf('other', 'alice', 1), one('c'))
    assert.deepEqual(book.groupOf('other', 'bob', 1), none)
    book.left('nobody', 'bob', 'a', 1)
    assert.equal(book.size, 3)
  })

  test('names out of all proportion are not kept', () => {
    const book = new GroupBook(10)
    book.learn('x'.repeat(257), '', 'a', 0)
    book.learn('', 'x'.repeat(257), 'a', 0)
    assert.equal(book.size, 0)
    book.learn('', '', 'a', 0)
    assert.deepEqual(book.groupOf('', '', 1), one('a'))
  })

  test('a tool that names many groups keeps the newest', () => {
    const book = new GroupBook(10)
    for (let n = 0; n <= GROUPS_PER_CLIENT_MAX; n++) book.learn('tool', '', `g${n}`, n)
    const answer = book.groupOf('tool', '', 100)
    assert.ok(answer.state === 'several')
    assert.equal(answer.groups.length, GROUPS_PER_CLIENT_MAX)
    assert.ok(!answer.groups.includes('g0'))
  })

  test('a full book takes the place of one that was heard of longest ago, among those looked at', () => {
    const book = new GroupBook(SWEEP_GROUP_CLIENTS)
    for (let n = 0; n < SWEEP_GROUP_CLIENTS; n++) book.learn(`c${n}`, '', 'g', n === 3 ? 0 : 1000)
    book.learn('new', '', 'g', 2000)
    assert.equal(book.size, SWEEP_GROUP_CLIENTS)
    assert.deepEqual(book.groupOf('c3', '', 2000), none)
    assert.deepEqual(book.groupOf('new', '', 2000), one('g'))
    assert.deepEqual(book.groupOf('c0', '', 2000), one('g'))
  })

  test('a flood of names ends no faster than it came, and the book stays full', () => {
    const book = new GroupBook(100)
    for (let n = 0; n < 10_000; n++) book.learn(`c${n}`, '', 'g', n)
    assert.equal(book.size, 100)
    assert.deepEqual(book.groupOf('c9999', '', 10_000), one('g'))
  })

  test('clients that were silent for an hour are dropped by the way', () => {
    const book = new GroupBook(10)
    for (let n = 0; n < 5; n++) book.learn(`c${n}`, 'p', 'g', 0)
    book.learn('c9', 'p', 'g', HOUR)
    assert.equal(book.size, 1)
    assert.equal([...book.entries(HOUR)].length, 1)
  })

  test('`version` grows when an answer changes, also by time, and not with a heartbeat', () => {
    const book = new GroupBook(10)
    const grew = (change: () => void): boolean => {
      const before = book.version
      change()
      return book.version > before
    }
    assert.ok(grew(() => book.learn('app', '', 'a', 0)))
    assert.ok(!grew(() => book.learn('app', '', 'a', 3000)))
    assert.ok(grew(() => book.learn('app', '', 'b', 4000)))
    assert.ok(!grew(() => book.learn('app', '', 'a', 9000)))
    assert.ok(!grew(() => book.learn('app', '', 'b', 10_000)))
    assert.ok(grew(() => book.sweep(9000 + QUIET)))
    assert.deepEqual(book.groupOf('app', '', 9000 + QUIET), one('b'))
    assert.ok(!grew(() => book.left('app', '', 'b', 100_000)))
    assert.ok(grew(() => book.sweep(100_000 + GONE)))
    assert.deepEqual(book.groupOf('app', '', 100_000 + GONE), one('a'))
    assert.ok(grew(() => book.sweep(9000 + HOUR)))
  })

  test('entries say what is known, and since when', () => {
    const book = new GroupBook(10)
    book.learn('app', 'alice', 'a', 0)
    book.learn('app', 'alice', 'b', 1000)
    book.left('app', 'alice', 'a', 1500)
    assert.deepEqual(
      [...book.entries(2000)],
      [
        {
          clientId: 'app',
          principal: 'alice',
          answer: one('b'),
          groups: [
            { group: 'b', heardMsAgo: 1000, left: false },
            { group: 'a', heardMsAgo: 2000, left: true },
          ],
        },
      ],
    )
  })

  test('whatever is said when, the answer is that of a plain list; and where it changed, `version` did', () => {
    const step = fc.record({
      passMs: fc.constantFrom(0, 1, 3000, GONE, QUIET - 1, QUIET, HOUR / 2),
      group: fc.constantFrom('a', 'b', 'c'),
      leaves: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const book = new GroupBook(10)
        const plain = new PlainList()
        let nowMs = 0
        let answer: GroupAnswer = none
        let version = book.version
        const agree = (): void => {
          const expected = plain.answer(nowMs)
          book.sweep(nowMs)
          assert.deepEqual(book.groupOf('app', '', nowMs), expected)
          if (JSON.stringify(expected) !== JSON.stringify(answer)) assert.ok(book.version > version)
          answer = expected
          version = book.version
        }
        for (const { passMs, group, leaves } of steps) {
          nowMs += passMs
          agree()
          if (leaves) book.left('app', '', group, nowMs)
          else book.learn('app', '', group, nowMs)
          plain.said(group, leaves, nowMs)
          agree()
        }
      }),
    )
  })
})

/** The rules, without any economy. */
class PlainList {
  readonly #said = new Map<string, { heardAtMs: number; leftAtMs: number }>()
  readonly #order: string[] = []

  said(group: string, leaves: boolean, nowMs: number): void {
    const known = this.#said.get(group)
    const isForgotten = known !== undefined && this.#endsAtMs(known) <= nowMs
    if (leaves && (known === undefined || isForgotten)) return
    if (leaves) known!.leftAtMs = nowMs
    else {
      this.#said.set(group, { heardAtMs: nowMs, leftAtMs: Number.POSITIVE_INFINITY })
      if (known === undefined || isForgotten) {
        if (this.#order.includes(group)) this.#order.splice(this.#order.indexOf(group), 1)
        this.#order.push(group)
      }
    }
  }

  answer(nowMs: number): GroupAnswer {
    const alive = this.#order.filter((group) => this.#endsAtMs(this.#said.get(group)!) > nowMs)
    const heard = alive.filter((group) => {
      const { heardAtMs, leftAtMs } = this.#said.get(group)!
      return leftAtMs === Number.POSITIVE_INFINITY && nowMs - heardAtMs < QUIET
    })
    if (heard.length > 1) return several(...heard.sort())
    const last = heard[0] ?? alive.sort((a, b) => this.#said.get(b)!.heardAtMs - this.#said.get(a)!.heardAtMs)[0]
    return last === undefined ? none : one(last)
  }

  #endsAtMs({ heardAtMs, leftAtMs }: { heardAtMs: number; leftAtMs: number }): number {
    return Math.min(heardAtMs + HOUR, leftAtMs + GONE)
  }
}
