/** Labels of the workload: where they come from, which wins, and the file as Kubernetes writes it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError, type ConfigSources, loadConfig } from '../../src/config/config.ts'
import { parseLabels, parseLabelsFile } from '../../src/config/labels.ts'

const UPSTREAM = 'upstream: { bootstrap: kafka:9092 }\n'

function labelsOf(text: string, sources: Partial<ConfigSources> = {}): Readonly<Record<string, string>> {
  return loadConfig({ file: { path: 's.yaml', text: UPSTREAM + text }, flags: {}, env: {}, ...sources }).labels
}

function messageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof RangeError || error instanceof ConfigError, String(error))
    return error.message
  }
  assert.fail('nothing was wrong')
}

test('the file of labels gives way to the configuration, that to the environment, that to flags', () => {
  const text = 'labels: { b: file, c: file, d: file, namespace: file }\nlabelsFile: /etc/podinfo/labels\n'
  const sources: Partial<ConfigSources> = {
    env: { SLUICE_LABELS: 'c=env, d=env', POD_NAMESPACE: 'payments', POD_NAME: 'shop-0', POD_SERVICE_ACCOUNT: '' },
    flags: { label: ['d=flag', 'e=flag'] },
    readLabels: (path) => {
      assert.equal(path, '/etc/podinfo/labels')
      return 'a="podinfo"\nb="podinfo"\n'
    },
  }
  assert.deepEqual(labelsOf(text, sources), {
    a: 'podinfo',
    b: 'file',
    c: 'env',
    d: 'flag',
    e: 'flag',
    namespace: 'payments',
    pod: 'shop-0',
  })
})

test('a variable or a flag may name the file of labels, without a configuration file too', () => {
  const readLabels = (path: string): string => `of="${path}"`
  const env = { SLUICE_UPSTREAM: 'kafka:9092', SLUICE_LABELS_FILE: '/variable' }
  assert.deepEqual(loadConfig({ flags: {}, env, readLabels }).labels, { of: '/variable' })
  assert.deepEqual(labelsOf('labelsFile: /file', { env, readLabels }), { of: '/variable' })
  assert.deepEqual(labelsOf('labelsFile: /file', { flags: { labelsFile: '/flag' }, env, readLabels }), { of: '/flag' })
})

test('without somebody to read it the file of labels is left alone', () => {
  assert.deepEqual(labelsOf('labelsFile: /nowhere\nlabels: { a: b }\n'), { a: 'b' })
})

describe('what is wrong', () => {
  test('with the file of labels is told with the key that names it, along with all other faults', () => {
    const text = 'labelsFile: /etc/podinfo/labels\nmode: x\n'
    assert.equal(
      messageOf(() => labelsOf(text, { readLabels: () => 'a="b"\nnonsense\n' })),
      [
        's.yaml:2:13: labelsFile: /etc/podinfo/labels: line 2 is no label as Kubernetes writes it: name="value"',
        's.yaml:3:7: mode: the modes are enforce and observe',
      ].join('\n'),
    )
    const readLabels = (): string => {
      throw new RangeError('there is no such file')
    }
    assert.match(
      messageOf(() => labelsOf('labelsFile: /nowhere', { readLabels })),
      /labelsFile: \/nowhere: there is no such file$/,
    )
  })

  test('with flags and variables is told by their names', () => {
    assert.equal(
      messageOf(() =>
        labelsOf('', {
          flags: { label: ['app', 'ok=1', '-x=1'] },
          env: { SLUICE_LABELS: 'a=b,=c', POD_NAME: 'x'.repeat(257) },
        }),
      ),
      [
        'POD_NAME: a label of 257 characters; at most 256',
        'SLUICE_LABELS: "" is no name of a label: letters, digits, . _ - / and a letter or digit at both ends, as in app.kubernetes.io/name',
        '--label: "app" is no label; write name=value, as in app=shop',
        '--label: "-x" is no name of a label: letters, digits, . _ - / and a letter or digit at both ends, as in app.kubernetes.io/name',
      ].join('\n'),
    )
  })

  test('with a file of too many labels', () => {
    const many = Array.from({ length: 501 }, (_, i) => `l${i}="x"`).join('\n')
    assert.equal(
      messageOf(() => parseLabelsFile(many)),
      '501 labels; at most 500',
    )
  })
})

test('lists of labels may have spaces, values may have equals signs or be empty', () => {
  assert.deepEqual(parseLabels(' a = b , c=d=e,f=,'), { a: 'b', c: 'd=e', f: '' })
})

test('the file is read as Kubernetes writes it, quoted as Go quotes', () => {
  const file = [
    'app.kubernetes.io/name="shop"',
    'empty=""',
    String.raw`quoted="say \"hi\" \\ there"`,
    String.raw`lines="one\ntwo\tthree\r"`,
    String.raw`hex="\x07\u00e9\U0001f600\a"`,
    '',
    'plain="grüße # not a comment"\r',
  ].join('\n')
  assert.deepEqual(parseLabelsFile(file), {
    'app.kubernetes.io/name': 'shop',
    empty: '',
    quoted: 'say "hi" \\ there',
    lines: 'one\ntwo\tthree\r',
    hex: '\x07é😀\x07',
    plain: 'grüße # not a comment',
  })
  assert.deepEqual(parseLabelsFile(''), {})
  for (const bad of ['a=b', 'a="b', 'a="b" c', '="b"', 'a="b\\"', '# a="b"x']) {
    assert.match(
      messageOf(() => parseLabelsFile(bad)),
      /^line 1/,
      bad,
    )
  }
  assert.equal(
    messageOf(() => parseLabelsFile('a="x"\nb="\\U00110000"')),
    'line 2: \\U00110000 is no character',
  )
})
