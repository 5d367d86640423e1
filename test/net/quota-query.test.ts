/** Asking a broker for quotas and brokers: brokers that answer well, refuse, speak something else, stop or say nothing. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY, ERROR_CODE, encodeResponse, errorName } from 'kafka-protocol-codec'
import { QueryError, type QueryReason } from '../../src/net/broker-connection.ts'
import { queryBrokers } from '../../src/net/broker-query.ts'
import { queryQuotas } from '../../src/net/quota-query.ts'
import type { SaslCredentials } from '../../src/net/sasl-login.ts'
import { fixedCredentials } from '../../src/net/upstream.ts'
import { type Address, nobody, type Script, scriptedBroker } from '../support/scripted-broker.ts'

const PLAIN: SaslCredentials = { mechanism: 'PLAIN', user: 'sluice', password: 'pencil' }

interface Asking {
  readonly credentials?: SaslCredentials
  readonly signal?: AbortSignal
}

function ask(addresses: readonly Address[], { credentials, signal }: Asking = {}): ReturnType<typeof queryQuotas> {
  const login = credentials === undefined ? undefined : fixedCredentials(credentials)
  return queryQuotas({ addresses, credentials: login, signal: signal ?? new AbortController().signal })
}

function failsWith(reason: QueryReason, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof QueryError)
    assert.match(error.message, message)
    assert.equal(error.reason, reason)
    return true
  }
}

describe('queryQuotas', () => {
  for (const chunkBytes of [1e9, 3, 1]) {
    test(`brings entities, values and the number of brokers, in chunks of ${chunkBytes}`, async (context) => {
      const broker = await scriptedBroker(context, {}, chunkBytes)
      assert.deepEqual(await ask([broker.address]), {
        quotas: [
          { entity: { user: 'alice', 'client-id': null }, values: { producer_byte_rate: 1024.5 } },
          { entity: { ip: '::1' }, values: { connection_creation_rate: 3 } },
        ],
        brokersCount: 2,
      })
      assert.deepEqual(broker.asked, [API_KEY.ApiVersions, API_KEY.DescribeClientQuotas, API_KEY.Metadata])
    })
  }

  test('a broker that knows version 0 only is asked in it', async (context) => {
    const versions: number[] = []
    const broker = await scriptedBroker(context, {
      [API_KEY.ApiVersions]: () => ({
        apiKeys: [{ apiKey: API_KEY.DescribeClientQuotas, minVersion: 0, maxVersion: 0 }],
      }),
      [API_KEY.DescribeClientQuotas]: (_body, version) => {
        versions.push(version)
        return { entries: null }
      },
    })
    assert.deepEqual((await ask([broker.address])).quotas, [])
    assert.deepEqual(versions, [0])
  })

  test('goes on to the next address while nobody is there', async (context) => {
    const broker = await scriptedBroker(context)
    const quotas = await ask([await nobody(), broker.address])
    assert.equal(quotas.quotas.length, 2)
  })

  test('says of each address why it has no answer', async () => {
    const gone = await nobody()
    await assert.rejects(
      ask([gone]),
      failsWith('unreachable', new RegExp(`no broker answers: 127.0.0.1:${gone.port}: .*ECONNREFUSED`)),
    )
  })

  test('goes on past a broker that stops in the middle and one that speaks something else', async (context) => {
    const stopping = await scriptedBroker(context, { [API_KEY.Metadata]: () => 'close' })
    const foreign = await scriptedBroker(context, { [API_KEY.ApiVersions]: () => Buffer.from('SSH-2.0-OpenSSH') })
    const broker = await scriptedBroker(context)
    assert.equal((await ask([stopping.address, foreign.address, broker.address])).brokersCount, 2)
    await assert.rejects(
      ask([stopping.address, foreign.address]),
      failsWith('foreign', /^no broker answers: .*instead of answering Metadata; .*does not speak Kafka/),
    )
  })

  test('asks no other broker after one refused', async (context) => {
    const broker = await scriptedBroker(context, {
      [API_KEY.DescribeClientQuotas]: () => ({ errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED }),
    })
    const other = await scriptedBroker(context)
    await assert.rejects(ask([broker.address, other.address]), failsWith('refused', /DescribeConfigs on the cluster/))
    assert.deepEqual(other.asked, [])
  })

  const refusals: [string, Script, Asking, QueryReason, RegExp][] = [
    [
      'a right that is missing, with the command that gives it',
      { [API_KEY.DescribeClientQuotas]: () => ({ errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED }) },
      { credentials: PLAIN },
      'refused',
      /user sluice may not .*kafka-acls --add --allow-principal 'User:sluice' --operation DescribeConfigs --cluster/,
    ],
    [
      'another error by its name, with the words of the broker',
      { [API_KEY.DescribeClientQuotas]: () => ({ errorCode: ERROR_CODE.NOT_CONTROLLER, errorMessage: 'later' }) },
      {},
      'refused',
      /NOT_CONTROLLER \(later\)/,
    ],
    ['an error without a name', { [API_KEY.ApiVersions]: () => ({ errorCode: 999 }) }, {}, 'refused', /error 999/],
    [
      'an old broker',
      { [API_KEY.ApiVersions]: () => ({ apiKeys: [{ apiKey: 3, minVersion: 0, maxVersion: 5 }] }) },
      {},
      'refused',
      /Kafka 2\.6 or later/,
    ],
    ['a login that is missing', { [API_KEY.DescribeClientQuotas]: () => 'close' }, {}, 'refused', /it needs a login/],
    [
      'a listener that ends at once',
      { [API_KEY.ApiVersions]: () => 'close' },
      {},
      'foreign',
      /as a TLS listener does; configure upstream.tls, or give the address of a listener without TLS/,
    ],
    [
      'TLS',
      { [API_KEY.ApiVersions]: () => Buffer.from('15030300020228', 'hex') },
      {},
      'foreign',
      /speaks TLS; configure upstream.tls, or give the address of a listener without it/,
    ],
    [
      'HTTP',
      { [API_KEY.ApiVersions]: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') },
      {},
      'foreign',
      /does not speak Kafka's protocol/,
    ],
    [
      'an answer that cannot be read',
      { [API_KEY.ApiVersions]: () => Buffer.from('0000000600000001ffff', 'hex') },
      {},
      'foreign',
      /answer .* to ApiVersions cannot be read/,
    ],
    [
      'an answer to another request',
      { [API_KEY.ApiVersions]: () => encodeResponse(API_KEY.ApiVersions, 0, 77, { apiKeys: [] }) },
      {},
      'foreign',
      /answer 77 to request 1/,
    ],
    [
      'an answer beyond measure',
      { [API_KEY.DescribeClientQuotas]: () => Buffer.from('00800001', 'hex') },
      {},
      'foreign',
      /DescribeClientQuotas with 8388609 bytes; at most 8388608/,
    ],
    [
      'more quotas than can be followed',
      {
        [API_KEY.DescribeClientQuotas]: () => ({
          entries: Array.from({ length: 10_001 }, () => ({ entity: [], values: [] })),
        }),
      },
      {},
      'refused',
      /10001 quotas; at most 10000/,
    ],
    [
      'a mechanism that the broker does not have',
      {
        [API_KEY.SaslHandshake]: () => ({
          errorCode: ERROR_CODE.UNSUPPORTED_SASL_MECHANISM,
          mechanisms: ['SCRAM-SHA-512', 'GSSAPI'],
        }),
      },
      { credentials: PLAIN },
      'refused',
      /does not take PLAIN; its mechanisms are SCRAM-SHA-512, GSSAPI/,
    ],
    [
      'a login where none is taken',
      { [API_KEY.SaslHandshake]: () => ({ errorCode: ERROR_CODE.ILLEGAL_SASL_STATE }) },
      { credentials: PLAIN },
      'refused',
      /takes no login/,
    ],
    [
      'a handshake that fails otherwise',
      { [API_KEY.SaslHandshake]: () => ({ errorCode: ERROR_CODE.UNKNOWN_SERVER_ERROR }) },
      { credentials: PLAIN },
      'refused',
      /begin a login: UNKNOWN_SERVER_ERROR/,
    ],
    [
      'a wrong password',
      {
        [API_KEY.SaslAuthenticate]: () => ({
          errorCode: ERROR_CODE.SASL_AUTHENTICATION_FAILED,
          errorMessage: 'Authentication failed: Invalid username or password',
        }),
      },
      { credentials: PLAIN },
      'refused',
      /does not let sluice in by PLAIN: SASL_AUTHENTICATION_FAILED \(Authentication failed: Invalid/,
    ],
    [
      'a broker that cheats at the login',
      { [API_KEY.SaslAuthenticate]: () => ({ authBytes: Buffer.from('r=other,s=AAAA,i=4096') }) },
      { credentials: { ...PLAIN, mechanism: 'SCRAM-SHA-256' } },
      'refused',
      /login as sluice: the broker's nonce does not go on from ours/,
    ],
    [
      'a broker that stops after the login',
      { [API_KEY.DescribeClientQuotas]: () => 'close' },
      { credentials: PLAIN },
      'closed',
      /closed the connection instead of answering DescribeClientQuotas/,
    ],
  ]
  for (const [what, script, options, reason, message] of refusals) {
    test(`tells ${what}`, async (context) => {
      const broker = await scriptedBroker(context, script)
      await assert.rejects(ask([broker.address], options), failsWith(reason, message))
    })
  }

  test('the password is in no message', async (context) => {
    for (const code of Object.values(ERROR_CODE)) {
      if (code === ERROR_CODE.NONE) continue
      const broker = await scriptedBroker(context, { [API_KEY.SaslAuthenticate]: () => ({ errorCode: code }) })
      await assert.rejects(ask([broker.address], { credentials: PLAIN }), (error: Error) => {
        assert.match(error.message, new RegExp(errorName(code)!))
        return !error.message.includes(PLAIN.password)
      })
    }
  })

  test('a broker that says nothing is given up after five seconds, and the next one is asked', async (context) => {
    const { promise: heard, resolve } = Promise.withResolvers<void>()
    const silent = await scriptedBroker(context, {
      [API_KEY.ApiVersions]: () => {
        resolve()
        return 'silence'
      },
    })
    const broker = await scriptedBroker(context)
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const answer = ask([silent.address, broker.address])
    await heard
    context.mock.timers.tick(5_000)
    assert.equal((await answer).brokersCount, 2)
  })

  test('can be given up while it waits, and before it begins', async (context) => {
    const stopping = new AbortController()
    const broker = await scriptedBroker(context, {
      [API_KEY.ApiVersions]: () => {
        stopping.abort()
        return 'silence'
      },
    })
    await assert.rejects(ask([broker.address], { signal: stopping.signal }), failsWith('aborted', /given up/))
    await assert.rejects(ask([broker.address], { signal: stopping.signal }), failsWith('aborted', /given up/))
    assert.equal(broker.asked.length, 1)
  })
})

describe('queryBrokers', () => {
  const { signal } = new AbortController()

  test('brings the brokers that can be dialled', async (context) => {
    const broker = await scriptedBroker(context, {
      [API_KEY.Metadata]: () => ({
        brokers: [
          { nodeId: 2, host: 'b', port: 9092 },
          { nodeId: 3, host: '', port: 9092 },
          { nodeId: 4, host: 'd', port: -1 },
        ],
        topics: [],
      }),
    })
    assert.deepEqual(await queryBrokers(broker.address, signal), {
      kind: 'brokers',
      brokers: [{ nodeId: 2, host: 'b', port: 9092 }],
    })
  })

  test('one that wants a login is reachable and silent', async (context) => {
    const broker = await scriptedBroker(context, { [API_KEY.Metadata]: () => 'close' })
    assert.deepEqual(await queryBrokers(broker.address, signal), { kind: 'silent' })
  })

  test('one that speaks no Kafka is no broker, and is known to have answered', async (context) => {
    for (const [reply, error] of [
      [Buffer.from('15030300020228', 'hex'), /speaks TLS; configure upstream\.tls/],
      [Buffer.from('SSH-2.0-OpenSSH'), /does not speak Kafka's protocol|may not be a Kafka broker/],
    ] as const) {
      const broker = await scriptedBroker(context, { [API_KEY.Metadata]: () => reply })
      const outcome = await queryBrokers(broker.address, signal)
      assert.ok(outcome.kind === 'unreachable' && outcome.isAnswered)
      assert.match(outcome.error, error)
    }
  })

  test('one that nobody is, is unreachable', async () => {
    const outcome = await queryBrokers(await nobody(), signal)
    assert.equal(outcome.kind, 'unreachable')
    assert.match(outcome.kind === 'unreachable' ? outcome.error : '', /ECONNREFUSED/)
  })
})
