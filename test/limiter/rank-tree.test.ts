/** Which class is next, turn by turn, and how long a class must wait for its own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SHARE_TAG_MAX } from '../../src/bounds.ts'
import { HIGH, LOW, NORMAL, type Rank, RankTree } from '../../src/limiter/rank-tree.ts'

const [H, N, L] = [1 << HIGH, 1 << NORMAL, 1 << LOW]

function tree(minimum = 0.25): RankTree {
  const made = new RankTree()
  made.minimum = minimum
  return made
}

/** The classes of so many turns of a frame of 3 units each, as a string: h, n, l. */
function turns(ranks: RankTree, waiting: number, count: number, cost = 3): string {
  return Array.from({ length: count }, () => {
    const rank = ranks.next(waiting)
    ranks.serve(rank, cost)
    return 'hnl'[rank]
  }).join('')
}

describe('turns', () => {
  for (const [title, waiting, expected] of [
    ['high and low: three to one', H | L, 'hlhhhlhhhlhh'],
    ['high and normal: the same', H | N, 'hnhhhnhhhnhh'],
    ['normal and low: the same', N | L, 'nlnnnlnnnlnn'],
    ['all: of what is left by high, low has one in four', H | N | L, 'hnhhhlhhhnhh'],
    ['high alone', H, 'hhhh'],
    ['normal alone', N, 'nnnn'],
    ['low alone', L, 'llll'],
  ] as const) {
    test(title, () => assert.equal(turns(tree(), waiting, expected.length), expected))
  }

  test('a class that was alone has neither lost nor saved anything', () => {
    const ranks = tree()
    turns(ranks, L, 1000)
    assert.equal(turns(ranks, H | L, 8), 'hhhhlhhh')
    turns(ranks, H, 1000)
    assert.equal(turns(ranks, H | L, 8), 'lhhhlhhh')
  })

  test('the minimum is kept between 0.001 and 0.999', () => {
    assert.equal(turns(tree(0), H | L, 2002).split('l').length - 1, 3)
    assert.equal(turns(tree(1), H | L, 2002).split('h').length - 1, 3)
  })

  test('a later correction counts as if it had been known', () => {
    const [known, corrected] = [tree(), tree()]
    known.serve(LOW, 12)
    corrected.serve(LOW, 3)
    corrected.settle(LOW, 9)
    assert.equal(turns(known, H | L, 40), turns(corrected, H | L, 40))
    known.settle(HIGH, 30)
    assert.equal(turns(known, H | N | L, 11).slice(0, 2), 'nn')
  })

  test('setting tags back changes no turn', () => {
    const [far, near] = [tree(0.25), tree(0.25)]
    for (const waiting of [H | N | L, L, H | L, N | L, H | N | L]) {
      assert.equal(turns(far, waiting, 60, 3 * (SHARE_TAG_MAX / 8)), turns(near, waiting, 60))
    }
  })
})

describe('going before its turn', () => {
  test('costs the class later turns, and does not move the others', () => {
    const ranks = tree()
    ranks.force(LOW, 3, 1000)
    assert.equal(turns(ranks, H | L, 9), 'hhhhlhhhl')
    const idle = tree()
    idle.force(HIGH, 3, 1000)
    assert.equal(turns(idle, L, 1), 'l')
  })

  test('but only so many units', () => {
    const upper = tree()
    for (let i = 0; i < 100; i++) upper.force(HIGH, 30, 12)
    assert.equal(turns(upper, H | L, 7), 'lhlhhhl', 'low has 12 units before high')
    const lower = tree()
    for (let i = 0; i < 100; i++) lower.force(LOW, 30, 12)
    assert.equal(turns(lower, H | L, 6), 'hhhhlh', 'high has 12 units before low')
    const both = tree()
    for (let i = 0; i < 100; i++) both.force(LOW, 30, 12)
    assert.equal(turns(both, N | L, 6), 'nnnnln', 'and so has normal')
  })
})

describe('estimates', () => {
  test('the part of a class depends on who else waits', () => {
    const ranks = tree()
    const rows: [Rank, number, number][] = [
      [HIGH, H, 1],
      [HIGH, H | N, 0.75],
      [HIGH, H | L, 0.75],
      [NORMAL, N, 1],
      [NORMAL, H | N, 0.25],
      [NORMAL, N | L, 0.75],
      [NORMAL, H | N | L, 0.1875],
      [LOW, L, 1],
      [LOW, H | L, 0.25],
      [LOW, N | L, 0.25],
      [LOW, H | N | L, 0.0625],
      [HIGH, 0, 1],
    ]
    for (const [rank, waiting, part] of rows) assert.equal(ranks.partOf(rank, waiting), part, `${rank} ${waiting}`)
  })

  test('units before the next turn are the lead over the other side, if that wants any', () => {
    const ranks = tree()
    ranks.serve(LOW, 3)
    assert.equal(ranks.unitsBefore(LOW, H | L), 12)
    assert.equal(ranks.unitsBefore(LOW, L), 0)
    assert.equal(ranks.unitsBefore(LOW, N | L), 12, 'at the lower fork')
    assert.equal(ranks.unitsBefore(LOW, H | N | L), 48, 'of which high has most')
    assert.equal(ranks.unitsBefore(HIGH, H | L), 0)
    assert.equal(ranks.unitsBefore(NORMAL, H | N), 12, 'the lead of its side')
    ranks.serve(HIGH, 3)
    assert.equal(ranks.unitsBefore(HIGH, H | L), 4)
    assert.equal(ranks.unitsBefore(HIGH, H), 0)
  })
})
