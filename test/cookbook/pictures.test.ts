/** The pictures of the cookbook are those of its recipes and recordings; a chart says what it is given, and fits. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/config.ts'
import { type Chart, drawChart, valueTicks } from './chart.ts'
import { blocksOf } from './document.ts'
import { pictureOf } from './picture.ts'
import { RECIPES } from './recipes.ts'
import type { Recording } from './record.ts'

const DOCS = join(import.meta.dirname, '../../docs')
const document = readFileSync(join(DOCS, 'cookbook.md'), 'utf8')
const recordings = JSON.parse(readFileSync(join(DOCS, 'cookbook/runs.json'), 'utf8')) as Record<string, Recording>

for (const recipe of RECIPES) {
  test(`the picture of ${recipe.name} is what was recorded`, () => {
    const recording = recordings[recipe.name]
    assert.ok(recording !== undefined, 'run: npm run cookbook')
    const picture = readFileSync(join(DOCS, `cookbook/${recipe.name}.svg`), 'utf8')
    assert.equal(picture, pictureOf(recipe, recording), 'run: npm run cookbook -- --draw')
  })

  test(`the quotas that ${recipe.name} reads exist in its section`, () => {
    const text = blocksOf(document, recipe.name).at(-1)
    assert.ok(text !== undefined)
    const { quotas, followKafka } = loadConfig({ file: { path: 'cookbook.md', text }, flags: {}, env: {} })
    assert.ok(quotas.length > 0 || followKafka !== undefined)
  })
}

test('every picture is of a recipe', () => {
  const names = readdirSync(join(DOCS, 'cookbook')).filter((name) => name.endsWith('.svg'))
  assert.deepEqual(names.toSorted(), RECIPES.map(({ name }) => `${name}.svg`).toSorted())
})

const chart: Chart = {
  title: 'A < B',
  description: 'told & heard',
  seconds: 20,
  moments: [{ second: 5, label: 'it begins' }],
  panels: [
    {
      title: 'written, MB/s',
      levels: [{ value: 2, label: 'limit 2 MB/s' }],
      lines: [
        {
          label: 'one',
          points: [
            [0, 0],
            [20, 4.7],
          ],
        },
        {
          label: 'two',
          points: [
            [0, 1],
            [20, 1],
          ],
        },
      ],
    },
  ],
}

test('a chart has its title, description, axes, legend, limit and moment, escaped', () => {
  const svg = drawChart(chart)
  for (const text of [
    'A &lt; B',
    'told &amp; heard',
    'written, MB/s',
    'limit 2 MB/s',
    'it begins',
    '>one<',
    '>20 s<',
  ]) {
    assert.ok(svg.includes(text), text)
  }
  assert.match(svg, /prefers-color-scheme:dark/)
  assert.match(svg, /role="img" aria-labelledby="title description"/)
})

test('a value lies where its axis says', () => {
  const [top, bottom] = [64, 294]
  const path = /class="line0" d="M56 (\S+)L740 (\S+)"/.exec(drawChart(chart))
  const most = valueTicks(chart.panels[0]!).at(-1)!
  assert.equal(Number(path?.[1]), bottom)
  assert.ok(Math.abs(Number(path?.[2]) - (bottom - (4.7 / most) * (bottom - top))) < 0.06)
})

test('ticks are in steps of 1, 2 or 5, from 0 to above everything', () => {
  const ticks = (most: number): number[] =>
    valueTicks({ title: '', levels: [], lines: [{ label: '', points: [[0, most]] }] })
  assert.deepEqual(ticks(4.7), [0, 2, 4, 6])
  assert.deepEqual(ticks(0.93), [0, 0.5, 1, 1.5])
  assert.deepEqual(ticks(230), [0, 50, 100, 150, 200, 250])
  for (const most of [0.001, 0.3, 1, 7, 99, 12_345]) assert.ok(ticks(most).at(-1)! >= most)
})
