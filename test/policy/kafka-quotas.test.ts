/**
 * Kafka's quotas as rules: compared with a model that resolves as Kafka's own ClientQuotaManager does (quotaMetricTags, then
 * findQuota), for every pair of user and client id: the same limit, and the same pairs sharing a bucket.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { API_KEY } from 'kafka-protocol-codec'
import { NOBODY } from '../../src/policy/identity.ts'
import { type KafkaQuota, translateKafkaQuotas } from '../../src/policy/kafka-quotas.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'

type Name = string | null | undefined

/** What Kafka says to a client of this user: the limit, and the tags of the sensor that all who share it have. */
interface Resolved {
  readonly limit: number | undefined
  readonly tags: string
}

/** As Kafka 4.4's DefaultQuotaCallback, step by step: which kinds of entities there are, then tags, then the limit of tags. */
class KafkaModel {
  readonly #quotas = new Map<string, number>()
  #kinds = 0

  set(user: Name, clientId: Name, limit: number): void {
    this.#quotas.set(JSON.stringify({ user, clientId }), limit)
    if (user !== undefined && clientId !== undefined) this.#kinds |= 4
    else this.#kinds |= user !== undefined ? 2 : 1
  }

  resolve(user: string, clientId: string): Resolved {
    const [userTag, clientIdTag] = this.#tags(user, clientId)
    return { limit: this.#limit(userTag, clientIdTag), tags: JSON.stringify([userTag, clientIdTag]) }
  }

  #has(user: Name, clientId: Name): boolean {
    return this.#get(user, clientId) !== undefined
  }

  #get(user: Name, clientId: Name): number | undefined {
    return this.#quotas.get(JSON.stringify({ user, clientId }))
  }

  #tags(user: string, clientId: string): [string, string] {
    if (this.#kinds <= 1) return ['', clientId]
    if (this.#kinds === 2) return [user, '']
    if (this.#kinds === 4) return [user, clientId]
    if (this.#has(user, clientId)) return [user, clientId]
    if (this.#has(user, null)) return [user, clientId]
    if (this.#has(user, undefined)) return [user, '']
    if (this.#has(null, clientId)) return [user, clientId]
    if (this.#has(null, null)) return [user, clientId]
    if (this.#has(null, undefined)) return [user, '']
    return ['', clientId]
  }

  #limit(user: string, clientId: string): number | undefined {
    if (user !== '' && clientId !== '') {
      return this.#get(user, clientId) ?? this.#get(user, null) ?? this.#get(null, clientId) ?? this.#get(null, null)
    }
    if (user !== '') return this.#get(user, undefined) ?? this.#get(null, undefined)
    if (clientId !== '') return this.#get(undefined, clientId) ?? this.#get(undefined, null)
    return undefined
  }
}

/** Pairs seen so far: two that share a bucket here share a sensor in Kafka, and the other way round. */
class Sharing {
  readonly #keyOfTags = new Map<string, string>()
  readonly #tagsOfKey = new Map<string, string>()

  compare(pair: readonly string[], theirs: Resolved, ours: Resolved): void {
    const who = `user and client-id ${JSON.stringify(pair)}`
    assert.equal(ours.limit, theirs.limit, `limit of ${who}`)
    if (ours.limit === undefined) return
    assert.equal(this.#keyOfTags.get(theirs.tags) ?? ours.tags, ours.tags, `${who}: shares less than in Kafka`)
    assert.equal(this.#tagsOfKey.get(ours.tags) ?? theirs.tags, theirs.tags, `${who}: shares more than in Kafka`)
    this.#keyOfTags.set(theirs.tags, ours.tags)
    this.#tagsOfKey.set(ours.tags, theirs.tags)
  }
}

const NAMES = [
  'a',
  'b',
  'aa',
  '*',
  '?*',
  '\\*',
  '/a/',
  '/',
  'a\\',
  'ANONYMOUS',
  '<default>',
  '0',
  'name with "quotes", {braces}',
]

function entityOf(user: Name, clientId: Name): KafkaQuota['entity'] {
  return {
    ...(user === undefined ? {} : { user }),
    ...(clientId === undefined ? {} : { 'client-id': clientId }),
  }
}

function rulesOf(quotas: readonly KafkaQuota[], times = 1): readonly QuotaRule[] {
  return translateKafkaQuotas(quotas, { mode: 'enforce', times }).quotas.map(({ rule }) => rule)
}

/** What our rules say to a client; `user` in Kafka's words. */
function oursOf(policy: PolicySet, apiKey: number, user: string, clientId: string): Resolved {
  const principal = user === 'ANONYMOUS' ? '' : user
  const [only, ...more] = policy.resolve({ ...NOBODY, principal, clientId }, apiKey)
  assert.deepEqual(more, [])
  return { limit: only === undefined ? undefined : only.ratePerMs * 1000, tags: only?.key ?? '' }
}

const name = fc.constantFrom(...NAMES)
const part: fc.Arbitrary<Name> = fc.oneof(
  { weight: 3, arbitrary: name },
  fc.constant(null),
  fc.constant(undefined),
  fc.string({ maxLength: 5 }).filter((text) => text !== ''),
)
const entry = fc
  .tuple(part, part, fc.integer({ min: 1, max: 9 }))
  .filter(([user, clientId]) => user !== undefined || clientId !== undefined)
const entries = fc.uniqueArray(entry, {
  selector: ([user, clientId]) => JSON.stringify(entityOf(user, clientId)),
  maxLength: 14,
})

function namesIn(quotas: readonly (readonly [Name, Name, number])[], part: 0 | 1): string[] {
  return quotas.map((quota) => quota[part]).filter((found) => typeof found === 'string')
}

const KEYS = [
  ['producer_byte_rate', API_KEY.Produce],
  ['consumer_byte_rate', API_KEY.Fetch],
  ['controller_mutation_rate', API_KEY.CreateTopics],
] as const

describe('translateKafkaQuotas', () => {
  test('says the same as Kafka to every user and client id: the same limit, shared by the same ones', () => {
    fc.assert(
      fc.property(entries, fc.constantFrom(...KEYS), (quotas, [key, apiKey]) => {
        const kafka = new KafkaModel()
        for (const [user, clientId, limit] of quotas) kafka.set(user, clientId, limit)
        const policy = new PolicySet(
          rulesOf(
            quotas.map(([user, clientId, limit]) => ({ entity: entityOf(user, clientId), values: { [key]: limit } })),
          ),
        )
        const users = [...new Set([...namesIn(quotas, 0), 'a', 'stranger', 'ANONYMOUS'])]
        const clientIds = [...new Set([...namesIn(quotas, 1), 'a', 'strange', ''])]
        const sharing = new Sharing()
        for (const user of users) {
          for (const clientId of clientIds) {
            sharing.compare([user, clientId], kafka.resolve(user, clientId), oursOf(policy, apiKey, user, clientId))
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('gives the same rules in whatever order the broker tells them', () => {
    const shuffled = entries.chain((quotas) =>
      fc.tuple(fc.constant(quotas), fc.shuffledSubarray([...quotas], { minLength: quotas.length })),
    )
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        const translate = (quotas: typeof one): unknown =>
          translateKafkaQuotas(
            quotas.map(([user, clientId, limit]) => ({
              entity: entityOf(user, clientId),
              values: { producer_byte_rate: limit, request_percentage: 10 },
            })),
            { mode: 'enforce', times: 1 },
          )
        assert.deepEqual(translate(one), translate(other))
      }),
    )
  })

  test('a quota that is added leaves the buckets of others as they are', () => {
    const before: KafkaQuota[] = [
      { entity: { user: 'alice' }, values: { producer_byte_rate: 1 } },
      { entity: { user: null, 'client-id': 'app' }, values: { producer_byte_rate: 2 } },
      { entity: { user: null }, values: { producer_byte_rate: 3 } },
    ]
    const after: KafkaQuota[] = [...before, { entity: { user: 'carol' }, values: { producer_byte_rate: 4 } }]
    const [old, now] = [before, after].map((quotas) => new PolicySet(rulesOf(quotas)))
    for (const [user, clientId] of [
      ['alice', 'x'],
      ['bob', 'app'],
      ['bob', 'x'],
    ] as const) {
      assert.deepEqual(oursOf(old!, API_KEY.Produce, user, clientId), oursOf(now!, API_KEY.Produce, user, clientId))
    }
  })

  test('the three keys are quotas of their own, with the bursts that Kafka allows', () => {
    const values = { producer_byte_rate: 10, consumer_byte_rate: 20, controller_mutation_rate: 0.5 }
    assert.deepEqual(
      rulesOf([{ entity: { user: null }, values }]).map(({ name: quota, limit, burst, per }) => [
        quota,
        limit,
        burst,
        per,
      ]),
      [
        ['kafka-produce', { produceBytes: 10 }, { seconds: 10 }, ['principal']],
        ['kafka-fetch', { fetchBytes: 20 }, { seconds: 10 }, ['principal']],
        ['kafka-mutations', { mutations: 0.5 }, { seconds: 11 }, ['principal']],
      ],
    )
  })

  test('addresses: each has a bucket, a named one its own limit', () => {
    const policy = new PolicySet(
      rulesOf([
        { entity: { ip: null }, values: { connection_creation_rate: 10 } },
        { entity: { ip: '10.0.0.1' }, values: { connection_creation_rate: 50 } },
        { entity: { ip: '::1' }, values: { connection_creation_rate: 2_147_483_647 } },
      ]),
    )
    const rateOf = (address: string): [number, string] | undefined => {
      const [only] = policy.resolveConnection({ ...NOBODY, address }).rates
      return only === undefined ? undefined : [only.ratePerMs * 1000, only.key]
    }
    assert.deepEqual(rateOf('10.0.0.2'), [10, 'address=10.0.0.2'])
    assert.deepEqual(rateOf('10.0.0.3'), [10, 'address=10.0.0.3'])
    assert.deepEqual(rateOf('10.0.0.1'), [50, '{"address":["10.0.0.1"]}'])
    assert.equal(rateOf('::1')![0], 2_147_483_647)
  })

  test('named addresses alone: others have no limit', () => {
    const policy = new PolicySet(rulesOf([{ entity: { ip: '10.0.0.1' }, values: { connection_creation_rate: 5 } }]))
    assert.equal(policy.resolveConnection({ ...NOBODY, address: '10.0.0.2' }).rates.length, 0)
    assert.equal(policy.resolveConnection({ ...NOBODY, address: '10.0.0.1' }).rates[0]!.ratePerMs, 0.005)
  })

  test('multiplies what Kafka keeps for each broker, and not what its controller counts', () => {
    const values = { producer_byte_rate: 10, controller_mutation_rate: 2 }
    const limits = rulesOf([{ entity: { 'client-id': 'app' }, values }], 3).map(({ overrides }) => overrides[0]!.limit)
    assert.deepEqual(limits, [{ produceBytes: 30 }, { mutations: 2 }])
  })

  test("Kafka's way of writing no limit lifts it, for one among others and for all", () => {
    const none = 2 ** 63
    const quotas = [
      { entity: { 'client-id': null }, values: { producer_byte_rate: 5 } },
      { entity: { 'client-id': 'free' }, values: { producer_byte_rate: none } },
    ]
    const policy = new PolicySet(rulesOf(quotas))
    assert.equal(oursOf(policy, API_KEY.Produce, 'u', 'free').limit, undefined)
    assert.equal(oursOf(policy, API_KEY.Produce, 'u', 'other').limit, 5)
    assert.deepEqual(rulesOf([{ entity: { user: null }, values: { producer_byte_rate: none } }]), [])
  })

  test('the mode is that of every quota', () => {
    const quotas = [{ entity: { user: null }, values: { producer_byte_rate: 5 } }]
    const { quotas: translated } = translateKafkaQuotas(quotas, { mode: 'observe', times: 1 })
    assert.deepEqual(
      translated.map(({ rule }) => rule.mode),
      ['observe'],
    )
  })

  const noted: [string, KafkaQuota, RegExp][] = [
    [
      'request time',
      { entity: { user: 'alice' }, values: { request_percentage: 50 } },
      /^user alice: request_percentage 50 has no equivalent.*mode observe/,
    ],
    [
      'a host name',
      { entity: { ip: 'pod.example' }, values: { connection_creation_rate: 5 } },
      /^ip pod\.example: no address.*left out/,
    ],
    ['a network', { entity: { ip: '10.0.0.0/8' }, values: { connection_creation_rate: 5 } }, /no address/],
    ['a key of tomorrow', { entity: { user: 'alice' }, values: { cpu_rate: 5 } }, /^user alice: cpu_rate is no quota/],
    ['an entity of tomorrow', { entity: { group: 'g' }, values: { producer_byte_rate: 5 } }, /^group g: no entity/],
    ['no entity', { entity: {}, values: { producer_byte_rate: 5 } }, /no entity/],
    ['an empty name', { entity: { 'client-id': '' }, values: { producer_byte_rate: 5 } }, /never counts in Kafka/],
    ['no number', { entity: { user: 'alice' }, values: { producer_byte_rate: Number.NaN } }, /NaN, which is no number/],
    [
      'a name beyond measure',
      { entity: { user: 'x'.repeat(600) }, values: { producer_byte_rate: 5 } },
      /600 characters/,
    ],
    ['names of control characters', { entity: { user: 'a\nb' }, values: { request_percentage: 5 } }, /^user "a\\nb": /],
  ]
  for (const [what, quota, expected] of noted) {
    test(`${what} becomes a note`, () => {
      const { quotas, notes } = translateKafkaQuotas([quota], { mode: 'enforce', times: 1 })
      assert.deepEqual(quotas, [])
      assert.equal(notes.length, 1)
      assert.match(notes[0]!, expected)
    })
  }

  test('a limit of nothing is the least that there is, and is noted', () => {
    const quotas = [{ entity: { user: 'alice' }, values: { producer_byte_rate: 0 } }]
    const { quotas: translated, notes } = translateKafkaQuotas(quotas, { mode: 'enforce', times: 1 })
    assert.deepEqual(translated[0]!.rule.overrides[0]!.limit, { produceBytes: 1 / 3600 })
    assert.match(notes[0]!, /producer_byte_rate is 0; the least/)
  })

  test('a quota that never counts in Kafka is noted with what comes first', () => {
    const quotas = [
      { entity: { user: null }, values: { producer_byte_rate: 5 } },
      { entity: { 'client-id': 'app' }, values: { producer_byte_rate: 6 } },
    ]
    const { quotas: translated, notes } = translateKafkaQuotas(quotas, { mode: 'enforce', times: 1 })
    assert.deepEqual(notes, [
      'client-id app: producer_byte_rate never counts in Kafka either, because default user comes first',
    ])
    assert.deepEqual(translated[0]!.rule.overrides, [])
    assert.equal(translated[0]!.from, 'default user')
  })
})
