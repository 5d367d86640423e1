/** How many records a Produce request or the answer to a Fetch carries, read whole with the codec, not with the session's skim. */
import { API_KEY, decodeRequest, decodeResponse, type Struct, structsOf } from 'kafka-protocol-codec'

/** KIP-98's batch: where its length and its count of records stand, and how much comes before what the length counts. */
const LENGTH_AT = 8
const COUNT_AT = 57
const BEFORE_LENGTH_BYTES = 12

/** @param frame with its four bytes of size, as for `recordsInAnswer` */
export function recordsInRequest(frame: Buffer): number {
  const { value } = decodeRequest(frame)
  return structsOf(value['topicData'])
    .flatMap((topic) => structsOf(topic['partitionData']))
    .reduce((sum, partition) => sum + recordsIn(partition), 0)
}

export function recordsInAnswer(frame: Buffer, version: number): number {
  const { value } = decodeResponse(API_KEY.Fetch, version, frame)
  return structsOf(value['responses'])
    .flatMap((topic) => structsOf(topic['partitions']))
    .reduce((sum, partition) => sum + recordsIn(partition), 0)
}

/** The last batch of a Fetch may be cut: clients drop it and ask for it again, so it does not count. */
function recordsIn(partition: Struct): number {
  const records = partition['records']
  if (!(records instanceof Uint8Array)) return 0
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength)
  let count = 0
  for (let at = 0; at + COUNT_AT + 4 <= records.length; ) {
    const end = at + BEFORE_LENGTH_BYTES + view.getInt32(at + LENGTH_AT)
    if (end > records.length) break
    count += view.getInt32(at + COUNT_AT)
    at = end
  }
  return count
}
