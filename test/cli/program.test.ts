// The command line from outside: exit codes, messages, help. Nothing here needs a Kafka.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readWatch } from '../../src/cli/config-file.ts'
import { startFault } from '../../src/cli/start-fault.ts'
import { cli } from '../support/cli.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
after(() => rmSync(directory, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('help and version', () => {
  test('--version prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'))
    assert.deepEqual(await cli(['--version']), { exitCode: 0, out: `${version}\n`, err: '' })
  })

  for (const args of [
    ['--help'],
    ['run', '--help'],
    ['demo', '--help'],
    ['check-config', '--help'],
    ['explain', '--help'],
    ['diff', '--help'],
    ['advise', '--help'],
    ['import-quotas', '--help'],
    ['schema', '--help'],
    ['top', '--help'],
    ['health', '--help'],
    ['events', '--help'],
    ['injector', '--help'],
  ]) {
    test(`${args.join(' ')} has examples and fits 100 columns`, async () => {
      const { exitCode, out } = await cli(args)
      assert.equal(exitCode, 0)
      assert.match(out, /Examples:\n {2}\$ kafka-sluice /)
      for (const line of out.split('\n')) assert.ok(line.length <= 120, line)
      assert.doesNotMatch(out, /default: false/, 'goes without saying')
    })
  }

  test('run has the flags of the design, no more', async () => {
    const { out } = await cli(['run', '--help'])
    const flags = [...out.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map((match) => match[1])
    assert.deepEqual(flags, [
      '--upstream',
      '--listen',
      '--broker-ports',
      '--admin',
      '--config',
      '--no-watch',
      '--produce-rate',
      '--fetch-rate',
      '--request-rate',
      '--observe',
      '--label',
      '--labels-file',
      '--log-level',
      '--help',
    ])
  })
})

describe('wrong command lines exit 2', () => {
  const WRONG: readonly (readonly [args: string[], message: RegExp])[] = [
    [[], /Usage: kafka-sluice/],
    [['help', 'rnu'], /unknown command 'rnu'[\s\S]*Did you mean run\?/],
    [['rnu'], /unknown command 'rnu'[\s\S]*Did you mean run\?/],
    [['run', '--upstraem', 'k:1'], /unknown option '--upstraem'[\s\S]*Did you mean --upstream\?/],
    [['run', '--upstream'], /argument missing/],
    [['run', 'stray'], /too many arguments/],
    [['run'], /upstream/],
    [['run', '--upstream', 'k:9092', '--produce-rate', '5 bananas'], /produce-?rate/i],
    [['run', '--upstream', 'k:9092', '--listen', 'nowhere'], /listen/],
    [['run', '--upstream', 'k:9092', '--log-level', 'loud'], /log-?level/i],
    [['run', '--config', 'absent.yaml'], /absent\.yaml.*there is no such file/],
    [['run', '--config', '/'], /it is a directory/],
    [['check-config', '/dev/zero'], /it has more than 1048576 bytes/],
    [['run', '--upstream', 'k:9092', '--admin', 'pod'], /--admin: "pod" has no port; write pod:9404/],
    [['check-config'], /missing required argument/],
    [['check-config', 'absent.yaml'], /absent\.yaml.*there is no such file/],
    [['run', '--upstream', 'k:9092', '--label', 'app'], /--label: "app" is no label; write name=value/],
    [['schema', '--out'], /argument missing/],
    [['demo', '--seconds', '1'], /5 to 3600/],
    [['demo', '--seconds', 'x'], /whole number/],
    [['demo', '--produce-rate', 'fast'], /produce-?rate/i],
  ]
  for (const [args, message] of WRONG) {
    test(`kafka-sluice ${args.join(' ')}`, async () => {
      const { exitCode, out, err } = await cli(args)
      assert.equal(exitCode, 2, err)
      assert.match(err, message)
      assert.equal(out, '')
      assert.doesNotMatch(err, /\n\s+at /, 'a stack is nothing for a user')
    })
  }

  test('a page that cannot be written is no fault of the command line', async () => {
    const path = join(directory, 'absent', 'schema.json')
    const err = `cannot write ${path}: there is no such directory\n`
    assert.deepEqual(await cli(['schema', '--out', path]), { exitCode: 1, out: '', err })
  })

  test('SLUICE_WATCH is on or off', async () => {
    const path = file('watched.yaml', 'upstream: { bootstrap: kafka:9092 }\n')
    const { exitCode, err } = await cli(['run', '--config', path], { env: { SLUICE_WATCH: 'maybe' } })
    assert.equal(exitCode, 2)
    assert.match(err, /^SLUICE_WATCH: "maybe" is neither on nor off$/m)
    for (const [value, watched] of [
      ['', true],
      ['on', true],
      ['OFF', false],
      ['0', false],
    ] as const) {
      assert.equal(readWatch({}, { SLUICE_WATCH: value }), watched, value)
      assert.equal(readWatch({ watch: false }, { SLUICE_WATCH: value }), false)
    }
  })

  test('SLUICE_CONFIG names the file as --config does', async () => {
    const { exitCode, err } = await cli(['run'], { env: { SLUICE_CONFIG: 'from-environment.yaml' } })
    assert.equal(exitCode, 2)
    assert.match(err, /from-environment\.yaml.*there is no such file/)
  })
})

describe('check-config', () => {
  const WHOLE = `upstream: { bootstrap: [kafka-0:9093, kafka-1:9093] }
labels: { team: payments }
labelsFile: /nowhere/podinfo/labels
followKafka: { interval: 1m, mode: observe }
exempt: { principal: admin }
quotas:
  - name: producers
    limit: { produceBytes: 5 MB/s, produceRecords: 20k/s }
    burst: 2s
    match: { clientId: "checkout-*", topic: [orders-*, audit], not: { clientId: checkout-7 } }
    exempt: [{ principal: root }]
    per: [clientId, topic, principal]
    overrides:
      - { clientId: checkout-batch, limit: { produceBytes: unlimited }, burst: 1s, per: [principal] }
    mode: observe
    rampIn: 10m
    schedule:
      - { during: "* 22-23,0-5 * * mon-fri", timeZone: Europe/Berlin, limit: { produceBytes: 50 MB/s }, burst: 4s }
  - name: fair
    limit: { fetchBytes: 10 MB/s }
    burst: 20 MB
    share: { by: [clientId] }
    overrides: [{ clientId: "gold-*", not: { clientId: gold-9 }, weight: 4, priority: high }]
  - { name: connections, limit: { connections: 100 }, per: address }
  - { name: joins, limit: { joins: 5/min }, match: { group: /^etl-/ } }
`

  test('says in words what a good file would do', async () => {
    const path = file('good.yaml', WHOLE)
    const { exitCode, out, err } = await cli(['check-config', path], { env: { SLUICE_LISTEN: 'not looked at' } })
    assert.equal(err, '')
    assert.equal(exitCode, 0)
    assert.equal(
      out,
      `${path} is valid
  listen    127.0.0.1:9092
  upstream  kafka-0:9093, kafka-1:9093
  admin     127.0.0.1:9404
  labels    team=payments
  exempt    from every quota: whose principal is "admin"
  quota     producers (only observes: slows nobody)
            limits produceBytes to 5 MB/s, produceRecords to 20 k/s, with a burst of 2 s
            of requests whose clientId is "checkout-*" and topic is "orders-*" or "audit"
            but not of those whose clientId is "checkout-7", nor whose principal is "root"
            a bucket for each clientId, topic and principal
            where clientId is "checkout-batch": produceBytes unlimited, a burst of 1 s, a bucket for each principal
            a new or lower limit comes down from what is used within 10 m 0 s
            in minutes "* 22-23,0-5 * * mon-fri" of Europe/Berlin: produceBytes 50 MB/s, a burst of 4 s
  quota     fair
            limits fetchBytes to 10 MB/s, with a burst of 20 MB
            of all requests
            one bucket for all of them together
            divided among each clientId that wants it (weight 1, priority normal); lower classes are sure of 10 %
            where clientId is "gold-*", but not where clientId is "gold-9": weight 4, priority high
  quota     connections
            limits connections to 100
            of all connections
            a bucket for each address
  quota     joins
            limits joins to 5/min, with a burst of 1 s
            of requests whose group is "/^etl-/"
            one bucket for all of them together
  follows   the quotas of the cluster itself, asked for every 1 m 0 s, and only observes them
`,
    )
  })

  test('says that a file without quotas limits nothing', async () => {
    const { out } = await cli([
      'check-config',
      file('none.yaml', 'upstream: { bootstrap: k:1 }\nmode: observe\nadmin: off\n'),
    ])
    assert.match(
      out,
      /admin {5}off\n {2}mode {6}observe: no quota slows anybody\n {2}quota {5}none: a transparent proxy\n$/,
    )
  })

  test('--json prints the configuration, or the faults and exits 2', async () => {
    const good = await cli(['check-config', file('json.yaml', WHOLE), '--json'])
    assert.deepEqual([good.exitCode, good.err], [0, ''])
    const { valid, config } = JSON.parse(good.out)
    assert.equal(valid, true)
    assert.equal(config.quotas[0].overrides[0].limit.produceBytes, 'unlimited')
    assert.deepEqual(config.followKafka, { intervalMs: 60_000, mode: 'observe' })
    const path = file('json-bad.yaml', 'upstream: { bootstrap: k:1 }\nmode: x\n')
    const bad = await cli(['check-config', path, '--json'])
    assert.deepEqual([bad.exitCode, bad.err], [2, ''])
    const fault = { path: 'mode', line: 2, column: 7, message: 'the modes are enforce and observe' }
    assert.deepEqual(JSON.parse(bad.out), { file: path, valid: false, faults: [fault] })
    assert.equal((await cli(['check-config', 'absent.yaml', '--json'])).exitCode, 2)
  })

  test('names every fault with its line and exits 2', async () => {
    const path = file('bad.yaml', 'upstream: { bootstrap: [] }\nquotas:\n  - { nmae: x }\n')
    const { exitCode, out, err } = await cli(['check-config', path])
    assert.equal(exitCode, 2)
    assert.equal(out, '')
    assert.match(err, new RegExp(`${path}:1:`))
    assert.match(err, new RegExp(`${path}:3:`))
  })

  test('does not look at the environment', async () => {
    const path = file('no-upstream.yaml', 'quotas: []\n')
    assert.equal((await cli(['check-config', path], { env: { SLUICE_UPSTREAM: 'kafka:9092' } })).exitCode, 2)
  })
})

describe('schema', () => {
  test('prints the JSON Schema, or the reference, or writes it to a file', async () => {
    const { exitCode, out, err } = await cli(['schema'])
    assert.deepEqual([exitCode, err], [0, ''])
    assert.equal(JSON.parse(out).$schema, 'https://json-schema.org/draft/2020-12/schema')
    const path = join(directory, 'sluice.schema.json')
    assert.deepEqual(await cli(['schema', '--out', path]), { exitCode: 0, out: '', err: '' })
    assert.equal(readFileSync(path, 'utf8'), out)
    assert.match((await cli(['schema', '--markdown'])).out, /^# Configuration reference\n/)
  })

  test('says why it cannot write, and exits 1', async () => {
    const { exitCode, err } = await cli(['schema', '--out', join(directory, 'absent', 'x.json')])
    assert.equal(exitCode, 1)
    assert.match(err, /^cannot write .*x\.json: /)
  })
})

describe('a start that fails for a reason outside', () => {
  const config = { listen: { host: '127.0.0.1', port: 9092 } } as Parameters<typeof startFault>[1]
  const fault = (fields: object): string | undefined => startFault(Object.assign(new Error('listen'), fields), config)

  test('says which port is taken and which flag mends it', () => {
    const inUse = { code: 'EADDRINUSE', address: '127.0.0.1' }
    assert.match(fault({ ...inUse, port: 9092 }) ?? '', /127\.0\.0\.1:9092.*--listen 127\.0\.0\.1:9093/)
    assert.match(fault({ ...inUse, port: 19092 }) ?? '', /127\.0\.0\.1:19092.*listen\.brokerPorts/)
    assert.match(fault({ code: 'EACCES', address: '127.0.0.1', port: 92 }) ?? '', /above 1023 with --listen/)
    assert.match(fault({ code: 'EADDRNOTAVAIL', address: '10.9.9.9', port: 1 }) ?? '', /10\.9\.9\.9.*--listen/)
  })

  test('of the admin server says it in its own words', () => {
    assert.equal(fault({ name: 'AdminListenError', message: 'use --admin' }), 'use --admin')
  })

  test('is no such thing when it is our bug', () => {
    assert.equal(startFault(new TypeError('x is undefined'), config), undefined)
    assert.equal(startFault('a string', config), undefined)
  })
})

describe('the process', () => {
  const main = (args: string[], entry = ['-C', 'source', 'src/main.ts']): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [...entry, ...args], { cwd: REPOSITORY, encoding: 'utf8', timeout: 30_000 })

  test('exits with the code and writes to the right stream', () => {
    const version = main(['--version'])
    assert.equal(version.status, 0)
    assert.match(String(version.stdout), /^\d+\.\d+\.\d+\n$/)
    const wrong = main(['run', '--nonsense'])
    assert.equal(wrong.status, 2)
    assert.equal(wrong.stdout, '')
    assert.match(String(wrong.stderr), /unknown option/)
  })

  test('output that cannot be written is told, and no success', () => {
    const closed = openSync(file('read-only', ''), 'r')
    try {
      const args = ['-C', 'source', 'src/main.ts', 'schema']
      const stdio = ['ignore', closed, 'pipe'] as const
      const { status, stderr } = spawnSync(process.execPath, args, {
        cwd: REPOSITORY,
        encoding: 'utf8',
        stdio: [...stdio],
      })
      assert.equal(status, 1)
      assert.match(stderr, /^kafka-sluice: cannot write the output: .+\n$/)
    } finally {
      closeSync(closed)
    }
  })

  test('runs by its bin in a checkout, without flags for node', () => {
    const { status, stdout, stderr } = main(['--version'], ['bin/kafka-sluice.js'])
    assert.equal(status, 0, String(stderr))
    assert.match(String(stdout), /^\d+\.\d+\.\d+\n$/)
  })
})
