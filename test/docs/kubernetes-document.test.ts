/** docs/kubernetes.md: the table of annotations is what there is, and what its examples say works. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/config.ts'
import { settingNames } from '../../src/injector/annotations.ts'
import { inject } from '../../src/injector/inject.ts'
import { injectionOf } from '../support/injector-scene.ts'

const page = readFileSync(new URL('../../docs/kubernetes.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/gu)].map(([, text = '']) => text)

test('the table has every annotation, and none besides', () => {
  const [, table = ''] = /\| annotation \|.*\n\|[-|]+\n((?:\|.*\n)+)/u.exec(page) ?? []
  const names = table
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/gu)].map(([, name]) => name))
  assert.deepEqual(names.toSorted(), settingNames().toSorted())
})

test('pods with the annotations of the examples get the sidecar', () => {
  const examples = blocks.filter((text) => text.includes('annotations:'))
  assert.equal(examples.length, 2)
  for (const text of examples) {
    const { annotations } = parse(text) as { annotations: Record<string, string> }
    const pod = { metadata: { labels: { 'kafka-sluice.io/inject': 'true' }, annotations }, spec: { containers: [] } }
    assert.equal(inject(pod, false, injectionOf()).kind, 'injected', text)
  }
})

test('configurations in the examples are right', () => {
  const values = blocks.filter((text) => /^ *config:$/mu.test(text)).map((text) => parse(text) as Values)
  assert.equal(values.length, 3)
  for (const { injector, gateway, 'kafka-sluice': dependency } of values) {
    const config = injector?.defaults.config ?? gateway?.config ?? dependency?.sidecar.config
    loadConfig({ file: { path: 'values.yaml', text: JSON.stringify(config) }, flags: {}, env: {} })
  }
})

interface Values {
  readonly injector?: { readonly defaults: { readonly config: unknown } }
  readonly gateway?: { readonly config: unknown }
  readonly 'kafka-sluice'?: { readonly sidecar: { readonly config: unknown } }
}
