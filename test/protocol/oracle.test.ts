/** The codec against Kafka's classes running beside it, both ways, with values that no file holds. Skipped without Java. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeExactly, encode, requestHeaderVersion, responseHeaderVersion } from 'kafka-protocol-codec'
import { releases } from '../../protocol/generator/generate-files.ts'
import { whyNoJava } from '../../protocol/generator/jars.ts'
import { runOracle } from '../../protocol/generator/oracle.ts'
import { messageSchema, parseVector, randomValue, seededRandom } from '../support/vectors.ts'

const SEED = 482
const VALUES = 6
const missing = whyNoJava()

interface Case {
  readonly name: string
  readonly version: number
}

function parseLine(line: string): Case {
  const [name = '', version = ''] = line.split(' ')
  return { name, version: Number(version) }
}

describe("Kafka's own classes", { skip: missing ?? false }, () => {
  for (const which of ['current', 'legacy'] as const) {
    test(`write bytes that we decode and encode byte-equal (${which} release)`, () => {
      const release = releases()[which]
      const lines = runOracle(release.kafkaVersion, ['generate', String(SEED), String(VALUES)], release.messages)
      assert.equal(lines.length, release.messages.length * VALUES)
      for (const { schema, version, hex } of lines.map(parseVector)) {
        const value = decodeExactly(schema, version, Buffer.from(hex, 'hex'))
        assert.equal(Buffer.from(encode(schema, version, value)).toString('hex'), hex, `${schema.name} v${version}`)
      }
    })

    test(`read our bytes and write them byte-equal (${which} release)`, () => {
      const release = releases()[which]
      const random = seededRandom(SEED)
      const lines = release.messages.flatMap((line) => {
        const { name, version } = parseLine(line)
        const schema = messageSchema(name)
        return Array.from({ length: VALUES }, () => {
          const bytes = encode(schema, version, randomValue(schema, version, random))
          return `${line} ${Buffer.from(bytes).toString('hex')}`.trimEnd()
        })
      })
      const answers = runOracle(release.kafkaVersion, ['roundtrip'], lines)
      assert.equal(answers.length, lines.length)
      answers.forEach((answer, index) => {
        assert.equal(answer, `hex:${lines[index]?.split(' ')[2] ?? ''}`, lines[index])
      })
    })

    test(`use the header versions that we use (${which} release)`, () => {
      const release = releases()[which]
      const ours = release.messages.map((line) => {
        const { name, version } = parseLine(line)
        const { apiKey, kind } = messageSchema(name)
        const header = kind === 'request' ? requestHeaderVersion : responseHeaderVersion
        return `${line} ${header(apiKey, version)}`
      })
      assert.deepEqual(ours, runOracle(release.kafkaVersion, ['headers'], release.messages))
    })
  }
})
