/** Brokers by node id, and what an address is while no broker is known to have it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AddressBook } from '../../src/cluster/address-book.ts'
import { BOOTSTRAP, BrokerBook } from '../../src/cluster/broker-book.ts'

const address = (port: number): { host: string; port: number } => ({ host: 'kafka', port })

test('an address is bootstrap until a broker is known to have it', () => {
  const addresses = new AddressBook(10)
  const book = new BrokerBook(addresses)
  book.at(address(1)).tried(false)
  addresses.learn(7, 'kafka', 1)
  addresses.learn(8, 'kafka', 2)
  book.at(address(1)).tried(true)
  const all = book.brokers().map(({ node, isUp, connectFailures }) => [node, isUp, connectFailures])
  assert.deepEqual(all, [
    [BOOTSTRAP, false, 1],
    ['7', true, 0],
    ['8', undefined, 0],
  ])
})

test('a broker that moves keeps its counts', () => {
  const addresses = new AddressBook(10)
  const book = new BrokerBook(addresses)
  addresses.learn(7, 'kafka', 1)
  book.at(address(1)).tried(false)
  addresses.learn(7, 'kafka', 3)
  book.at(address(3)).tried(true)
  const [seven] = book.brokers()
  assert.deepEqual([seven?.node, seven?.isUp, seven?.connectFailures], ['7', true, 1])
})
