/**
 * `npm run cookbook`: plays the situations of docs/cookbook.md on real Kafka with real clients and draws what the sluice's own
 * /metrics said, as docs/cookbook/*.svg. The YAML is taken from the page; what was measured is kept in docs/cookbook/runs.json.
 *
 *   npm run cookbook                    every recipe that has not been played, then the pictures
 *   npm run cookbook -- --only replay   those whose name has one of these words, also when they have been played
 *   npm run cookbook -- --draw          only the pictures, from what is there
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { kafkaFor } from '../e2e/support/sluice.ts'
import { warmUp } from '../e2e/support/warm-up.ts'
import { Results } from '../limits/results.ts'
import { scoped } from '../limits/scope.ts'
import { blocksOf } from './document.ts'
import { pictureOf } from './picture.ts'
import { PASSWORDS, RECIPES } from './recipes.ts'
import { type Recording, record } from './record.ts'

const DOCS = resolve(import.meta.dirname, '../../docs')

const { values: flags } = parseArgs({
  options: { only: { type: 'string', default: '' }, draw: { type: 'boolean', default: false } },
})

const words = flags.only.split(',').filter((word) => word !== '')
const results = await Results.open<Recording>(join(DOCS, 'cookbook/runs.json'))
const wanted = RECIPES.filter(({ name }) =>
  words.length === 0 ? results.get(name) === undefined : words.some((word) => name.includes(word)),
)
const failed = flags.draw || wanted.length === 0 ? [] : await playAll()
for (const recipe of RECIPES) {
  const recording = results.get(recipe.name)
  if (recording !== undefined) await writeFile(join(DOCS, `cookbook/${recipe.name}.svg`), pictureOf(recipe, recording))
}
process.exitCode = failed.length === 0 ? 0 : 1

async function playAll(): Promise<string[]> {
  const document = await readFile(join(DOCS, 'cookbook.md'), 'utf8')
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  const failures: string[] = []
  await scoped(controller.signal, async (scope) => {
    const kafka = await kafkaFor(scope, { brokers: 2, listeners: 'SASL_PLAINTEXT', saslUsers: PASSWORDS })
    if (kafka === undefined) return
    await warmUp(kafka)
    for (const recipe of wanted) {
      console.log(`${recipe.name}: ${recipe.seconds} s`)
      try {
        await results.set(recipe.name, await record(recipe, blocksOf(document, recipe.name), kafka, scope.signal))
      } catch (error) {
        scope.signal.throwIfAborted()
        console.error(error)
        failures.push(recipe.name)
      }
    }
  })
  for (const name of failures) console.log(`failed: ${name}`)
  return failures
}
