/** What each dimension is of: a request, a connection, a topic; and which APIs it concerns. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import {
  DIMENSIONS,
  isLevel,
  isOfConnection,
  isOfTopic,
  LEVEL_DIMENSIONS,
  measures,
  RATE_DIMENSIONS,
  UNITS,
} from '../../src/policy/dimensions.ts'

test('two dimensions are numbers at a time, two are of connections', () => {
  assert.deepEqual(DIMENSIONS.filter(isLevel), ['connections', 'inFlight'])
  assert.deepEqual(DIMENSIONS.filter(isLevel), LEVEL_DIMENSIONS)
  assert.deepEqual(RATE_DIMENSIONS.filter(isLevel), [])
  assert.deepEqual(DIMENSIONS.filter(isOfConnection), ['newConnections', 'connections'])
  for (const dimension of ['requests', 'commits', 'mutations', 'inFlight'] as const) assert.ok(!isOfTopic(dimension))
  for (const dimension of ['produceBytes', 'fetchRecords'] as const) assert.ok(isOfTopic(dimension))
  assert.deepEqual(Object.keys(UNITS).sort(), [...DIMENSIONS].sort())
})

test('each dimension concerns its own APIs', () => {
  const rows: [number, string[]][] = [
    [API_KEY.Produce, ['produceBytes', 'produceRecords', 'requests', 'inFlight']],
    [API_KEY.Fetch, ['fetchBytes', 'fetchRecords', 'requests', 'inFlight']],
    [API_KEY.Metadata, ['requests', 'inFlight']],
    [API_KEY.OffsetCommit, ['requests', 'commits', 'inFlight']],
    [API_KEY.CreateTopics, ['requests', 'mutations', 'inFlight']],
    [API_KEY.DeleteTopics, ['requests', 'mutations', 'inFlight']],
    [API_KEY.CreatePartitions, ['requests', 'mutations', 'inFlight']],
    [API_KEY.JoinGroup, ['joins']],
    [API_KEY.ConsumerGroupHeartbeat, ['joins']],
    [API_KEY.Heartbeat, []],
    [API_KEY.ApiVersions, []],
    [12_345, []],
  ]
  for (const [apiKey, expected] of rows) {
    assert.deepEqual(
      DIMENSIONS.filter((dimension) => measures(dimension, apiKey)),
      expected,
      `${apiKey}`,
    )
  }
})
