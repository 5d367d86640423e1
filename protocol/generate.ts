/**
 * `npm run generate -w protocol`: writes `src/generated` and `vectors` anew from the Kafka clients jars that pom.xml names.
 * Needs java 17 and, until the jars are cached, mvn.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { generateFiles } from './generator/generate-files.ts'
import { generateVectors } from './generator/generate-vectors.ts'
import { PROTOCOL_DIRECTORY } from './generator/jars.ts'

function writeDirectory(name: string, files: ReadonlyMap<string, string>): void {
  const directory = `${PROTOCOL_DIRECTORY}${name}/`
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const [file, text] of files) writeFileSync(directory + file, text)
  console.log(`wrote ${files.size} files to protocol/${name}`)
}

// Everything is made before anything is replaced.
const tables = generateFiles()
const vectors = generateVectors()
writeDirectory('src/generated', tables)
writeDirectory('vectors', vectors)
