/** Quotas as they are written, over the whole contract of `policy/quota-rule.ts`. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Config, ConfigFlags } from '../../src/config/config.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import { load, UPSTREAM } from '../support/config-text.ts'

/** As a file that names its upstream in the line before. */
const loadQuotas = (text: string, flags: ConfigFlags = {}): Config => load(UPSTREAM + text, flags)

const WHOLE = `
labels: { team: payments, app.kubernetes.io/name: shop }
exempt:
  - { principal: "admin" }
  - { address: 10.0.0.0/8, clientId: "internal-*" }
quotas:
  - name: producers
    limit: { produceBytes: 5 MB/s, produceRecords: 20k/s, requests: 30/min }
    burst: 2s
    match:
      clientId: "checkout-*"
      group: "g*"
      topic: [orders-*]
      api: [Produce]
      software: sarama
      softwareVersion: "1.*"
      address: 10.0.0.0/8
      sni: "*.kafka.example"
      labels: { app: shop, namespace: ["prod-*", live] }
      not: { clientId: checkout-7 }
    exempt: [{ principal: root }, { labels: { canary: "yes" } }]
    per: [clientId, topic, labels.app]
    overrides:
      - { clientId: checkout-batch, limit: { produceBytes: 20 MB/s, requests: unlimited }, burst: 1s, per: [principal] }
      - { clientId: "checkout-vip", not: { clientId: [a, b] }, limit: { produceRecords: 1k/s } }
      - { labels: { tier: gold }, per: [], burst: 4s }
    mode: observe
    rampIn: 10m
    schedule:
      - during: "* 22-23,0-5 * * mon-fri"
        timeZone: Europe/Berlin
        limit: { produceBytes: 50 MB/s }
        burst: 1s
      - { during: "* * * * sun", limit: { produceBytes: unlimited } }
  - name: fair
    limit: { fetchBytes: 10 MB/s }
    share: { by: [clientId], weight: 2, priority: low, minimum: 5% }
    overrides:
      - { clientId: "gold-*", not: { clientId: gold-9 }, weight: 4, priority: high }
  - name: plain-share
    limit: { requests: 1/s }
    share: { by: principal }
  - name: at-a-time
    limit: { connections: 100, inFlight: 2k }
    per: address
  - name: groups
    limit: { joins: 5/min, commits: 10/s }
    match: { api: [JoinGroup, OffsetCommit] }
  - name: cluster
    limit: { mutations: 50/s, newConnections: 10/s }
`

describe('a file', () => {
  test('says everything that a quota can be', () => {
    const { labels, exempt, quotas } = loadQuotas(WHOLE)
    assert.deepEqual(labels, { team: 'payments', 'app.kubernetes.io/name': 'shop' })
    const everywhere = [{ principal: ['admin'] }, { clientId: ['internal-*'], address: ['10.0.0.0/8'] }]
    assert.deepEqual(exempt, everywhere)
    assert.deepEqual(quotas[0], {
      name: 'producers',
      limit: { produceBytes: 5e6, produceRecords: 20_000, requests: 0.5 },
      burst: { seconds: 2 },
      match: {
        clientId: ['checkout-*'],
        group: ['g*'],
        topic: ['orders-*'],
        api: ['Produce'],
        software: ['sarama'],
        softwareVersion: ['1.*'],
        address: ['10.0.0.0/8'],
        sni: ['*.kafka.example'],
        'labels.app': ['shop'],
        'labels.namespace': ['prod-*', 'live'],
      },
      except: [{ clientId: ['checkout-7'] }, { principal: ['root'] }, { 'labels.canary': ['yes'] }, ...everywhere],
      per: ['clientId', 'topic', 'labels.app'],
      overrides: [
        {
          match: { clientId: ['checkout-batch'] },
          limit: { produceBytes: 2e7, requests: Number.POSITIVE_INFINITY },
          burst: { seconds: 1 },
          per: ['principal'],
        },
        { match: { clientId: ['checkout-vip'] }, except: [{ clientId: ['a', 'b'] }], limit: { produceRecords: 1000 } },
        { match: { 'labels.tier': ['gold'] }, limit: {}, burst: { seconds: 4 }, per: [] },
      ],
      mode: 'observe',
      rampInMs: 600_000,
      schedule: [
        {
          during: '* 22-23,0-5 * * mon-fri',
          timeZone: 'Europe/Berlin',
          limit: { produceBytes: 5e7 },
          burst: { seconds: 1 },
        },
        { during: '* * * * sun', timeZone: 'UTC', limit: { produceBytes: Number.POSITIVE_INFINITY } },
      ],
    })
    assert.deepEqual(quotas[1]?.share, { by: ['clientId'], weight: 2, priority: 'low', minimum: 0.05 })
    assert.deepEqual(quotas[1]?.overrides, [
      {
        match: { clientId: ['gold-*'] },
        except: [{ clientId: ['gold-9'] }],
        limit: {},
        weight: 4,
        priority: 'high',
      },
    ])
    assert.deepEqual(quotas[2]?.share, { by: ['principal'], weight: 1, priority: 'normal', minimum: 0.1 })
    assert.deepEqual(
      quotas.slice(3).map(({ limit, per }) => [limit, per]),
      [
        [{ connections: 100, inFlight: 2000 }, ['address']],
        [{ joins: 5 / 60, commits: 10 }, []],
        [{ mutations: 50, newConnections: 10 }, []],
      ],
    )
    assert.doesNotThrow(() => new PolicySet(quotas), 'the policy takes all of it')
  })

  test('a quota without a limit of its own, for overrides and windows only', () => {
    const { quotas } = loadQuotas(`
quotas:
  - name: named
    limit: { produceBytes: unlimited, requests: unlimited }
    burst: 3s
    per: [clientId]
    overrides: [{ clientId: a, limit: { produceBytes: 1 MB/s } }]
    schedule: [{ during: "* 1 * * *", limit: { requests: 1/s } }]
  - name: amount
    limit: { produceBytes: unlimited }
    burst: 2 MB
    per: [clientId]
    overrides: [{ clientId: a, limit: { produceBytes: 1 MB/s } }]
`)
    assert.deepEqual(quotas[0]?.limit, { produceBytes: Number.POSITIVE_INFINITY, requests: Number.POSITIVE_INFINITY })
    assert.deepEqual(quotas[0]?.burst, { seconds: 3 })
    assert.deepEqual(quotas[1]?.burst, { amount: 2e6 })
  })

  test('follows the quotas of the cluster, in either spelling', () => {
    const follow = (text: string): unknown => loadQuotas(text).followKafka
    assert.equal(follow(''), undefined)
    assert.equal(follow('followKafka: false'), undefined)
    assert.deepEqual(follow('followKafka: true'), { intervalMs: 30_000, mode: 'enforce' })
    assert.deepEqual(follow('followKafka: { interval: 5s, mode: observe }'), { intervalMs: 5_000, mode: 'observe' })
    assert.deepEqual(follow('quotas: { followKafka: true }'), { intervalMs: 30_000, mode: 'enforce' })
    const both = loadQuotas('quotas: { followKafka: { interval: 1m }, rules: [{ name: a, limit: { requests: 1/s } }] }')
    assert.deepEqual(both.followKafka, { intervalMs: 60_000, mode: 'enforce' })
    assert.deepEqual(
      both.quotas.map(({ name }) => name),
      ['a'],
    )
  })

  test('a rate flag finds its place in a mapping of quotas too', () => {
    const config = loadQuotas('quotas: { followKafka: true }', { produceRate: '1MB/s' })
    assert.deepEqual(
      config.quotas.map(({ name, limit }) => [name, limit]),
      [['produce-rate', { produceBytes: 1e6 }]],
    )
    assert.notEqual(config.followKafka, undefined)
    const rules = 'quotas: { rules: [{ name: produce-rate, limit: { produceBytes: 9 MB/s } }] }'
    assert.deepEqual(loadQuotas(rules, { produceRate: '1MB/s' }).quotas[0]?.limit, { produceBytes: 1e6 })
  })
})
