/** Addresses and ports as people write them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  collide,
  parseAddress,
  parseAddresses,
  parseBrokerPorts,
  parseHost,
  reaches,
} from '../../src/config/addresses.ts'

describe('addresses', () => {
  const right: [string, string, number][] = [
    ['kafka:9092', 'kafka', 9092],
    [' kafka-0.kafka.svc:9093 ', 'kafka-0.kafka.svc', 9093],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['[::1]:9092', '::1', 9092],
    ['my_host:65535', 'my_host', 65_535],
  ]
  for (const [text, host, port] of right) {
    test(text, () => assert.deepEqual(parseAddress(text, 1), { host, port }))
  }

  const wrong: [string, RegExp][] = [
    ['kafka', /^"kafka" has no port; write kafka:9092$/],
    ['kafka:', /^"kafka:" has no port; write kafka:9092$/],
    ['[::1]', /^"\[::1\]" has no port; write \[::1\]:9092$/],
    ['::1', /needs brackets and a port: \[::1\]:9092/],
    ['::1:9092', /needs brackets and a port: \[::1\]:9092$/],
    ['::1:9092:', /is no HOST:PORT/],
    [':9092', /the host is missing/],
    ['kafka:0', /"0" is no port; ports are 1 to 65535/],
    ['kafka:65536', /"65536" is no port/],
    ['kafka:9o92', /"9o92" is no port/],
    ['kafka://b:9092', /is a URL; write HOST:PORT/],
    ['[fe80::zz]:1', /no IPv6 address/],
    ['ka fka:9092', /"ka fka" is no host name/],
    ['', /the host is missing/],
  ]
  for (const [text, message] of wrong) {
    test(`"${text}" is refused and shown the right form`, () => {
      assert.throws(
        () => parseAddress(text, 1),
        (error) => error instanceof RangeError && message.test(error.message),
      )
    })
  }

  test('port 0 is for listening only; lists have commas; hosts have no port', () => {
    assert.deepEqual(parseAddress('0.0.0.0:0', 0), { host: '0.0.0.0', port: 0 })
    assert.deepEqual(parseAddresses('a:1, [::1]:2'), [
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
    ])
    for (const text of ['', ',', 'a:1,', 'a:1,,b:2'])
      assert.throws(() => parseAddresses(text), /an address is missing; write kafka-0:9092,/)
    assert.throws(() => parseAddress('pod', 1, 9404), /write pod:9404$/)
    assert.equal(parseHost('::1'), '::1')
    assert.throws(() => parseHost('a:1'), /"a:1" is no host name/)
  })

  test('broker ports', () => {
    assert.deepEqual(parseBrokerPorts('19092-19191'), { first: 19_092, last: 19_191 })
    assert.deepEqual(parseBrokerPorts('7 - 7'), { first: 7, last: 7 })
    assert.equal(parseBrokerPorts('0'), 'any')
    assert.throws(() => parseBrokerPorts('20-10'), /20-10 runs backwards; write 10-20/)
    assert.throws(() => parseBrokerPorts('0-10'), /ports are 1 to 65535/)
    assert.throws(() => parseBrokerPorts('65000-66000'), /ports are 1 to 65535/)
    assert.throws(() => parseBrokerPorts('19092'), /no range of ports; write 19092-19191/)
  })

  test('which addresses are the same', () => {
    const at = (host: string, port = 9092): { host: string; port: number } => ({ host, port })
    assert.ok(
      collide(at('127.0.0.1'), at('0.0.0.0')) && collide(at('localhost'), at('::1')) && collide(at('A'), at('a')),
    )
    assert.ok(
      !collide(at('127.0.0.1'), at('::1')) &&
        !collide(at('127.0.0.1', 0), at('127.0.0.1', 0)) &&
        !collide(at('a'), at('a', 1)),
    )
    assert.ok(reaches(at('localhost'), at('0.0.0.0')) && reaches(at('127.0.0.1'), at('127.0.0.1')))
    assert.ok(
      !reaches(at('kafka'), at('0.0.0.0')) &&
        !reaches(at('localhost'), at('10.0.0.1')) &&
        !reaches(at('a', 1), at('a')),
    )
  })
})
