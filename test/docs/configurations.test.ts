/** Every block of YAML in the pages that is a whole configuration is one that `check-config` takes. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cli } from '../support/cli.ts'
import { PAGES_OF_OTHER_FILES, yamlBlocks } from './markdown.ts'

const ROOT = join(import.meta.dirname, '../..')
const HERE = 'upstream: { bootstrap: "kafka:9092" }\n'

/** A block that begins with a key of the file; what begins with another is of Kubernetes, Prometheus or Compose, or a part. */
const WHOLE =
  /^(?:#.*\n|\s*\n)*(upstream|quotas|mode|exempt|labels|labelsFile|followKafka|clients|log|metrics|limits|listen|admin):/u

const blocks: { readonly at: string; readonly text: string }[] = []
for await (const page of glob(['README.md', 'docs/*.md'], { cwd: ROOT })) {
  if (PAGES_OF_OTHER_FILES.has(page)) continue
  for (const { line, text } of yamlBlocks(readFileSync(join(ROOT, page), 'utf8'))) {
    if (WHOLE.test(text)) blocks.push({ at: `${page}:${line}`, text })
  }
}

test('the pages have configurations', () => assert.ok(blocks.length > 10))

for (const { at, text } of blocks) {
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
