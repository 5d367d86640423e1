/** The frame of a test file on a node: one scene for all of its tests, made before the first and cleaned after the last. */
import { after, before, type TestContext, test } from 'node:test'
import { requireNode } from './node.ts'
import { type Scene, startScene } from './node-scene.ts'

let scene: Scene | undefined
let skipReason = ''
const cleanUps: (() => unknown)[] = []

before(async () => {
  const surroundings = {
    signal: new AbortController().signal,
    after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp),
    skip: (reason: string) => {
      skipReason = reason
    },
  }
  if (await requireNode(surroundings)) scene = await startScene(surroundings)
})

after(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
})

/** A test that needs the scene; skipped by name without. */
export function onNode(name: string, body: (it: Scene, context: TestContext) => Promise<void>): void {
  test(name, { timeout: 600_000 }, async (context) => {
    if (scene === undefined) context.skip(skipReason)
    else await body(scene, context)
  })
}
