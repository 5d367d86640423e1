/** Which window is open when, on the wall clock of its zone, through summer time and back; and what is no window. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { effectiveRules, parseDuring, parseTimeZone } from '../../src/config/timetable.ts'
import type { QuotaRule, ScheduleWindow } from '../../src/policy/quota-rule.ts'
import { rule } from '../support/rules.ts'

function window(during: string, more: Partial<ScheduleWindow> = {}): ScheduleWindow {
  return { during: parseDuring(during), timeZone: 'Europe/Berlin', limit: { produceBytes: 50 }, ...more }
}

function scheduled(...schedule: ScheduleWindow[]): QuotaRule {
  return rule({ produceBytes: 5, requests: 7 }, { schedule })
}

/** Whether a window is open at a moment in UTC. */
function isOpen(during: string, at: string, timeZone = 'Europe/Berlin'): boolean {
  return effectiveRules([scheduled(window(during, { timeZone }))], new Date(at)).open.size === 1
}

function messageOf(parse: () => unknown): string {
  try {
    parse()
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error))
    return error.message
  }
  assert.fail('nothing was wrong')
}

describe('a window', () => {
  const NIGHT = '* 22-23,0-5 * * mon-fri'
  // 2026-10-26 is a Monday; Berlin is an hour ahead of UTC from the day before.
  const rows: [string, string, boolean][] = [
    [NIGHT, '2026-10-26T20:59:59.999Z', false],
    [NIGHT, '2026-10-26T21:00:00Z', true],
    [NIGHT, '2026-10-27T04:59:59.999Z', true],
    [NIGHT, '2026-10-27T05:00:00Z', false],
    [NIGHT, '2026-10-31T21:30:00Z', false], // Saturday
    ['30-59 9 * * *', '2026-10-26T08:29:59Z', false],
    ['30-59 9 * * *', '2026-10-26T08:30:00Z', true],
    ['*/15 * * * *', '2026-10-26T08:15:42Z', true],
    ['*/15 * * * *', '2026-10-26T08:16:00Z', false],
    ['* * 24-26 dec *', '2026-12-24T12:00:00Z', true],
    ['* * 24-26 12 *', '2026-12-27T12:00:00Z', false],
    ['* * * * 7', '2026-11-01T12:00:00Z', true],
    ['* * * * SUN', '2026-11-01T12:00:00Z', true],
    ['* * 1 * mon', '2026-11-02T12:00:00Z', true], // day of the month or of the week, as in cron
  ]
  for (const [during, at, open] of rows) {
    test(`${during} is ${open ? 'open' : 'closed'} at ${at} in Berlin`, () => assert.equal(isOpen(during, at), open))
  }

  test('is on the wall clock of its own zone', () => {
    const at = '2026-11-03T22:30:00Z'
    assert.equal(isOpen('* 22 * * *', at, 'UTC'), true)
    assert.equal(isOpen('* 23 * * *', at, 'Europe/Berlin'), true)
    assert.equal(isOpen('* 17 * * *', at, 'America/New_York'), true)
    assert.equal(isOpen('* 4 4 11 *', at, 'Asia/Kolkata'), true) // half an hour off, and the next day
    assert.equal(isOpen('* 3 4 11 *', at, 'Asia/Kolkata'), false)
  })

  test('in an hour that summer time skips does not open; one in an hour that comes twice opens twice', () => {
    const minutesOpen = (during: string, from: string, hours: number): number => {
      const quota = scheduled(window(during))
      let count = 0
      for (let minute = 0; minute < hours * 60; minute++) {
        count += effectiveRules([quota], new Date(Date.parse(from) + minute * 60_000)).open.size
      }
      return count
    }
    const spring = '2026-03-28T23:00:00Z' // midnight in Berlin, a day of 23 hours
    const autumn = '2026-10-24T22:00:00Z' // a day of 25 hours
    assert.equal(minutesOpen('* 2 * * *', spring, 23), 0)
    assert.equal(minutesOpen('* 2 * * *', autumn, 25), 120)
    assert.equal(minutesOpen('* 0-5 * * *', spring, 23), 5 * 60)
    assert.equal(minutesOpen('* 0-5 * * *', autumn, 25), 7 * 60)
    assert.equal(minutesOpen('* * * * sun', spring, 23), 23 * 60)
  })
})

describe('effectiveRules', () => {
  const NOON = new Date('2026-11-03T11:00:30Z')

  test('without an open window gives back what it was given', () => {
    const rules = [rule({ requests: 1 }), scheduled(window('* 3 * * *'))]
    const timetable = effectiveRules(rules, NOON)
    assert.equal(timetable.rules, rules)
    assert.equal(timetable.open.size, 0)
  })

  test('lays the first open window over the quota, dimension by dimension', () => {
    const burst = { seconds: 9 }
    const quota = scheduled(window('* 3 * * *'), window('* 12 * * *', { burst }), window('* * * * *'))
    const { rules, open } = effectiveRules([quota], NOON)
    assert.deepEqual(open, new Map([['q', 1]]))
    assert.deepEqual(rules, [{ ...quota, limit: { produceBytes: 50, requests: 7 }, burst }])
  })

  test('keeps the burst where the window names none, and leaves out what the window lifts', () => {
    const quota = scheduled(window('* * * * *', { limit: { produceBytes: Number.POSITIVE_INFINITY } }))
    assert.deepEqual(effectiveRules([quota], NOON).rules, [{ ...quota, limit: { requests: 7 } }])
  })

  test('changes no object that need not change, from one minute to the next', () => {
    const still = { ...rule({ requests: 1 }), name: 'still' }
    const quota = scheduled(window('* 12 * * *'), window('* 13 * * *'))
    const first = effectiveRules([still, quota], NOON).rules
    const later = effectiveRules([still, quota], new Date(NOON.getTime() + 59 * 60_000)).rules
    assert.equal(first[0], still)
    assert.equal(later[1], first[1])
    const next = effectiveRules([still, quota], new Date(NOON.getTime() + 60 * 60_000)).rules
    assert.notEqual(next[1], first[1])
    const after = effectiveRules([still, quota], new Date(NOON.getTime() + 120 * 60_000)).rules
    assert.equal(after[1], quota)
  })

  test('does not confuse quotas that share a window', () => {
    const shared = window('* * * * *')
    const a = { ...scheduled(shared), name: 'a' }
    const b = { ...scheduled(shared), name: 'b' }
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(
        effectiveRules([a, b], NOON).rules.map(({ name }) => name),
        ['a', 'b'],
      )
    }
  })
})

describe('what is no window', () => {
  const FIVE = 'not five: minute, hour, day of the month, month, day of the week, as in "* 22-23,0-5 * * mon-fri"'
  const rows: [string, string][] = [
    ['', `"" has 0 fields, ${FIVE}`],
    ['22-5', `"22-5" has 1 fields, ${FIVE}`],
    ['@daily', `"@daily" has 1 fields, ${FIVE}`],
    ['0 * 22 * * *', `"0 * 22 * * *" has 6 fields, ${FIVE}`],
    ['60 * * * *', '"60" is no minute: 0 to 59, as in 0-29 or */5'],
    ['*/0 * * * *', '"*/0" is no minute: 0 to 59, as in 0-29 or */5'],
    ['x * * * *', '"x" is no minute: 0 to 59, as in 0-29 or */5'],
    ['* 25 * * *', '"25" is no hour: 0 to 23, as in 22-23,0-5'],
    ['* 1-25 * * *', '"1-25" is no hour: 0 to 23, as in 22-23,0-5'],
    ['* 1, * * *', '"1," is no hour: 0 to 23, as in 22-23,0-5'],
    ['* 22-5 * * *', 'the hour 22-5 runs backwards; write 22-23,0-5'],
    ['* * 0 * *', '"0" is no day of the month: 1 to 31, as in 1-7'],
    ['* * L * *', '"L" is no day of the month: 1 to 31, as in 1-7'],
    ['* * ? * *', '"?" is no day of the month: 1 to 31, as in 1-7'],
    ['* * * 13 *', '"13" is no month: 1 to 12, as in 11-12 or nov-dec'],
    ['* * * nvo *', '"nvo" is no month: 1 to 12, as in 11-12 or nov-dec'],
    ['* * * * 8', '"8" is no day of the week: 0 to 7, as in 1-5 or mon-fri (0 and 7 are Sunday)'],
    ['* * * * 5-1', 'the day of the week 5-1 runs backwards; write 5-6,0-1'],
    ['* * * * fri-mon', '"fri-mon" is no day of the week: 0 to 7, as in 1-5 or mon-fri (0 and 7 are Sunday)'],
    ['* * * * mon#2', '"mon#2" is no day of the week: 0 to 7, as in 1-5 or mon-fri (0 and 7 are Sunday)'],
    ['* * 31 2 *', '"* * 31 2 *" never comes: there is no such day'],
  ]
  for (const [text, message] of rows) {
    test(`"${text}"`, () =>
      assert.equal(
        messageOf(() => parseDuring(text)),
        message,
      ))
  }

  test('spaces may be many', () => assert.equal(parseDuring('  *   22  *\t* mon '), '* 22 * * mon'))

  test('time zones, with the one that was meant', () => {
    assert.equal(parseTimeZone('Europe/Berlin'), 'Europe/Berlin')
    assert.equal(parseTimeZone('UTC'), 'UTC')
    for (const [text, message] of [
      ['Berlin', '"Berlin" is no time zone; did you mean Europe/Berlin?'],
      ['new york', '"new york" is no time zone; did you mean America/New_York?'],
      ['Europe/Berlim', '"Europe/Berlim" is no time zone; did you mean Europe/Berlin?'],
      ['Middle Earth', '"Middle Earth" is no time zone; write one like Europe/Berlin or UTC'],
    ] as const) {
      assert.equal(
        messageOf(() => parseTimeZone(text)),
        message,
      )
    }
  })
})
