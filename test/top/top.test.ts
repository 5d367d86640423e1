// The screen of `top` as text: it fits whatever the terminal is, keys do what they say, names cannot write on the terminal.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { StatusDocument } from '../../src/status/status-document.ts'
import { type Screen, screenLines } from '../../src/top/screen.ts'
import { FIRST_STATE, type Key, pressed, queryOf, type TopState } from '../../src/top/state.ts'
import { cutTo, padTo, textWidth } from '../../src/top/text-width.ts'
import { clientNow, limitNow, quotaNow, statusDocument } from '../support/status.ts'

const LIMITED = clientNow({
  ...{ clientId: 'checkout-7', state: 'limited', limitedBy: { quota: 'producers', dimension: 'produceBytes' } },
  ...{
    software: 'apache-kafka-java',
    softwareVersions: ['4.3.0'],
    groups: ['g'],
    lag: { records: 1234, committedRecords: null },
    connections: 2,
  },
  limits: [limitNow({ bucketPerSecond: 9.3e5, throttleMsPerSecond: 640, debtMs: 1200 })],
  rates: { ...clientNow().rates, throttleMs: 640, heldMs: 320, producedBytes: 9.3e5, requests: 12 },
})
const CLIENTS = [
  LIMITED,
  clientNow({ id: 'b', clientId: '結帳服務', state: 'active' }),
  clientNow({ id: 'c', clientId: '\u001b[2J\u202eevil', state: 'idle' }),
]

function screen(parts: Partial<Screen> = {}, status: Partial<StatusDocument> = {}): readonly string[] {
  return screenLines({
    status: statusDocument({ clients: CLIENTS, quotas: [quotaNow({ limitedClients: 1, fullest: 0.93 })], ...status }),
    ...{ state: FIRST_STATE, address: '127.0.0.1:9404', trouble: undefined, columns: 160, rows: 24, colour: false },
    ...parts,
  })
}

describe('the screen', () => {
  test('says who is limited, by what, and how much', () => {
    const text = screen({ columns: 200 }).join('\n')
    assert.match(
      text,
      /^kafka-sluice 0\.1\.0 at 127\.0\.0\.1:9404, up 1 m 5 s, as of 19:00:00 UTC\n1 of 3 clients limited; most: checkout-7 by producers\n/,
    )
    assert.match(text, /^CLIENT +LIMITED BY +USED OF LIMIT +THROTTLE↓ +DEBT +HELD +PRODUCES/m)
    assert.match(
      text,
      /^checkout-7 +producers +█{7}░ +93 % of 1 MB\/s +640 ms\/s +1\.2 s +320 ms\/s +930 kB\/s +– +12\/s +2 +1\.23 k +g +apache-kafka-java 4\.3\.0$/m,
    )
    assert.match(text, /\[1 clients\] {2}2 quotas {2}3 brokers {3}1–3 of 3 .*\? help {2}q leave$/)
  })

  test('who is here and limited by nothing has no limit; who has gone has nothing to use one with', () => {
    const clients = [
      clientNow({ id: 'a', state: 'active', limits: [] }),
      clientNow({ id: 'b', state: 'gone', limits: [] }),
    ]
    const text = screen({ columns: 200 }, { clients }).join('\n')
    assert.match(text, /within its limits +no limit /)
    assert.match(text, /gone +– +–/)
    assert.doesNotMatch(text, /gone +no limit/)
  })

  for (const columns of [20, 40, 60, 80, 120, 200]) {
    test(`fits into ${columns} columns, in every view, with as many lines as there are rows`, () => {
      for (const view of ['clients', 'quotas', 'brokers'] as const) {
        for (const rows of [1, 3, 10, 50]) {
          const lines = screen(
            { columns, rows, state: { ...FIRST_STATE, view } },
            { ready: false, reasons: ['x'.repeat(300)] },
          )
          assert.equal(lines.length, rows)
          for (const line of lines) assert.ok(textWidth(line) <= columns, `${textWidth(line)}: ${line}`)
        }
      }
    })
  }

  test('names write nothing but themselves', () => {
    const text = screen({ columns: 200 }).join('')
    assert.doesNotMatch(text, /\p{Cc}|\p{Cf}/u)
    assert.match(text, /"\\u001b\[2J\\u\{202e\}evil"/)
    assert.match(text, /結帳服務/)
  })

  test('colours only where it may, and colours change nothing else', () => {
    const coloured = screen({ colour: true })
    assert.notDeepEqual(coloured, screen())
    assert.deepEqual(coloured.map(stripVTControlCharacters), screen())
  })

  test('a sluice that does not answer is said to be away, over what was known', () => {
    const trouble = 'no sluice answers at 127.0.0.1:9404: nothing listens there'
    assert.match(
      screen({ trouble }).join('\n'),
      /! no sluice answers .*; what is shown is old, trying again[\s\S]*checkout-7/,
    )
    assert.match(
      screen({ trouble, status: undefined }).join('\n'),
      /^kafka-sluice at 127\.0\.0\.1:9404\nno sluice answers/,
    )
    assert.match(screen({ status: undefined }).join('\n'), /\nasking …/)
  })

  test('what is wrong stands above the table', () => {
    const fault = { path: '', line: 1, column: 1, message: 'x' }
    const config = { report: { valid: false, faults: [fault], since: '' }, reloads: { ok: 0, failed: 1 } }
    const text = screen({}, { ready: false, reasons: ['no broker answers'], config }).join('\n')
    assert.match(text, /! not ready: no broker answers\n! the configuration file has faults/)
  })

  test('nothing there is said in words', () => {
    assert.match(screen({}, { clients: [] }).join('\n'), /No client yet\. Applications connect to 127\.0\.0\.1:9092\./)
    assert.match(
      screen({ state: { ...FIRST_STATE, view: 'quotas' } }, { quotas: [] }).join('\n'),
      /There are no quotas/,
    )
    assert.match(screen({ state: { ...FIRST_STATE, view: 'brokers' } }).join('\n'), /No broker is known yet/)
  })
})

describe('keys', () => {
  const key = (text: string, name = text): Key => ({ name, text, ctrl: false })
  const typed = (...keys: (string | Key)[]): TopState =>
    keys.reduce((state: TopState, one) => pressed(state, typeof one === 'string' ? key(one) : one, 10), FIRST_STATE)

  test('choose, sort, turn round, pause, scroll, leave', () => {
    assert.equal(typed('2').view, 'quotas')
    assert.equal(typed(key('\t', 'tab'), key('\t', 'tab'), key('\t', 'tab')).view, 'clients')
    assert.deepEqual([typed('s').sort, typed('s').order, typed('s', 'r').order], ['debt', 'desc', 'asc'])
    assert.equal(typed('S').sort, 'use')
    assert.deepEqual([typed(key('', 'left'), key('', 'left')).sort, typed(key('', 'right')).sort], ['state', 'debt'])
    assert.equal(typed(key(' ', 'space')).isPaused, true)
    assert.deepEqual([typed(key('', 'down'), key('', 'pagedown')).skip, typed(key('', 'up')).skip], [11, 0])
    assert.deepEqual([typed('?').showsHelp, typed('?', '?').showsHelp], [true, false])
    assert.match(screen({ state: typed('?') }).join('\n'), /only clients that are limited/)
    assert.equal(typed('q').isOver, true)
    assert.equal(typed({ name: 'c', text: '\u0003', ctrl: true }).isOver, true)
    assert.deepEqual(typed('x'), FIRST_STATE)
  })

  test('what is typed is found when it is taken, and Escape gives all back', () => {
    const typing = typed('/', 'a', 'q', '1', key('\u007f', 'backspace'))
    assert.deepEqual([typing.typing, typing.filter, typing.isOver, typing.view], ['aq', '', false, 'clients'])
    assert.match(screen({ state: typing }).at(-1) ?? '', /^find: aq▏/)
    const taken = pressed(typing, key('\r', 'return'), 10)
    assert.deepEqual([taken.typing, taken.filter], [undefined, 'aq'])
    assert.match(queryOf(taken, 5), /^sort=throttle&order=desc&top=5&skip=0&filter=aq$/)
    assert.equal(pressed(taken, key('\u001b', 'escape'), 10).filter, '')
    assert.equal(pressed(typing, key('\u001b', 'escape'), 10).filter, '')
    assert.match(queryOf(typed('l'), 5), /state=limited/)
  })
})

test('widths are those of a terminal', () => {
  assert.deepEqual(['abc', '結帳', 'e\u0301', '🙂', '…'].map(textWidth), [3, 4, 1, 2, 1])
  assert.deepEqual(
    [cutTo('結帳服務', 5), cutTo('abc', 3), cutTo('abcd', 3), cutTo('a', 0)],
    ['結帳…', 'abc', 'ab…', ''],
  )
  assert.deepEqual([padTo('結', 4, 'left'), padTo('結', 4, 'right')], ['結  ', '  結'])
})
