/**
 * Kafka's classes as a JVM has laid them out in memory, kept in a file (class data sharing): a broker that reads it starts with
 * a third of the processor time. The file fits one JVM and one set of jars, and its name says which; a JVM that cannot use it
 * says so in its log and reads the jars. It is made where brokers are started again and again: by `npm run test:prepare`.
 */
import { basename, join } from 'node:path'
import { cacheDirectory, cached, contentKey, exists } from './cache.ts'
import type { Java } from './jars.ts'

const FILE = 'kafka.jsa'

/** The file for this JVM and these jars, where it was made. */
export async function classArchive(java: Java, jars: string): Promise<string | undefined> {
  const file = join(cacheDirectory(), archiveName(java, jars), FILE)
  return (await exists(file)) ? file : undefined
}

/** Makes it, unless it is there; `write` runs a broker with `-XX:ArchiveClassesAtExit` and ends it in good order. */
export async function makeClassArchive(
  java: Java,
  jars: string,
  write: (file: string) => Promise<void>,
): Promise<void> {
  await cached(archiveName(java, jars), (into) => write(join(into, FILE)))
}

function archiveName({ build }: Java, jars: string): string {
  return `kafka-classes-${contentKey(build, basename(jars))}`
}
