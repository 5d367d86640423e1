/** What is wrong with files of secrets at the start, all at once; and what an address that others reach gives away. */
import assert from 'node:assert/strict'
import { createPrivateKey, type KeyExportOptions } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startSluice } from '../../src/app.ts'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { exposures } from '../../src/security.ts'
import { collectingLogger } from '../net/scene.ts'
import { type SluiceProcess, startProcess } from '../support/cli.ts'
import { noSocketsLeft } from '../support/net.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'

test('every file that cannot be used is told at the start, with its key and without its content', async (t) => {
  const files = new SecretFiles(t)
  const one = files.issue('one')
  const two = files.issue('two')
  const locked = files.write(
    'locked',
    createPrivateKey(readFileSync(one.keyFile)).export({
      ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
    } as KeyExportOptions<'pem'>) as string,
  )
  const base = loadConfig({ flags: { upstream: 'kafka:9093' }, env: {} })
  const tls = { caFile: undefined, serverName: undefined, verify: 'full', minVersion: 'TLSv1.2' } as const
  const listenTls = {
    clientCaFile: undefined,
    clientAuth: 'none',
    minVersion: 'TLSv1.2',
    principalMappingRules: undefined,
  } as const
  const sasl = { mechanism: 'PLAIN', username: 'u', tokenFile: undefined, tokenEndpoint: undefined } as const
  const cases: readonly (readonly [object, readonly RegExp[]])[] = [
    [
      {
        listen: {
          ...base.listen,
          tls: { ...listenTls, certFile: one.certFile, keyFile: two.keyFile },
          sasl: { usersFile: files.directory },
        },
        upstream: {
          ...base.upstream,
          tls: { ...tls, caFile: '/none/ca', certFile: undefined, keyFile: undefined },
          sasl: { ...sasl, passwordFile: files.write('empty', '\n') },
        },
        admin: { host: '127.0.0.1', port: 0, tokenFile: '/none/token' },
      },
      [
        /^listen\.tls: keyFile is not the key of the certificate in certFile$/m,
        /^listen\.sasl\.usersFile: cannot read .*: it is a directory, not a file$/m,
        /^upstream\.tls\.caFile: cannot read \/none\/ca: there is no such file$/m,
        /^upstream\.sasl\.passwordFile: .*empty is empty$/m,
        /^admin\.tokenFile: cannot read \/none\/token: there is no such file$/m,
      ],
    ],
    [
      { listen: { ...base.listen, tls: { ...listenTls, certFile: one.certFile, keyFile: locked } } },
      [/^listen\.tls: keyFile is locked by a password; openssl pkey writes one without$/m],
    ],
    [
      { upstream: { ...base.upstream, tls: { ...tls, certFile: files.write('x.crt', 'x'), keyFile: one.keyFile } } },
      [/^upstream\.tls: certFile or keyFile is no PEM file/m],
    ],
  ]
  for (const [parts, messages] of cases) {
    const config = { ...base, listen: { ...base.listen, port: 0, brokerPorts: 'any' as const }, ...parts }
    await assert.rejects(startSluice(config, { logger: collectingLogger([]) }), (error: Error) => {
      assert.ok(error instanceof ConfigError, error.stack)
      for (const message of messages) assert.match(error.message, message)
      assert.equal(error.message.includes('c2VjcmV0'), false)
      return true
    })
  }
  await noSocketsLeft()
})

test('a process that others reach says so in its log, as a warning for each thing; one on loopback does not', async (t) => {
  const exposed = async (address: string): Promise<SluiceProcess['lines']> => {
    const { lines } = await startProcess(t, ['--upstream', '127.0.0.1:1', '--listen', address])
    await waitFor('it has started', () => lines.some(({ event }) => event === 'started'))
    return lines.filter(({ event }) => event === 'exposed')
  }
  const said = await exposed('0.0.0.0:0')
  assert.deepEqual(
    said.map(({ level }) => level),
    ['warn', 'warn'],
  )
  assert.match(String(said[0]?.['msg']), /^listen\.host 0\.0\.0\.0 can be reached from other machines, and without TLS/)
  assert.match(String(said[1]?.['msg']), /we ask nobody who they are/)
  assert.deepEqual(await exposed('127.0.0.1:0'), [])
})

test('an address that others reach is told of, with what mends it', () => {
  const of = (more: string): string[] =>
    exposures(
      loadConfig({ file: { path: 'x.yaml', text: `upstream: { bootstrap: "kafka:9092"${more}` }, flags: {}, env: {} }),
    )
  const tls = 'tls: { certFile: a, keyFile: b }'
  const mutual = 'tls: { certFile: a, keyFile: b, clientCaFile: c }'
  const sasl = 'sasl: { mechanism: PLAIN, username: u, passwordFile: f }'
  assert.deepEqual(of('}'), [])
  assert.deepEqual(of(`, ${sasl} }\nlisten: { host: localhost }`), [])
  assert.deepEqual(of(`}\nlisten: { host: "::1" }`), [])
  const bare = of('}\nlisten: { host: 0.0.0.0 }')
  assert.equal(bare.length, 2)
  assert.match(bare[0] ?? '', /without TLS.*configure listen\.tls, or listen on 127\.0\.0\.1/)
  assert.match(bare[1] ?? '', /ask nobody who they are/)
  assert.match(
    of(`, ${sasl} }\nlisten: { host: 0.0.0.0, ${tls} }`).join(),
    /^[^,]*, and whoever does acts as our own user/,
  )
  assert.deepEqual(of(`, ${sasl} }\nlisten: { host: 0.0.0.0, ${mutual} }`), [])
  assert.deepEqual(of(`}\nlisten: { host: 0.0.0.0, ${tls}, sasl: { usersFile: u } }`), [])
})
