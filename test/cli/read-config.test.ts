// From real files to a configuration: where they are looked for, what is read once, what is refused before it is read.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type ConfigFile, configFileOf, loadWithoutFile } from '../../src/cli/config-file.ts'
import { readConfig } from '../../src/cli/read-config.ts'
import { ConfigError } from '../../src/config/config.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-read-'))
after(() => rmSync(directory, { recursive: true }))

const path = join(directory, 'sluice.yaml')
const flags = { config: path, upstream: 'kafka:9092' }

function write(text: string): void {
  writeFileSync(path, text)
}

test('the file of labels lies beside the configuration, and is read once: a change must not keep quotas from being reloaded', async () => {
  mkdirSync(join(directory, 'podinfo'))
  const labels = join(directory, 'podinfo', 'labels')
  writeFileSync(labels, 'app="shop"\n')
  write('labelsFile: podinfo/labels\n')
  const file = configFileOf(flags, {})
  assert.ok(file)
  assert.deepEqual((await file.load(file.readText())).labels, { app: 'shop' })
  writeFileSync(labels, 'app="other"\n')
  assert.deepEqual((await file.load(file.readText())).labels, { app: 'shop' })
  assert.deepEqual((await file.loadAside(file.readText())).labels, { app: 'shop' })
  assert.deepEqual(readConfig(flags, {}).labels, { app: 'other' }, 'the next process reads it again')
})

test('a file of labels that is not there, or is none, is a fault of the key that names it', () => {
  write('labelsFile: absent/labels\n')
  assert.throws(() => readConfig(flags, {}), {
    message: `${path}:1:13: labelsFile: absent/labels: there is no such file`,
  })
  write(`labelsFile: ${directory}\n`)
  assert.throws(() => readConfig(flags, {}), /labelsFile: .*: it is a directory, not a file/)
})

test('without a configuration file the file of labels is read as well', async () => {
  const labels = join(directory, 'alone')
  writeFileSync(labels, 'app="shop"\n')
  const env = { SLUICE_UPSTREAM: 'kafka:9092', SLUICE_LABELS_FILE: labels }
  assert.deepEqual(readConfig({}, env).labels, { app: 'shop' })
  assert.deepEqual((await loadWithoutFile({}, env)).labels, { app: 'shop' })
})

test('files beyond their bound are refused without being read', () => {
  write('')
  truncateSync(path, 2 ** 31) // sparse: it takes no space
  assert.throws(
    () => readConfig(flags, {}),
    (error) => error instanceof ConfigError && /it has 2147483648 bytes; at most 1048576/.test(error.message),
  )
  const labels = join(directory, 'large')
  writeFileSync(labels, '')
  truncateSync(labels, 2 ** 31)
  rmSync(path)
  write('labelsFile: large\n')
  assert.throws(() => readConfig(flags, {}), /labelsFile: large: it has 2147483648 bytes; at most 262144/)
})

describe('a file that is read aside', () => {
  const quotas = Array.from(
    { length: 200 },
    (_, i) =>
      `  - { name: q${i}, limit: { requests: ${i + 1}/s }, per: clientId, overrides: [{ clientId: x, limit: { requests: unlimited } }] }\n`,
  )
  const long = `labels: { team: shop }\nlabelsFile: podinfo/labels\nquotas:\n${quotas.join('')}`

  function fileWith(text: string): ConfigFile {
    write(text)
    const file = configFileOf({ ...flags, label: ['a=b'] }, { SLUICE_LOG_LEVEL: 'warn', absent: undefined })
    assert.ok(file)
    return file
  }

  test('gives the same configuration as one that is read in place, flags, variables and labels included', async () => {
    mkdirSync(join(directory, 'podinfo'), { recursive: true })
    writeFileSync(join(directory, 'podinfo', 'labels'), 'app="shop"\n')
    for (const text of [long, 'quotas: []\n']) {
      const file = fileWith(text)
      const inPlace = await file.load(text)
      writeFileSync(join(directory, 'podinfo', 'labels'), 'app="changed since"\n')
      assert.deepEqual(await file.loadAside(text), inPlace)
    }
  })

  test('has its faults all at once and in their places', async () => {
    const text = `${long}  - { nmae: x }\nlisten: { port: 99999 }\n`
    const file = fileWith(text)
    let inPlace: unknown
    await assert.rejects(file.load(text), (error) => {
      inPlace = error
      return error instanceof ConfigError && error.faults.length >= 3
    })
    await assert.rejects(file.loadAside(text), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.faults, (inPlace as ConfigError).faults)
      assert.equal(error.message, (inPlace as ConfigError).message)
      return true
    })
  })
})
