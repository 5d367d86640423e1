/**
 * The committed vectors: bytes that Kafka's own classes wrote, for every message and version, with the JSON that Kafka's
 * converters make of the same values. They let the byte-for-byte proof run on machines without Java.
 */

import { type Release, releases } from './generate-files.ts'
import { runOracle } from './oracle.ts'

/** Any fixed number; another one draws other values. */
const SEED = 896
/** Values of each message and version: all filled, all empty, then random ones. */
const COUNT = 8

function vectorsText(release: Release): string {
  const origin = { origin: `org.apache.kafka:kafka-clients:${release.kafkaVersion}`, seed: SEED, count: COUNT }
  const lines = runOracle(release.kafkaVersion, ['generate', String(SEED), String(COUNT)], release.messages)
  return `${[JSON.stringify(origin), ...lines].join('\n')}\n`
}

/** Renders every vector file: file name → text. */
export function generateVectors(): Map<string, string> {
  const { current, legacy } = releases()
  return new Map([
    [`kafka-${current.kafkaVersion}.jsonl`, vectorsText(current)],
    [`kafka-${legacy.kafkaVersion}.jsonl`, vectorsText(legacy)],
  ])
}
