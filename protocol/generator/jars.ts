/**
 * The jars behind the generator and the oracle: Kafka's clients of two releases and what their JSON converters need.
 * Maven resolves them (pom.xml pins the versions) into the git-ignored `.cache/jars`; afterwards no network is needed.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The directory of the workspace `protocol`. */
export const PROTOCOL_DIRECTORY: string = fileURLToPath(new URL('../', import.meta.url))

const JAR_DIRECTORY = `${PROTOCOL_DIRECTORY}.cache/jars`
const POM = `${PROTOCOL_DIRECTORY}pom.xml`

/** The two releases, as pom.xml pins them. */
export interface KafkaVersions {
  /** The release that the codec speaks. */
  readonly current: string
  /** The release that still has what Kafka 4.0 removed. */
  readonly legacy: string
}

/** Reads a property of pom.xml. */
function pomProperty(name: string): string {
  const value = new RegExp(`<${name}>([^<]+)</${name}>`).exec(readFileSync(POM, 'utf8'))?.[1]
  if (value === undefined) throw new Error(`${POM} has no property ${name}`)
  return value
}

/** The Kafka versions of pom.xml. */
export function kafkaVersions(): KafkaVersions {
  return { current: pomProperty('kafka.version'), legacy: pomProperty('kafka.legacy.version') }
}

/** Where the clients jar of one release lies after `resolveJars`. */
export function clientsJar(version: string): string {
  return `${JAR_DIRECTORY}/kafka-clients-${version}.jar`
}

function supportJars(): string[] {
  return [
    `jackson-databind-${pomProperty('jackson.version')}.jar`,
    `jackson-core-${pomProperty('jackson.version')}.jar`,
    `jackson-annotations-${pomProperty('jackson.annotations.version')}.jar`,
    `slf4j-api-${pomProperty('slf4j.version')}.jar`,
  ].map((name) => `${JAR_DIRECTORY}/${name}`)
}

/** The Java class path with the clients of one release. */
export function classPath(version: string): string {
  return [clientsJar(version), ...supportJars()].join(process.platform === 'win32' ? ';' : ':')
}

/** Whether a command can be started at all. */
function runs(command: string, argument: string): boolean {
  try {
    execFileSync(command, [argument], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function jarsPresent(): boolean {
  const { current, legacy } = kafkaVersions()
  return [clientsJar(current), clientsJar(legacy), ...supportJars()].every((path) => existsSync(path))
}

/**
 * Fetches the jars unless they are there. Several test processes may do so at once: each fetches into a directory of its
 * own and moves whole files.
 * @throws Error when Maven fails
 */
export function resolveJars(): void {
  if (jarsPresent()) return
  const fetched = `${JAR_DIRECTORY}-${process.pid}`
  try {
    const parameters = ['-q', '-B', '-f', POM, `-Djars.directory=${fetched}`, 'generate-resources']
    execFileSync('mvn', parameters, { stdio: ['ignore', 'inherit', 'inherit'] })
    mkdirSync(JAR_DIRECTORY, { recursive: true })
    for (const name of readdirSync(fetched)) renameSync(`${fetched}/${name}`, `${JAR_DIRECTORY}/${name}`)
  } finally {
    rmSync(fetched, { recursive: true, force: true })
  }
  if (!jarsPresent()) throw new Error(`Maven succeeded, but ${JAR_DIRECTORY} lacks jars that pom.xml names`)
}

/** Why neither the generator nor the oracle can run on this machine; undefined when they can. Fetches the jars. */
export function whyNoJava(): string | undefined {
  if (!runs('java', '-version')) return 'needs java (17 or later)'
  if (jarsPresent()) return undefined
  if (!runs('mvn', '-version')) return 'needs mvn to fetch the Kafka clients jars'
  try {
    resolveJars()
    return undefined
  } catch {
    return 'needs the Kafka clients jars, and mvn could not fetch them'
  }
}
