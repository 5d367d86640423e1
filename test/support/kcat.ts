/** kcat, a client that nobody here wrote: what goes into one comes out of another. */
import { execFile } from 'node:child_process'
import { toolAnswers } from '../../src/demo/kafka/run-tool.ts'
import type { Surroundings } from './surroundings.ts'

const OUTPUT_BYTES_MAX = 67_108_864
const KCAT_MAX_MS = 60_000

/** False, and the test is marked as skipped, where there is no kcat; as `requireClient`. */
export async function requireKcat(context: Surroundings): Promise<boolean> {
  if (await toolAnswers('kcat', '-V')) return true
  if (process.env['SLUICE_REQUIRE_ALL'] === '1') throw new Error('kcat is missing, and SLUICE_REQUIRE_ALL is set')
  context.skip('needs kcat')
  return false
}

/** Runs kcat with `input` on its stdin; its stdout. */
export function kcat(args: readonly string[], input = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: KCAT_MAX_MS }
  const child = execFile('kcat', [...args], options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout)
    else reject(new Error(`kcat failed: ${stderr}`, { cause: error }))
  })
  child.stdin?.end(input)
  return promise
}
