/**
 * What a Produce request tells of its producer as its batches pass: their sizes, their records, their codec, and, of idempotent
 * producers, whether one was sent before. From the headers of the batches alone.
 */
import { baseSequence, batchCodecCode, batchMagic, producerEpoch, producerId } from 'kafka-protocol-codec'
import type { ClientSeries } from './client-book.ts'
import type { SessionContext } from './context.ts'

export class ProduceMeter {
  /** Whose batches come next; set where the plan tells. */
  partition = 0
  #topic = 0
  readonly #context: Pick<SessionContext, 'counters' | 'series'>
  #client: ClientSeries | undefined
  /** Topics are told: the client was known to be idempotent when the request began. */
  #isFollowed = false

  constructor(context: Pick<SessionContext, 'counters' | 'series'>) {
    this.#context = context
  }

  begin(client: ClientSeries): void {
    this.#client = client
    this.#isFollowed = client.isIdempotent
  }

  /** A topic begins: its name or its id. */
  topic(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#isFollowed && offset >= 0) this.#topic = hashOf(bytes, offset, length)
  }

  batch(bytes: Uint8Array, offset: number, sizeBytes: number, records: number): void {
    const { counters } = this.#context
    const client = this.#client!
    const codec = batchCodecCode(bytes, offset)
    counters.batches[codec]! += 1
    counters.batchBytes.observe(sizeBytes)
    counters.batchRecords.observe(records)
    client.batches[codec]! += 1
    client.batchBytes += sizeBytes
    if (sizeBytes > client.largestBatchBytes) client.largestBatchBytes = sizeBytes
    if (batchMagic(bytes, offset) === 2) this.#numbered(bytes, offset, client)
  }

  /** A batch that may have a producer id: −1 where it has none. */
  #numbered(bytes: Uint8Array, offset: number, client: ClientSeries): void {
    const id = producerId(bytes, offset)
    if (id < 0) return
    client.isIdempotent = true
    if (!this.#isFollowed) return // its topic was not told: from the next request on
    const { sequences } = this.#context.series
    const epoch = producerEpoch(bytes, offset)
    if (sequences.isRepeated(id, epoch, this.#topic, this.partition, baseSequence(bytes, offset))) client.retries++
  }
}

/** FNV-1a over the bytes of a name or an id. */
function hashOf(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x811c9dc5 | 0
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[offset + i]!, 0x01000193)
  return hash
}
