/** Whether clients would find a broker: by what connecting brought, and by what our own questions did. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AddressBook } from '../../src/cluster/address-book.ts'
import { BrokerBook } from '../../src/cluster/broker-book.ts'
import { Reachability } from '../../src/reachability.ts'
import { LogLimiter } from '../../src/telemetry/log-limiter.ts'
import { collectingLogger } from '../net/scene.ts'

const [A, B] = [
  { host: 'a', port: 1 },
  { host: 'b', port: 1 },
] as const

function reachability(): Reachability {
  const book = new AddressBook(10)
  const limitedLog = new LogLimiter(collectingLogger([]))
  return new Reachability({
    bootstrap: [A, B],
    book,
    attempts: new BrokerBook(book),
    limitedLog,
    lost: () => undefined,
  })
}

test('an address that answers as no broker for us is not reached by connecting to it; one that was down is', () => {
  const it = reachability()
  it.asked(A, { kind: 'unreachable', error: 'it speaks TLS; configure upstream.tls', isAnswered: true })
  it.asked(B, { kind: 'unreachable', error: 'ECONNREFUSED', isAnswered: false })
  it.dialled(A, undefined)
  assert.match(it.fault() ?? '', /^no broker can be reached/)
  it.dialled(B, undefined)
  assert.equal(it.fault(), undefined)
})

test('once it answers well, or another one does, connecting counts again', () => {
  for (const [asked, outcome] of [
    [A, { kind: 'silent' }],
    [B, { kind: 'brokers', brokers: [] }],
  ] as const) {
    const it = reachability()
    it.asked(A, { kind: 'unreachable', error: 'a wrong password', isAnswered: true })
    it.asked(asked, outcome)
    it.dialled(A, undefined)
    assert.equal(it.of(A), true)
  }
})
