/** Where the Java provider's ingredients come from: a Java of 17 or later, and Kafka's jars through Maven, cached. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, cached, contentKey, exists } from './cache.ts'
import { runTool, toolAnswers } from './run-tool.ts'

/** Kafka 4 brokers are compiled for it. */
const JAVA_VERSION_MIN = 17
const POM = fileURLToPath(new URL('./pom.xml', import.meta.url))

export interface Java {
  readonly command: string
  /** What it says of itself: no two builds say the same. */
  readonly build: string
}

/** The `java` to call, or why there is none. */
export async function findJava(): Promise<Java | { readonly why: string }> {
  const home = process.env['JAVA_HOME']
  const command = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java')
  const output = await runTool(command, ['-version']).catch(() => undefined)
  if (output === undefined) return { why: 'no Java found' }
  const version = javaMajorVersion(output)
  if (version >= JAVA_VERSION_MIN) return { command, build: output }
  return { why: `Java ${version} found, Kafka needs ${JAVA_VERSION_MIN} or later` }
}

/** `openjdk version "17.0.15" …` → 17; the old style `"1.8.0_392"` → 8. */
export function javaMajorVersion(output: string): number {
  const match = /version "(?:1\.)?(\d+)/.exec(output)
  return Number(match?.[1] ?? 0)
}

/** Why the jars of this version cannot be had, or undefined when they can (they may still have to be downloaded). */
export async function jarsUnavailable(version: string): Promise<string | undefined> {
  if (await exists(join(cacheDirectory(), await cacheName(version)))) return undefined
  return (await toolAnswers('mvn', '--version')) ? undefined : 'no Maven found to fetch the Kafka jars with'
}

/** A directory with the broker's jars, fetched on first use. */
export async function kafkaJars(
  version: string,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<string> {
  return cached(await cacheName(version), async (into) => {
    log(`fetching the Apache Kafka ${version} jars with Maven (once)`)
    const settings = [`-Dkafka.version=${version}`, `-Djars.directory=${into}`]
    await runTool('mvn', ['-q', '-B', '-f', POM, ...settings, 'dependency:copy-dependencies'], { signal })
  })
}

async function cacheName(version: string): Promise<string> {
  return `kafka-${version}-${contentKey(await readFile(POM))}`
}
