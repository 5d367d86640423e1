/** Amounts as people write them, and what they are told when they write them another way. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDuration, parseAmount, parseDuration, parseRate, type Quantity } from '../../src/config/units.ts'

function messageOf(parse: () => unknown): string {
  try {
    parse()
  } catch (error) {
    assert.ok(error instanceof RangeError)
    return error.message
  }
  assert.fail('nothing was wrong')
}

describe('parseRate', () => {
  const right: [string, Quantity, number][] = [
    ['5 MB/s', 'bytes', 5e6],
    ['5MB/s', 'bytes', 5e6],
    [' 1.5  MB / s ', 'bytes', 1.5e6],
    ['512 KiB/s', 'bytes', 524_288],
    ['1 GB/min', 'bytes', 1e9 / 60],
    ['1 GiB/h', 'bytes', 2 ** 30 / 3600],
    ['1 B/s', 'bytes', 1],
    ['100 GB/s', 'bytes', 1e11],
    ['100/s', 'requests', 100],
    ['20k/s', 'requests', 20_000],
    ['2 M/s', 'requests', 2e6],
    ['30/min', 'requests', 0.5],
    ['1/h', 'requests', 1 / 3600],
  ]
  for (const [text, quantity, perSecond] of right) {
    test(`${text} of ${quantity}`, () => assert.equal(parseRate(text, quantity), perSecond))
  }

  const wrong: [string, Quantity, string][] = [
    ['5 MB', 'bytes', '"5 MB" is an amount, not a rate; write 5 MB/s'],
    ['100', 'requests', '"100" is an amount, not a rate; write 100/s'],
    ['5000000', 'bytes', '5000000 has no unit; write 5 MB/s'],
    ['5000000/s', 'bytes', '5000000 has no unit; write 5 MB/s'],
    ['1234', 'bytes', '1234 has no unit; write 1234 B/s'],
    ['5 mb/s', 'bytes', '"mb" is no unit; did you mean 5 MB/s?'],
    ['5 KB/s', 'bytes', '"KB" is no unit; did you mean 5 kB/s?'],
    ['5 Mb/s', 'bytes', '"Mb" would be bits; rates are in bytes: write 5 MB/s'],
    ['5 Mbit/s', 'bytes', '"Mbit" would be bits; rates are in bytes: write 5 MB/s'],
    ['5 Kbit/s', 'bytes', '"Kbit" would be bits; rates are in bytes: write 5 kB/s'],
    ['5 MB/sec', 'bytes', '"/sec" is no time; write 5 MB/s, /min or /h'],
    ['5/s/s', 'requests', '"/s/s" is no time; write 5/s, /min or /h'],
    ['20K/s', 'requests', '"K" is no unit; did you mean 20k/s?'],
    ['20 MB/s', 'requests', '"MB" is no unit of requests; there is none, k (1000) and M (1000000)'],
    [
      '5 parsecs/s',
      'bytes',
      '"parsecs" is no unit of bytes; there is B, kB, MB, GB (powers of 1000) and KiB, MiB, GiB (of 1024)',
    ],
    [
      '5 constructor/s',
      'bytes',
      '"constructor" is no unit of bytes; there is B, kB, MB, GB (powers of 1000) and KiB, MiB, GiB (of 1024)',
    ],
    ['fast', 'bytes', '"fast" does not begin with a number; write a rate like 5 MB/s'],
    ['-5 MB/s', 'bytes', '"-5 MB/s" does not begin with a number; write a rate like 5 MB/s'],
    ['', 'requests', '"" does not begin with a number; write a rate like 100/s'],
    [
      '0/s',
      'requests',
      'a rate of 0 would stop the client for good; leave the quota out, or give the least rate that is useful',
    ],
    ['0.5/h', 'requests', '"0.5/h" is less than one in an hour'],
    ['2 TB/s', 'bytes', '"2 TB/s" is more than 1 TB/s; leave the quota out'],
    [`${'9'.repeat(400)} B/s`, 'bytes', `"${'9'.repeat(400)} B/s" is too large`],
  ]
  for (const [text, quantity, message] of wrong) {
    test(`${text.slice(0, 20)} of ${quantity} is refused and shown the right form`, () => {
      assert.equal(
        messageOf(() => parseRate(text, quantity)),
        message,
      )
    })
  }
})

describe('parseAmount and parseDuration', () => {
  test('amounts', () => {
    assert.equal(parseAmount('10 MB', 'bytes'), 1e7)
    assert.equal(parseAmount('2k', 'requests'), 2000)
    assert.equal(
      messageOf(() => parseAmount('10 MB/s', 'bytes')),
      '"10 MB/s" is a rate; write an amount like 10 MB',
    )
    assert.equal(
      messageOf(() => parseAmount('2000000000', 'bytes')),
      '2000000000 has no unit; write 2 GB',
    )
  })

  test('times', () => {
    for (const [text, ms] of [
      ['500ms', 500],
      ['2s', 2000],
      ['1.5 s', 1500],
      ['10m', 600_000],
      ['10min', 600_000],
      ['1h', 3_600_000],
    ] as const) {
      assert.equal(parseDuration(text), ms, text)
    }
    assert.equal(
      messageOf(() => parseDuration('2')),
      '2 has no unit; write 2s or 2ms',
    )
    assert.equal(
      messageOf(() => parseDuration('2 sec')),
      '"sec" is no unit of time; write 2s, or ms, m, h',
    )
  })

  test('a burst is known for a time also when its unit is spelled another way', () => {
    for (const text of ['2s', '2 sec', '500 ms', '1 minute']) assert.ok(isDuration(text), text)
    for (const text of ['2 M', '2', '10 MB', '2k']) assert.ok(!isDuration(text), text)
  })
})
