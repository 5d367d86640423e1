/**
 * A real Kafka with quotas of every level, set with Kafka's own kafka-configs: imported by the command, with and without a login,
 * and followed while they change and while the broker is away.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { parseAddresses } from '../../src/config/addresses.ts'
import type { KafkaCluster } from '../../src/demo/kafka/index.ts'
import { runTool } from '../../src/demo/kafka/run-tool.ts'
import { QuotaFollower } from '../../src/net/quota-follower.ts'
import { queryQuotas } from '../../src/net/quota-query.ts'
import { SASL_MECHANISMS } from '../../src/net/sasl-login.ts'
import { fixedCredentials } from '../../src/net/upstream.ts'
import type { Translation } from '../../src/policy/kafka-quotas.ts'
import { requireClient } from '../support/clients.ts'
import { type KafkaConfigs, startKafkaConfigs } from '../support/kafka-configs.ts'
import { waitFor } from '../support/wait.ts'
import { kafkaFor } from './support/sluice.ts'

const COMMAND = fileURLToPath(new URL('../../bin/kafka-sluice.js', import.meta.url))
const PASSWORDS = { admin: 'admin-pencil', stranger: 'stranger-pencil' }

/** What the import makes of `setQuotas`: one override a level, the broker's default user as the rule itself. */
const EXPECTED = [
  {
    name: 'kafka-produce',
    limit: { produceBytes: '6 kB/s' },
    burst: '10s',
    per: ['principal'],
    overrides: [
      { principal: 'alice', clientId: 'app', limit: { produceBytes: '1 kB/s' }, per: [] },
      { principal: 'alice', clientId: '?*', limit: { produceBytes: '2 kB/s' }, per: ['clientId'] },
      { principal: 'bob', clientId: '*', limit: { produceBytes: '3 kB/s' }, per: [] },
      { clientId: 'app', limit: { produceBytes: '4 kB/s' }, per: ['principal'] },
      { clientId: '?*', limit: { produceBytes: '5 kB/s' }, per: ['principal', 'clientId'] },
    ],
  },
  {
    name: 'kafka-fetch',
    limit: { fetchBytes: '8 KiB/s' },
    burst: '10s',
    per: ['clientId'],
    overrides: [
      { clientId: 'app', limit: { fetchBytes: '7 MiB/s' }, per: [] },
      { clientId: 'odd \\* /id\\?', limit: { fetchBytes: '9 kB/s' }, per: [] },
      { clientId: '', limit: { fetchBytes: 'unlimited' }, per: [] },
    ],
  },
  {
    name: 'kafka-mutations',
    limit: { mutations: 'unlimited' },
    burst: '11s',
    per: ['principal', 'clientId'],
    overrides: [{ principal: '', clientId: '*', limit: { mutations: '2.5/s' }, per: [] }],
  },
  {
    name: 'kafka-connections',
    limit: { newConnections: '50/s' },
    burst: '10s',
    per: ['address'],
    overrides: [{ address: '10.1.2.3', limit: { newConnections: '20/s' }, per: [] }],
  },
]

async function setQuotas({ alter }: KafkaConfigs): Promise<void> {
  await alter({ users: 'alice', clients: 'app' }, { producer_byte_rate: 1000 })
  await alter({ users: 'alice', clients: null }, { producer_byte_rate: 2000 })
  await alter({ users: 'bob' }, { producer_byte_rate: 3000, request_percentage: 50 })
  await alter({ users: null, clients: 'app' }, { producer_byte_rate: 4000 })
  await alter({ users: null, clients: null }, { producer_byte_rate: 5000 })
  await alter({ users: null }, { producer_byte_rate: 6000 })
  await alter({ clients: 'app' }, { consumer_byte_rate: 7 * 2 ** 20 })
  await alter({ clients: null }, { consumer_byte_rate: 8 * 2 ** 10 })
  await alter({ clients: 'odd * /id?' }, { consumer_byte_rate: 9000 })
  await alter({ users: 'ANONYMOUS' }, { controller_mutation_rate: 2.5 })
  await alter({ ips: '10.1.2.3' }, { connection_creation_rate: 20 })
  await alter({ ips: null }, { connection_creation_rate: 50 })
}

function importQuotas(...flags: readonly string[]): Promise<string> {
  return runTool(process.execPath, [COMMAND, 'import-quotas', ...flags])
}

async function temporaryDirectory(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-kafka-quotas-'))
  context.after(() => rm(directory, { recursive: true }))
  return directory
}

async function passwordFile(context: TestContext, password: string): Promise<string> {
  const path = join(await temporaryDirectory(context), 'password')
  await writeFile(path, `${password}\n`)
  return path
}

async function importWithAndWithoutLogin(context: TestContext, kafka: KafkaCluster): Promise<void> {
  const yaml = await importQuotas('--bootstrap', kafka.internalBootstrap)
  assert.deepEqual(parse(yaml), { upstream: { bootstrap: [kafka.internalBootstrap] }, quotas: EXPECTED })
  assert.match(yaml, /# - user bob: request_percentage 50 has no equivalent/)
  assert.match(yaml, /\(one broker\)/)
  const path = join(await temporaryDirectory(context), 'sluice.yaml')
  await writeFile(path, yaml)
  const checked = await runTool(process.execPath, [COMMAND, 'check-config', path])
  assert.match(checked, /kafka-produce\s+limits produceBytes to 6 kB\/s/)
  assert.match(checked, /kafka-mutations\s+limits mutations to unlimited/)

  const asAdmin = ['--bootstrap', kafka.bootstrap, '--user', 'admin']
  const right = await passwordFile(context, PASSWORDS.admin)
  for (const mechanism of SASL_MECHANISMS) {
    const json = await importQuotas(...asAdmin, '--password-file', right, '--mechanism', mechanism, '--json')
    assert.deepEqual(JSON.parse(json).quotas, EXPECTED, mechanism)
  }

  const stranger = await passwordFile(context, PASSWORDS.stranger)
  const refused: [readonly string[], RegExp][] = [
    [['--bootstrap', kafka.bootstrap], /it needs a login; give --user/],
    [[...asAdmin, '--password-file', stranger], /does not let admin in by SCRAM-SHA-512: SASL_AUTHENTICATION_FAILED/],
    [
      [...asAdmin, '--password-file', stranger, '--mechanism', 'PLAIN'],
      /does not let admin in by PLAIN: SASL_AUTHENTICATION_FAILED/,
    ],
    [
      ['--bootstrap', kafka.bootstrap, '--user', 'stranger', '--password-file', stranger],
      /user stranger may not read quotas: it needs DescribeConfigs on the cluster/,
    ],
    [
      ['--bootstrap', kafka.internalBootstrap, '--user', 'admin', '--password-file', right],
      /takes no login; leave --user out/,
    ],
  ]
  for (const [flags, message] of refused) await assert.rejects(importQuotas(...flags), message)
}

async function followThroughChangeAndDeath(
  context: TestContext,
  kafka: KafkaCluster,
  tool: KafkaConfigs,
): Promise<void> {
  const told: Translation[] = []
  const credentials = fixedCredentials({ mechanism: 'SCRAM-SHA-256', user: 'admin', password: PASSWORDS.admin })
  const addresses = parseAddresses(kafka.bootstrap)
  const follower = new QuotaFollower({
    ask: async (signal) => (await queryQuotas({ addresses, credentials, signal })).quotas,
    intervalMs: 200,
    mode: 'enforce',
    changed: (translation) => told.push(translation),
    failed: () => undefined,
    recovered: () => undefined,
    now: () => performance.now(),
    random: Math.random,
  })
  context.after(() => follower.stop())
  follower.start()
  const limitOfBob = (translation: Translation | undefined): number | undefined =>
    translation?.quotas[0]?.rule.overrides.find(({ match }) => match.principal?.[0] === 'bob')?.limit.produceBytes
  await waitFor('the quotas are told', () => told.length === 1)
  assert.equal(limitOfBob(told[0]), 3000)

  await tool.alter({ users: 'bob' }, { producer_byte_rate: 33_000 })
  await waitFor('the change is told', () => told.length === 2)
  assert.equal(limitOfBob(told[1]), 33_000)

  await kafka.killBroker(1)
  await waitFor('the cluster is missed', () => follower.state().kind === 'stale')
  assert.equal(limitOfBob(follower.state().translation), 33_000)
  assert.match(follower.state().error ?? '', /no broker answers: .*ECONNREFUSED|closed the connection/)

  await kafka.startBroker(1)
  await waitFor('it is followed again', () => follower.state().kind === 'following')
  assert.equal(told.length, 2, 'the same quotas are no news')

  await tool.alter({ users: 'bob' }, { producer_byte_rate: null, request_percentage: null })
  await waitFor('the removal is told', () => told.length === 3)
  assert.equal(limitOfBob(told[2]), undefined)
}

test('quotas set with kafka-configs are imported and followed', { timeout: 300_000 }, async (context) => {
  if (!(await requireClient(context, 'java'))) return
  const kafka = await kafkaFor(context, {
    listeners: 'SASL_PLAINTEXT',
    saslUsers: PASSWORDS,
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin;User:ANONYMOUS',
    },
  })
  if (kafka === undefined) return
  const tool = await startKafkaConfigs(kafka.internalBootstrap)
  context.after(() => tool.stop())
  await setQuotas(tool)
  await importWithAndWithoutLogin(context, kafka)
  await followThroughChangeAndDeath(context, kafka, tool)
})
