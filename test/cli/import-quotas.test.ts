/** `import-quotas` from outside: what it writes and where, what it asks of the operator, what it says when Kafka does not answer. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { API_KEY, ERROR_CODE, type Struct } from 'kafka-protocol-codec'
import { parse } from 'yaml'
import { cli, type Outcome } from '../support/cli.ts'
import { nobody, type ScriptedBroker, scriptedBroker } from '../support/scripted-broker.ts'
import { SecretFiles } from '../support/secret-files.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-import-'))
after(() => rmSync(directory, { recursive: true }))

async function importQuotas(args: readonly string[], signals: EventEmitter = new EventEmitter()): Promise<Outcome> {
  const outcome = await cli(['import-quotas', ...args], { signals })
  assert.equal(signals.listenerCount('SIGINT'), 0, 'it leaves no listener')
  return outcome
}

function at({ address }: ScriptedBroker): string {
  return `${address.host}:${address.port}`
}

function entriesOf(count: number): Struct {
  return {
    entries: Array.from({ length: count }, (_, i) => ({
      entity: [{ entityType: 'client-id', entityName: `app-${i}` }],
      values: [{ key: 'producer_byte_rate', value: 1e6 }],
    })),
  }
}

const QUOTA = {
  name: 'kafka-produce',
  limit: { produceBytes: 'unlimited' },
  burst: '10s',
  per: ['principal', 'clientId'],
}

describe('import-quotas', () => {
  test('writes YAML to standard output, and nothing else', async (context) => {
    const broker = await scriptedBroker(context)
    const { exitCode, out, err } = await importQuotas(['--bootstrap', at(broker)])
    assert.deepEqual([exitCode, err], [0, ''])
    assert.match(out, /^# The client quotas of the Kafka cluster at 127\.0\.0\.1:\d+ \(2 brokers\)/)
    const { upstream, quotas } = parse(out)
    assert.deepEqual(upstream, { bootstrap: [at(broker)] })
    assert.deepEqual(quotas[0], {
      ...QUOTA,
      overrides: [{ principal: 'alice', clientId: '?*', limit: { produceBytes: '1024.5 B/s' }, per: ['clientId'] }],
    })
  })

  test('--multiply takes the number of brokers that the cluster names, or that is given', async (context) => {
    const broker = await scriptedBroker(context, { [API_KEY.DescribeClientQuotas]: () => entriesOf(1) })
    const limitWith = async (...flags: string[]): Promise<unknown> => {
      const { out } = await importQuotas(['--bootstrap', at(broker), ...flags])
      return parse(out).quotas[0].overrides[0].limit.produceBytes
    }
    assert.equal(await limitWith(), '1 MB/s')
    assert.equal(await limitWith('--multiply'), '2 MB/s')
    assert.equal(await limitWith('--multiply', '--brokers', '6'), '6 MB/s')
  })

  test('--json has the quotas and the notes', async (context) => {
    const broker = await scriptedBroker(context, {
      [API_KEY.DescribeClientQuotas]: () => ({
        entries: [
          {
            entity: [{ entityType: 'user', entityName: null }],
            values: [
              { key: 'producer_byte_rate', value: 5 },
              { key: 'request_percentage', value: 50 },
            ],
          },
        ],
      }),
    })
    const { exitCode, out } = await importQuotas(['--bootstrap', at(broker), '--json'])
    const { notes, ...document } = JSON.parse(out)
    assert.equal(exitCode, 0)
    assert.deepEqual(document, {
      upstream: { bootstrap: [at(broker)] },
      quotas: [{ ...QUOTA, limit: { produceBytes: '5 B/s' }, per: ['principal'] }],
      brokers: 2,
      multiplied: false,
    })
    assert.match(notes[0], /^default user: request_percentage 50 has no equivalent/)
  })

  test('--out writes the file, and never over another one', async (context) => {
    const broker = await scriptedBroker(context)
    const path = join(directory, 'sluice.yaml')
    const first = await importQuotas(['--bootstrap', at(broker), '--out', path])
    assert.deepEqual([first.exitCode, first.err], [0, ''])
    assert.equal(first.out, `wrote ${path}: kafka-produce with 1 override, kafka-connections with 1 override\n`)
    assert.equal(parse(readFileSync(path, 'utf8')).quotas.length, 2)

    writeFileSync(path, 'mine')
    const second = await importQuotas(['--bootstrap', at(broker), '--out', path])
    assert.equal(second.exitCode, 2)
    assert.match(second.err, /^--out: .* exists; write to another name/)
    assert.equal(readFileSync(path, 'utf8'), 'mine')
  })

  test('logs in with the password of the file, without the end of its line', async (context) => {
    const tokens: string[] = []
    const broker = await scriptedBroker(context, {
      [API_KEY.SaslAuthenticate]: ({ authBytes }) => {
        tokens.push(new TextDecoder().decode(authBytes as Uint8Array))
        return {}
      },
    })
    const path = join(directory, 'password')
    writeFileSync(path, 'pencil \n')
    const flags = ['--user', 'sluice', '--password-file', path, '--mechanism', 'PLAIN']
    assert.equal((await importQuotas(['--bootstrap', at(broker), ...flags])).exitCode, 0)
    assert.deepEqual(tokens, ['\0sluice\0pencil '])
  })

  test('a login that is refused is told with the flags that it came from', async (context) => {
    const broker = await scriptedBroker(context, {
      [API_KEY.SaslAuthenticate]: () => ({ errorCode: ERROR_CODE.SASL_AUTHENTICATION_FAILED, errorMessage: 'no' }),
    })
    const path = join(directory, 'password')
    writeFileSync(path, 'pencil')
    const flags = ['--user', 'sluice', '--password-file', path, '--mechanism', 'PLAIN']
    const { exitCode, err } = await importQuotas(['--bootstrap', at(broker), ...flags])
    assert.equal(exitCode, 1, err)
    assert.match(err, /SASL_AUTHENTICATION_FAILED \(no\); are --user and --password-file those that the broker has\?/)
  })

  test('what Kafka refuses is told with the flag that helps, and exit code 1', async (context) => {
    const locked = await scriptedBroker(context, { [API_KEY.DescribeClientQuotas]: () => 'close' })
    const { exitCode, out, err } = await importQuotas(['--bootstrap', at(locked)])
    assert.deepEqual([exitCode, out], [1, ''])
    assert.match(err, /^kafka-sluice: .* needs a login; give --user, --password-file and --mechanism\n$/)

    const { port } = await nobody()
    const gone = await importQuotas(['--bootstrap', `127.0.0.1:${port}`])
    assert.equal(gone.exitCode, 1)
    assert.match(gone.err, /^kafka-sluice: no broker answers: 127\.0\.0\.1:\d+: .*ECONNREFUSED/)

    const open = await scriptedBroker(context, {
      [API_KEY.SaslHandshake]: () => ({ errorCode: ERROR_CODE.ILLEGAL_SASL_STATE }),
    })
    const path = join(directory, 'password-2')
    writeFileSync(path, 'pencil')
    const login = await importQuotas(['--bootstrap', at(open), '--user', 'u', '--password-file', path])
    assert.match(login.err, /takes no login; leave --user out, or give its SASL listener/)
  })

  test('more quotas than a file can hold are not written', async (context) => {
    const broker = await scriptedBroker(context, { [API_KEY.DescribeClientQuotas]: () => entriesOf(1001) })
    const { exitCode, out, err } = await importQuotas(['--bootstrap', at(broker)])
    assert.deepEqual([exitCode, out], [1, ''])
    assert.match(
      err,
      /1001 quotas of producer_byte_rate, and a quota of a file takes 1000 overrides; follow the cluster/,
    )
  })

  test('Ctrl-C ends it', async (context) => {
    const signals = new EventEmitter()
    const broker = await scriptedBroker(context, {
      [API_KEY.ApiVersions]: () => {
        signals.emit('SIGINT')
        return 'silence'
      },
    })
    assert.deepEqual(await importQuotas(['--bootstrap', at(broker)], signals), { exitCode: 130, out: '', err: '' })
  })

  const wrong: [string, readonly string[], RegExp][] = [
    ['no address', [], /required option '--bootstrap/],
    ['an address without a port', ['--bootstrap', 'kafka'], /"kafka" has no port; write kafka:9092/],
    [
      'a user without a password',
      ['--bootstrap', 'k:1', '--user', 'u'],
      /--user: give the password .* --password-file/,
    ],
    ['a password without a user', ['--bootstrap', 'k:1', '--password-file', 'f'], /whose password\? Give --user/],
    [
      'no such password file',
      ['--bootstrap', 'k:1', '--user', 'u', '--password-file', join(directory, 'none')],
      /there is no such file/,
    ],
    ['an empty password', ['--bootstrap', 'k:1', '--user', 'u', '--password-file', '/dev/null'], /is empty/],
    ['an unknown mechanism', ['--bootstrap', 'k:1', '--mechanism', 'GSSAPI'], /Allowed choices are PLAIN/],
    ['no number of brokers', ['--bootstrap', 'k:1', '--brokers', '0'], /whole number, 1 to 4096/],
  ]
  for (const [what, flags, message] of wrong) {
    test(`${what} is a wrong command line`, async () => {
      const { exitCode, out, err } = await importQuotas(flags)
      assert.deepEqual([exitCode, out], [2, ''])
      assert.match(err, message)
    })
  }
})

describe('over TLS', () => {
  async function stage(t: TestContext): Promise<{ readonly bootstrap: string; readonly files: SecretFiles }> {
    const files = new SecretFiles(t)
    const { certFile, keyFile } = files.issue('broker')
    const inner = await scriptedBroker(t)
    const sockets = new Set<Socket>()
    const server = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (socket) => {
      const through = connect(inner.address)
      for (const one of [socket, through]) sockets.add(one.on('error', () => undefined))
      socket.pipe(through).pipe(socket)
    })
    server.on('tlsClientError', () => undefined)
    server.listen({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    t.after(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return { bootstrap: `127.0.0.1:${(server.address() as AddressInfo).port}`, files }
  }

  test('it asks with the authority that is given, or with none at all', async (t) => {
    const { bootstrap, files } = await stage(t)
    for (const flags of [['--ca-file', files.caFile], ['--insecure-skip-verify']]) {
      const { exitCode, out, err } = await importQuotas(['--bootstrap', bootstrap, ...flags])
      assert.deepEqual([exitCode, err], [0, ''])
      assert.match(out, /kafka-produce/)
    }
  })

  test('what is wrong is told by the names of the flags', async (t) => {
    const { bootstrap, files } = await stage(t)
    const { certFile } = files.issue('own')
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [[], 1, /--tls/],
      [['--tls'], 1, /give the CA that signed it in --ca-file/],
      [['--ca-file', files.caFile, '--server-name', 'kafka.example'], 1, /not for kafka\.example; .*--server-name/],
      [['--ca-file', '/none'], 2, /--ca-file: cannot read \/none: there is no such file/],
      [['--ca-file', files.write('x', 'x')], 2, /--ca-file: --ca-file has no certificate in PEM form/],
      [['--cert-file', certFile], 2, /--cert-file: give --key-file as well/],
    ]
    for (const [flags, code, message] of cases) {
      const { exitCode, err } = await importQuotas(['--bootstrap', bootstrap, ...flags])
      assert.equal(exitCode, code, err)
      assert.match(err, message)
      assert.doesNotMatch(err, /upstream\.tls/)
    }
  })
})
