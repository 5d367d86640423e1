/** Files of secrets that change as they do in the field: taken whole, or the old stay in force with a line and a counter. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createSecureContext } from 'node:tls'
import { FileCredentials } from '../../src/net/credentials.ts'
import { readSecret, SecretKeeper, type SecretUse } from '../../src/secret-keeper.ts'
import { Counters } from '../../src/session/counters.ts'
import { collectingLogger, type Line } from '../net/scene.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'

interface Kept {
  readonly taken: Readonly<Record<string, string>>[]
  readonly lines: Line[]
  readonly counters: Counters
}

function keep(t: TestContext, use: Omit<SecretUse, 'take'>, check: SecretUse['take'] = () => undefined): Kept {
  const kept: Kept = { taken: [], lines: [], counters: new Counters() }
  const keeper = new SecretKeeper(collectingLogger(kept.lines), kept.counters)
  const take: SecretUse['take'] = (texts) => {
    check(texts)
    kept.taken.push(texts)
  }
  keeper.open([{ ...use, take }])
  keeper.watch()
  t.after(() => keeper.close())
  return kept
}

const fits: SecretUse['take'] = ({ certFile = '', keyFile = '' }) =>
  void createSecureContext({ cert: certFile, key: keyFile })

test('the links that Kubernetes swaps: certificate and key are taken together', async (t) => {
  const files = new SecretFiles(t)
  const mount = join(files.directory, 'mount')
  mkdirSync(mount)
  const release = (name: string): string => {
    const { certificate, key } = files.authority.issue({ subject: [['CN', name]] })
    mkdirSync(join(mount, name))
    writeFileSync(join(mount, name, 'tls.crt'), certificate)
    writeFileSync(join(mount, name, 'tls.key'), key)
    symlinkSync(name, join(mount, '..data_tmp'))
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
    return certificate
  }
  const [certFile, keyFile] = [join(mount, 'tls.crt'), join(mount, 'tls.key')]
  const first = release('..2026_1')
  symlinkSync(join('..data', 'tls.crt'), certFile)
  symlinkSync(join('..data', 'tls.key'), keyFile)
  const { taken, counters } = keep(t, { section: 'listen.tls', files: { certFile, keyFile } }, fits)
  const second = release('..2026_2')
  rmSync(join(mount, '..2026_1'), { recursive: true })
  await waitFor('the second is taken', () => taken.length === 2)
  assert.deepEqual(
    taken.map((texts) => texts['certFile']),
    [first, second],
  )
  assert.deepEqual([counters.secretReloads.failed, counters.secretsFaulty], [0, 0])
})

test('a key that does not fit, a file cut off, a file that is gone: the old stay, said and counted, until all is right', async (t) => {
  const files = new SecretFiles(t)
  const pair = files.issue('one')
  const { taken, lines, counters } = keep(t, { section: 'listen.tls', files: pair }, fits)
  const said = (message: RegExp): Promise<unknown> =>
    waitFor(`it says ${message}`, () =>
      lines.some(({ event, msg }) => event === 'secrets_refused' && message.test(String(msg))),
    )
  const other = files.authority.issue({ subject: [['CN', 'two']] })
  files.write('one.crt', other.certificate)
  await said(/listen\.tls: keyFile is not the key of the certificate in certFile; what was read before stays in use/)
  files.write('one.key', other.key.slice(0, 100))
  await said(/keyFile is damaged or cut off/)
  rmSync(pair.keyFile)
  await said(/listen\.tls\.keyFile: cannot read .*one\.key: there is no such file/)
  assert.deepEqual([taken.length, counters.secretsFaulty], [1, 1])
  files.write('one.key', other.key)
  await waitFor('both are taken', () => taken.length === 2)
  assert.equal(taken[1]?.['keyFile'], other.key)
  assert.deepEqual([counters.secretReloads.ok, counters.secretsFaulty], [1, 0])
  assert.ok(counters.secretReloads.failed >= 3)
})

test('a password is what its file has, without what editors put around it', async (t) => {
  const files = new SecretFiles(t)
  const credentials = new FileCredentials({ mechanism: 'PLAIN', username: 'u' })
  for (const written of ['pencil ', 'pencil \n', '\ufeffpencil \r\n', 'pencil \n\n']) {
    credentials.replace(readSecret(files.write('password', written)))
    assert.equal((await credentials.current()).password, 'pencil ')
  }
  assert.throws(
    () => credentials.replace('pencil\nanother\n'),
    /^RangeError: the file has more than one line: which one/,
  )
  assert.throws(() => credentials.replace('\n\n'), /nothing but an empty line/)
  assert.equal((await credentials.current()).password, 'pencil ')
})

test('what is no file is refused at once: to read a pipe would wait for whoever writes into it', async (t) => {
  const path = join(new SecretFiles(t).directory, 'pipe')
  const server = createServer().listen(path)
  await once(server, 'listening')
  t.after(() => server.close())
  for (const special of [path, '/dev/null']) {
    assert.throws(() => readSecret(special), new RegExp(`${special} is a pipe or a device, not a file`))
  }
})
