/** Runs the Java oracle (`oracle/Oracle.java`) against the clients jar of one release. */

import { execFileSync } from 'node:child_process'
import { classPath, PROTOCOL_DIRECTORY } from './jars.ts'

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024
/** It lives for seconds, in which the second compiler costs more than its code saves. */
const JAVA_FLAGS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

/**
 * Runs the oracle and returns its output lines. The jars must have been resolved.
 * @param version the Kafka release whose classes answer
 * @param parameters the oracle's command line, see Oracle.java
 * @param input what the oracle reads, one line an entry
 * @throws Error when the oracle fails
 */
export function runOracle(version: string, parameters: readonly string[], input: readonly string[] = []): string[] {
  const program = `${PROTOCOL_DIRECTORY}oracle/Oracle.java`
  // SLF4J says on stderr that nobody logs; the oracle's own failures come with the exit code.
  const output = execFileSync('java', [...JAVA_FLAGS, '-cp', classPath(version), program, ...parameters], {
    input: input.map((line) => `${line}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  return output.split('\n').filter((line) => line !== '')
}
