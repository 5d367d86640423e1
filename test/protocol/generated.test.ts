/** The generated tables: fresh, complete, and what protocol-facts say of throttle places and broker addresses. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import {
  API_KEY,
  API_SCHEMAS,
  addressFields,
  apiSchema,
  ERROR_CODE,
  encode,
  errorName,
  type Field,
  inRange,
  type MessageSchema,
  ProtocolError,
  requestHeaderVersion,
  responseHeaderVersion,
  throttlePlace,
} from 'kafka-protocol-codec'
import { generateFiles } from '../../protocol/generator/generate-files.ts'
import { generateVectors } from '../../protocol/generator/generate-vectors.ts'
import { whyNoJava } from '../../protocol/generator/jars.ts'
import { forEachVersion, messageSchema } from '../support/vectors.ts'

const PROTOCOL = new URL('../../protocol/', import.meta.url)
const missing = whyNoJava()

/** Asserts that a directory holds exactly these files. */
function assertFresh(directory: string, files: ReadonlyMap<string, string>): void {
  const url = new URL(directory, PROTOCOL)
  const hint = `${directory} is stale: npm run generate -w protocol`
  assert.deepEqual(readdirSync(url).sort(), [...files.keys()].sort(), hint)
  for (const [name, text] of files) {
    assert.ok(readFileSync(new URL(name, url), 'utf8') === text, `${name}: ${hint}`)
  }
}

/** The first version with throttle_time_ms, and its body offset in every version from there; 'end' where it varies. */
const THROTTLE: Readonly<Record<string, readonly [from: number, place: number | 'end']>> = {
  Produce: [1, 'end'],
  Fetch: [1, 0],
  ListOffsets: [2, 0],
  Metadata: [3, 0],
  OffsetCommit: [3, 0],
  OffsetFetch: [3, 0],
  FindCoordinator: [1, 0],
  JoinGroup: [2, 0],
  Heartbeat: [1, 0],
  LeaveGroup: [1, 0],
  SyncGroup: [1, 0],
  DescribeGroups: [1, 0],
  ListGroups: [1, 0],
  ApiVersions: [1, 'end'],
  CreateTopics: [2, 0],
  DeleteTopics: [1, 0],
  OffsetForLeaderEpoch: [2, 0],
  CreateDelegationToken: [0, 'end'],
  RenewDelegationToken: [0, 10],
  ExpireDelegationToken: [0, 10],
  DescribeDelegationToken: [0, 'end'],
  OffsetDelete: [0, 2],
}
const UNTHROTTLED: ReadonlySet<string> = new Set([
  'SaslHandshake',
  'SaslAuthenticate',
  'WriteTxnMarkers',
  'DescribeQuorum',
  'InitializeShareGroupState',
  'ReadShareGroupState',
  'WriteShareGroupState',
  'DeleteShareGroupState',
  'ReadShareGroupStateSummary',
])

/** What carries broker addresses: the array (or '' for the body itself), the versions, the tag. */
const ADDRESSES: Readonly<Record<string, readonly (readonly [path: string, from: number, to: number, tag: number])[]>> =
  {
    Produce: [['nodeEndpoints', 10, 13, 0]],
    Fetch: [['nodeEndpoints', 16, 18, 0]],
    Metadata: [['brokers', 0, 13, -1]],
    FindCoordinator: [
      ['', 0, 3, -1],
      ['coordinators', 4, 6, -1],
    ],
    DescribeCluster: [['brokers', 0, 2, -1]],
    ShareFetch: [['nodeEndpoints', 1, 2, -1]],
    ShareAcknowledge: [['nodeEndpoints', 1, 2, -1]],
  }

/** Calls back for every response of every version, with the API's name. */
function forEachResponse(visit: (name: string, response: MessageSchema, version: number) => void): void {
  forEachVersion((schema, version) => {
    if (schema.kind === 'response') visit(schema.name.replace(/Response$/, ''), schema, version)
  })
}

describe('the generated files', () => {
  test('are what the generator makes of the pinned jars', { skip: missing ?? false }, () => {
    assertFresh('src/generated/', generateFiles())
  })

  test('vectors are what the oracle writes with the pinned jars', { skip: missing ?? false }, () => {
    assertFresh('vectors/', generateVectors())
  })
})

describe('the tables', () => {
  test('hold the 79 client-facing APIs of Kafka 4.4, by number and by name', () => {
    assert.equal(API_SCHEMAS.length, 79)
    for (const api of API_SCHEMAS) {
      assert.equal(apiSchema(api.key), api)
      assert.equal(API_KEY[api.name as keyof typeof API_KEY], api.key)
      assert.deepEqual(api.request.versions, api.response.versions, api.name)
    }
    assert.equal(apiSchema(4), undefined)
  })

  test('hold the versions that Kafka 4.0 removed, with fields that only those have', () => {
    const early = API_SCHEMAS.filter((api) => api.request.versions[0] > 0).map((api) => api.name)
    // Share groups began with v1; their early-access v0 was never a stable protocol.
    assert.deepEqual(early, ['ShareGroupHeartbeat', 'ShareGroupDescribe', 'ShareFetch', 'ShareAcknowledge'])
    const field = (message: string, name: string): Field | undefined =>
      messageSchema(message).fields.find((candidate) => candidate.name === name)
    assert.deepEqual(field('OffsetCommitRequest', 'retentionTimeMs')?.versions, [2, 4])
    assert.deepEqual(field('ProduceRequest', 'transactionalId')?.versions, [3, 13])
    assert.deepEqual(field('FetchRequest', 'maxBytes')?.versions, [3, 18])
  })

  test('have no array whose elements could be empty, so that counts stay bounded by bytes', () => {
    const check = (fields: readonly Field[], version: number, flexible: boolean, path: string): void => {
      for (const field of fields.filter((candidate) => inRange(version, candidate.versions))) {
        if (field.fields === undefined) continue
        const some = field.fields.some((inner) => inRange(version, inner.versions))
        assert.ok(flexible || some, `${path}.${field.name} v${version}`)
        check(field.fields, version, flexible, `${path}.${field.name}`)
      }
    }
    forEachVersion((schema, version) => check(schema.fields, version, inRange(version, schema.flexible), schema.name))
  })

  test("name Kafka's errors", () => {
    assert.equal(errorName(6), 'NOT_LEADER_OR_FOLLOWER')
    assert.equal(errorName(-1), 'UNKNOWN_SERVER_ERROR')
    assert.equal(ERROR_CODE.THROTTLING_QUOTA_EXCEEDED, 89)
    assert.equal(ERROR_CODE.REBOOTSTRAP_REQUIRED, 129)
    assert.equal(errorName(32000), undefined)
  })
})

describe('header versions', () => {
  test('follow flexibility, but for the ApiVersions response and ControlledShutdown v0', () => {
    assert.equal(requestHeaderVersion(API_KEY.Produce, 8), 1)
    assert.equal(requestHeaderVersion(API_KEY.Produce, 9), 2)
    assert.equal(responseHeaderVersion(API_KEY.Produce, 8), 0)
    assert.equal(responseHeaderVersion(API_KEY.Produce, 9), 1)
    assert.equal(requestHeaderVersion(API_KEY.ApiVersions, 3), 2)
    assert.equal(responseHeaderVersion(API_KEY.ApiVersions, 3), 0)
    assert.equal(requestHeaderVersion(API_KEY.SaslHandshake, 1), 1)
    assert.equal(requestHeaderVersion(7, 0), 0)
  })

  test('are known for versions that the codec does not know', () => {
    assert.equal(requestHeaderVersion(API_KEY.ApiVersions, 99), 2)
    assert.equal(requestHeaderVersion(API_KEY.SaslHandshake, 99), 1)
    assert.equal(requestHeaderVersion(API_KEY.ShareFetch, 0), 2)
    assert.equal(responseHeaderVersion(API_KEY.ShareFetch, 0), 1)
  })

  test('of an unknown API are an error', () => {
    const unknown = (error: unknown): boolean => error instanceof ProtocolError && error.reason === 'unknown_api'
    assert.throws(() => requestHeaderVersion(4, 0), unknown)
    assert.throws(() => responseHeaderVersion(-1, 0), unknown)
  })
})

describe('throttlePlace', () => {
  test('agrees with the table of protocol-facts A.1 for every response and version', () => {
    forEachResponse((name, response, version) => {
      const [from, place] = THROTTLE[name] ?? [UNTHROTTLED.has(name) ? Number.POSITIVE_INFINITY : 0, 0]
      const present = place === 'end' ? 'end' : { at: place }
      const expected = version < from ? 'absent' : present
      assert.deepEqual(throttlePlace(response.apiKey, version), expected, `${name} v${version}`)
    })
  })

  test('is where the encoder writes it', () => {
    const MARKER = 0x5a5b5c5d
    forEachResponse((name, response, version) => {
      const place = throttlePlace(response.apiKey, version)
      if (place === 'absent') return
      const bytes = Buffer.from(encode(response, version, { throttleTimeMs: MARKER }))
      const tagBytes = inRange(version, response.flexible) ? 1 : 0
      const at = place === 'end' ? bytes.length - tagBytes - 4 : place.at
      assert.equal(bytes.readInt32BE(at), MARKER, `${name} v${version}`)
    })
  })

  test("is 'end' only for the last field before the tags, and absent for what is unknown", () => {
    forEachResponse((name, response, version) => {
      if (throttlePlace(response.apiKey, version) !== 'end') return
      const plain = response.fields.filter((field) => inRange(version, field.versions) && field.tagged === undefined)
      assert.equal(plain.at(-1)?.name, 'throttleTimeMs', `${name} v${version}`)
    })
    assert.equal(throttlePlace(4, 0), 'absent')
    assert.equal(throttlePlace(API_KEY.Fetch, 99), 'absent')
  })
})

/** Whether a struct somewhere below these fields looks like a broker's address. */
function holdsAddress(fields: readonly Field[]): boolean {
  const names = new Set(fields.map((field) => field.name))
  const own = names.has('host') && names.has('port') && fields.some((field) => field.entity === 'brokerId')
  return own || fields.some((field) => holdsAddress(field.fields ?? []))
}

describe('addressFields', () => {
  test('agrees with the table of protocol-facts B.1 for every response and version', () => {
    forEachResponse((name, response, version) => {
      const nodeId = name === 'DescribeCluster' ? 'brokerId' : 'nodeId'
      const expected = (ADDRESSES[name] ?? [])
        .filter(([, from, to]) => inRange(version, [from, to]))
        .map(([path, , , tag]) => ({ path, nodeId, host: 'host', port: 'port', tag }))
      assert.deepEqual(addressFields(response.apiKey, version), expected, `${name} v${version}`)
    })
  })

  test('finds none deeper than one array, and none in what is unknown', () => {
    for (const { name, response } of API_SCHEMAS) {
      for (const field of response.fields) {
        assert.ok(!(field.fields ?? []).some((inner) => holdsAddress(inner.fields ?? [])), `${name}.${field.name}`)
      }
    }
    assert.deepEqual(addressFields(4, 0), [])
    assert.deepEqual(addressFields(API_KEY.Metadata, 99), [])
  })
})
