/** Every block of YAML in the pages that is a whole configuration is one that `check-config` takes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cli } from '../support/cli.ts'
import { configurationsInPages } from './markdown.ts'

const HERE = 'upstream: { bootstrap: "kafka:9092" }\n'

const configurations = configurationsInPages()

test('the pages have configurations', () => assert.ok(configurations.length > 10))

for (const { at, text } of configurations) {
  test(`the configuration at ${at} is valid`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-docs-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'sluice.yaml')
    // A page that explains quotas does not repeat where Kafka is.
    writeFileSync(file, /^upstream:/mu.test(text) ? text : `${HERE}${text}`)
    const outcome = await cli(['check-config', file])
    assert.equal(outcome.exitCode, 0, `${text}\n${outcome.err}`)
  })
}
