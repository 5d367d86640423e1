/**
 * A witness of its own: the size of every Produce frame as the application hands it to its socket, and when its answer
 * came. The demo judges the limit by this, not by the sluice's own counters. Quotas count frames, so records alone would
 * not do. kafkajs writes one frame a `write`, and tells of each answer by its correlation id.
 */
import { connect, type Socket } from 'node:net'
import type { ISocketFactoryArgs, RequestEvent } from 'kafkajs'
import type { Ack } from './app-messages.ts'

const PRODUCE = 0

/** One for a producer. */
export class FrameMeter {
  readonly #sizes = new Map<string, number>()
  #acks: Ack[] = []

  /** Give this to kafkajs. */
  readonly socketFactory = ({ host, port, onConnect }: ISocketFactoryArgs): Socket => {
    const socket = connect({ host, port }, onConnect)
    socket.setNoDelay(true)
    const write = socket.write.bind(socket) as (bytes: Buffer, ...rest: never[]) => boolean
    socket.write = (bytes: Uint8Array | string, ...rest: unknown[]) => {
      if (Buffer.isBuffer(bytes)) this.#sent(`${host}:${port}`, bytes)
      return write(bytes as Buffer, ...(rest as never[]))
    }
    return socket
  }

  /** Give this every `producer.network.request` event. */
  answered({ timestamp, payload: { apiKey, broker, correlationId } }: RequestEvent): void {
    if (apiKey !== PRODUCE) return
    const key = `${broker} ${correlationId}`
    const frameBytes = this.#sizes.get(key)
    if (frameBytes === undefined) return
    this.#sizes.delete(key)
    this.#acks.push([timestamp, frameBytes])
  }

  /** The answers since the last call. */
  takeAcks(): Ack[] {
    const acks = this.#acks
    this.#acks = []
    return acks
  }

  /** Frame: size (4 bytes), API key (2), version (2), correlation id (4). */
  #sent(broker: string, frame: Buffer): void {
    if (frame.length < 12 || frame.readInt16BE(4) !== PRODUCE) return
    this.#sizes.set(`${broker} ${frame.readInt32BE(8)}`, frame.length)
  }
}
