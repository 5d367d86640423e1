// Which client settings make a limit reachable, by library.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { behaviourOf } from '../../src/policy/client-libraries.ts'
import { floorAdvice } from '../../src/policy/floor-advice.ts'

test('every library of the table that has a name has settings of its own, or the general words', () => {
  for (const software of ['apache-kafka-java', 'librdkafka', 'sarama', 'kgo', 'kafka-python', '@platformatic/kafka']) {
    const { library } = behaviourOf(software, [])
    const produce = floorAdvice(library, API_KEY.Produce)
    assert.ok(produce !== undefined && produce !== floorAdvice('nobody', API_KEY.Produce), software)
    assert.notEqual(floorAdvice(library, API_KEY.Fetch), produce)
  }
  assert.match(floorAdvice('unnamed', API_KEY.Produce) ?? '', /smaller batch/)
})

test('ShareFetch is advised like Fetch, small requests not at all', () => {
  assert.equal(floorAdvice('java', API_KEY.ShareFetch), floorAdvice('java', API_KEY.Fetch))
  assert.match(floorAdvice('java', API_KEY.Fetch) ?? '', /fetch\.max\.bytes/)
  assert.equal(floorAdvice('java', API_KEY.Metadata), undefined)
})
