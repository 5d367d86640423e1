// Commands that ask a sluice on another machine: each sends the token of its file, and nothing else of it.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { answerTo } from '../../src/admin/routes.ts'
import { startPages } from '../../src/admin/server.ts'
import { cli, failing } from '../support/cli.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { statusDocument } from '../support/status.ts'

const TOKEN = 'a-token-of-its-own-9c1e'

/** Real admin pages whose askers are all taken to be on another machine; `paths` is what they asked for. */
async function elsewhere(t: TestContext): Promise<{ readonly admin: string; readonly paths: string[] }> {
  const paths: string[] = []
  const sources = {
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
    status: () => assert.fail('nobody asks for it'),
    insight: {
      explain: () => ({ clients: [] }),
      policy: () => ({}),
      observed: () => ({}),
      status: () => statusDocument(),
      config: () => ({}),
    },
  }
  const pages = await startPages({
    host: '127.0.0.1',
    port: 0,
    token: () => TOKEN,
    answer: (question) => {
      paths.push(`${question.path}?${question.query}`)
      return answerTo({ ...question, peer: '10.0.0.7' }, sources)
    },
  })
  t.after(() => pages.close())
  return { admin: `127.0.0.1:${pages.port}`, paths }
}

const CONFIG = 'upstream: { bootstrap: "kafka:9092" }\n'

test('the token of a file opens what is closed without it, and is in no address', async (t) => {
  const files = new SecretFiles(t)
  const config = files.write('sluice.yaml', CONFIG)
  const right = files.write('token', `\ufeff${TOKEN}\n`)
  const wrong = files.write('wrong', 'another-token-that-is-long')
  const { admin, paths } = await elsewhere(t)
  const commands: readonly (readonly [command: readonly string[], failure: number])[] = [
    [['explain', '--client-id', 'a'], 1],
    [['explain'], 1],
    [['diff', config], 2],
    [['advise'], 1],
    [['top', '--once'], 1],
  ]
  for (const [command, failure] of commands) {
    const asked = [...command, '--admin', admin]
    assert.match(await failing(asked, failure), /refuses \(401\): .*only, not for 10\.0\.0\.7.*--token-file FILE/)
    const refused = await failing([...asked, '--token-file', wrong], failure)
    assert.match(refused, /refuses \(401\): the token is not the one in admin\.tokenFile of this sluice/)
    const { err } = await cli([...asked, '--token-file', right])
    assert.doesNotMatch(err, /refuses/, command.join(' '))
  }
  assert.ok(paths.length >= 3 * commands.length)
  assert.doesNotMatch(paths.join('\n'), /token|another/i)
})

test('a file without a token is told by its name, and nothing is asked', async (t) => {
  const files = new SecretFiles(t)
  const { admin, paths } = await elsewhere(t)
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      files.write('two', 'two words here, no token\n'),
      /--token-file .*two: .*one line of ASCII characters without spaces/,
    ],
    [files.write('short', 'abc\n'), /--token-file .*short: the token has 3 characters; 16 at least/],
    [`${files.directory}/none`, /--token-file .*none cannot be read: there is no such file/],
  ]
  for (const [file, message] of cases) {
    for (const command of [['explain', '--client-id', 'a'], ['advise'], ['top', '--once']]) {
      assert.match(await failing([...command, '--admin', admin, '--token-file', file], 1), message)
    }
  }
  assert.deepEqual(paths, [])
})

test('a file of a configuration takes no token', async (t) => {
  const config = new SecretFiles(t).write('sluice.yaml', CONFIG)
  const both = ['explain', '--config', config, '--token-file', 'x', '--client-id', 'a']
  assert.match(await failing(both, 2), /cannot be used with option/)
})
