/**
 * A way to a broker on which connections break when a test wants it: the broker takes a client's next Produce, and before its answer has
 * passed the connection is reset. It keeps count of the batches that come again, read whole with the codec and not with the session's skim.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import {
  API_KEY,
  baseSequence,
  batchMagic,
  decodeRequest,
  producerEpoch,
  producerId,
  structsOf,
} from 'kafka-protocol-codec'
import { type Address, standBetween } from '../../support/between.ts'

const SIZE_BYTES = 4
const KEY_AT = 4
const IDEMPOTENT_MAGIC = 2

export class FaultyWay {
  readonly #server: Server
  readonly #target: Address
  readonly #sockets = new Set<Socket>()
  /** Client ids whose next Produce loses its answer. */
  readonly #toReset = new Set<string>()
  readonly #batches = new Set<string>()
  readonly #again = new Map<string, number>()
  readonly #produced = new Map<string, number>()
  #resets = 0

  private constructor(server: Server, target: Address) {
    this.#server = server
    this.#target = target
    server.on('connection', (client) => this.#accept(client))
  }

  static async start(target: Address): Promise<FaultyWay> {
    const server = createServer({ allowHalfOpen: true })
    const way = new FaultyWay(server, target)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return way
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that were reset. */
  get resets(): number {
    return this.#resets
  }

  /** The next Produce of this client that comes this way loses its connection. */
  resetNext(clientId: string): void {
    this.#toReset.add(clientId)
  }

  /** Batches of this client that came a second time. */
  again(clientId: string): number {
    return this.#again.get(clientId) ?? 0
  }

  /** Produce requests of this client that came by. */
  produced(clientId: string): number {
    return this.#produced.get(clientId) ?? 0
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(client: Socket): void {
    let rest = Buffer.alloc(0)
    let isToReset = false
    standBetween(client, this.#target, this.#sockets, {
      toBroker: (chunk) => {
        rest = Buffer.concat([rest, chunk])
        while (rest.length >= SIZE_BYTES && rest.length >= SIZE_BYTES + rest.readInt32BE(0)) {
          const end = SIZE_BYTES + rest.readInt32BE(0)
          const clientId = this.#request(rest.subarray(0, end))
          rest = rest.subarray(end)
          if (clientId !== undefined && this.#toReset.delete(clientId)) isToReset = true
        }
      },
      toClient: () => {
        if (!isToReset) return
        isToReset = false
        this.#resets++
        client.resetAndDestroy()
      },
    })
  }

  /** The client of a Produce; undefined for any other request. */
  #request(frame: Buffer): string | undefined {
    if (frame.readInt16BE(KEY_AT) !== API_KEY.Produce) return undefined
    const { clientId: named, value } = decodeRequest(frame)
    const clientId = named ?? ''
    this.#produced.set(clientId, this.produced(clientId) + 1)
    for (const topic of structsOf(value['topicData'])) {
      const name = String(topic['topicId'] ?? topic['name'])
      for (const { index, records } of structsOf(topic['partitionData'])) {
        if (!(records instanceof Uint8Array) || batchMagic(records, 0) < IDEMPOTENT_MAGIC) continue
        const batch = [producerId(records, 0), producerEpoch(records, 0), baseSequence(records, 0)]
        const key = [name, index, ...batch].join(' ')
        if (this.#batches.has(key)) this.#again.set(clientId, this.again(clientId) + 1)
        this.#batches.add(key)
      }
    }
    return clientId
  }
}
