/** Amounts as people write them, and what they are told when they write them another way. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDuration, parseAmount, parseDuration, parseLevel, parsePercent, parseRate } from '../../src/config/units.ts'
import type { Unit } from '../../src/policy/dimensions.ts'

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
  const right: [string, Unit, number][] = [
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
  for (const [text, unit, perSecond] of right) {
    test(`${text} of ${unit}`, () => assert.equal(parseRate(text, unit), perSecond))
  }

  const wrong: [string, Unit, string][] = [
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
    ['20 MB/s', 'records', '"MB" is a unit of bytes, and this counts records; write 20/s or 20k/s'],
    ['20 records/s', 'records', '"records" goes without saying here; write 20/s'],
    ['5 partition/min', 'partitions', '"partition" goes without saying here; write 5/s'],
    ['5 bytes/s', 'bytes', '"bytes" goes without saying here; write 5 B/s'],
    ['20 gallons/s', 'commits', '"gallons" is no unit of commits; there is none, k (1000) and M (1000000)'],
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
  for (const [text, unit, message] of wrong) {
    test(`${text.slice(0, 20)} of ${unit} is refused and shown the right form`, () => {
      assert.equal(
        messageOf(() => parseRate(text, unit)),
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
      ['7d', 604_800_000],
    ] as const) {
      assert.equal(parseDuration(text), ms, text)
    }
    assert.equal(
      messageOf(() => parseDuration('2')),
      '2 has no unit; write 2s or 2ms',
    )
    assert.equal(
      messageOf(() => parseDuration('2 sec')),
      '"sec" is no unit of time; write 2s, or ms, m, h, d',
    )
  })

  test('a burst is known for a time also when its unit is spelled another way', () => {
    for (const text of ['2s', '2 sec', '500 ms', '1 minute']) assert.ok(isDuration(text), text)
    for (const text of ['2 M', '2', '10 MB', '2k']) assert.ok(!isDuration(text), text)
  })
})

describe('parseLevel and parsePercent', () => {
  test('levels are numbers at a time', () => {
    assert.equal(parseLevel('100', 'connections', 'newConnections'), 100)
    assert.equal(parseLevel(' 2k ', 'inFlight', 'requests'), 2000)
    assert.equal(parseLevel('1.5k', 'inFlight', 'requests'), 1500)
  })

  for (const [text, message] of [
    ['100/s', 'connections is a number at a time; write 100, not 100/s; for so many a second use newConnections'],
    ['2k/min', 'connections is a number at a time; write 2k, not 2k/min; for so many a second use newConnections'],
    ['5 MB/s', 'connections is a number at a time; write 5, not 5 MB/s; for so many a second use newConnections'],
    ['5 MB', 'connections is a number at a time, without a unit; write 5'],
    ['2K', 'connections is a number at a time, without a unit; write 2'],
    ['1.5', 'connections is a whole number at a time, not 1.5'],
    ['0', 'connections of 0 would let nobody in; leave the quota out, or write 1'],
    ['2M', '2M is more than 1000000; leave the limit out'],
    ['many', '"many" does not begin with a number; write a number like 100 or 2k'],
  ] as const) {
    test(`a level of ${text} is refused and shown the right form`, () => {
      assert.equal(
        messageOf(() => parseLevel(text, 'connections', 'newConnections')),
        message,
      )
    })
  }

  test('percentages', () => {
    assert.equal(parsePercent('10%'), 0.1)
    assert.equal(parsePercent(' 2.5 % '), 0.025)
    for (const text of ['0.1', '10', 'ten%', '']) {
      assert.equal(
        messageOf(() => parsePercent(text)),
        `"${text}" is no percentage; write one like 10%`,
      )
    }
  })
})
