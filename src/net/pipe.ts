/**
 * One direction of a connection: source socket → one read buffer → session → destination socket (design.md §4).
 *
 *     [ taken | left: start…end | room ]      a read appends at `end`, the session takes from `start`
 *
 * - The kernel reads straight into the buffer. `writableLength === 0` after a write proves that the kernel has taken the
 *   bytes and the buffer may be reused; otherwise the source is paused until an empty write behind them calls back.
 * - What the session does not take stays where it is. Held: the source is paused until `resume`. Incomplete: more is read
 *   behind it.
 * - The place of the next read is fixed when a read ends (libuv keeps it), so it always directly follows `end`, and a full
 *   buffer keeps a reserve for it.
 */
import type { Socket } from 'node:net'
import { READ_BUFFER_BYTES } from '../bounds.ts'
import { giveBack, largeBuffer, smallBuffer } from './buffer-pool.ts'
import { monotonicMs } from './clock.ts'

const NOTHING = new Uint8Array(0)
/** Room that a read leaves free for the one after it. */
const RESERVE_BYTES = 16_384
/** What is left of a chunk and no longer than that is moved to the front at once, so that every read has the whole buffer. */
const MOVE_BYTES = 4_096
/** Without pause and without bytes for that long: whatever comes then was not waiting in the kernel. */
const QUIET_MS = 20

/** What a pipe asks its connection. */
export interface PipeOwner {
  /** Offers `[from, to)` to the session; returns up to where it was taken. */
  offer(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number
  /** Why nothing more is taken although nothing is missing: the source stays paused until `resume`. */
  blocked(): boolean
  /** The source had been quiet before this read. */
  caughtUp(nowMs: number): void
  /** At `atMs`, before this read, the kernel had nothing more for us; the client's own kernel may have had. */
  emptied(atMs: number): void
  /** Bytes have come and there is no target yet. True: read no more until there is one. */
  wantTarget(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): boolean
  /** Nothing is on its way into the target: it has taken all that it was given. */
  settled(): void
}

export class Pipe {
  /** When the last byte came. */
  lastReadAtMs: number
  /** Since when the target has been slow to take what it was given; meaningful while `writing`. */
  writingSinceMs = 0
  readonly #owner: PipeOwner
  #source: Socket | undefined
  #target: Socket | undefined
  #buffer: Uint8Array = smallBuffer()
  /** The room of an empty buffer; made once, as nearly every read goes there. */
  #front: Uint8Array = NOTHING
  #view: DataView = new DataView(this.#buffer.buffer)
  /** A buffer that the target is still writing from. */
  #lent: Uint8Array = NOTHING
  #start = 0
  #end = 0
  #writing = false
  #offering = false
  #discarding = false
  #paused = false
  #pausedSinceRead = false
  #lastReadShort = false
  #resumes = 0
  #closed = false

  constructor(owner: PipeOwner) {
    this.#owner = owner
    this.lastReadAtMs = monotonicMs()
  }

  /** Bytes in hand that the session has not taken. */
  get left(): number {
    return this.#end - this.#start
  }

  /** Bytes are on their way into a slow target. */
  get writing(): boolean {
    return this.#writing
  }

  /** Where the next read shall go; for `onread.buffer`. */
  readonly nextBuffer = (): Uint8Array => {
    if (this.#end > 0) return this.#buffer.subarray(this.#end, this.#readLimit())
    if (this.#front.buffer !== this.#buffer.buffer) this.#front = this.#buffer.subarray(0, this.#readLimit())
    return this.#front
  }

  /** A read has put `bytes` bytes behind `end`; for `onread.callback`. False pauses the source. */
  readonly onRead = (bytes: number): boolean => {
    const nowMs = monotonicMs()
    if (this.#start === this.#end) {
      if (!this.#pausedSinceRead && nowMs - this.lastReadAtMs > QUIET_MS) this.#owner.caughtUp(nowMs)
      else if (this.#lastReadShort) this.#owner.emptied(this.lastReadAtMs)
    }
    this.#pausedSinceRead = false
    this.lastReadAtMs = nowMs
    if (this.#discarding) return true
    const filled = bytes === this.#readLimit() - this.#end
    this.#lastReadShort = !filled
    this.#end += bytes
    this.#pump(nowMs)
    this.#makeRoom(filled)
    return !this.#paused
  }

  /** For sources without `onread` (design.md §4 asks for a tested fallback): the chunk is copied to where a read would have put it. */
  readonly onData = (chunk: Uint8Array): void => {
    let from = 0
    while (from < chunk.length && !this.#closed) {
      const room = this.#readLimit() - this.#end
      const bytes = Math.min(room, chunk.length - from)
      if (this.#paused || bytes === 0) {
        this.#source?.unshift(chunk.subarray(from))
        this.#pause()
        return
      }
      this.#buffer.set(chunk.subarray(from, from + bytes), this.#end)
      from += bytes
      this.onRead(bytes)
    }
  }

  connectSource(source: Socket): void {
    this.#source = source
  }

  /** The target is there: what has come in the meantime goes on. */
  connectTarget(target: Socket): void {
    this.#target = target
    this.resume()
  }

  /** Writes `[from, to)` to the target; called by the session through its outbox while it is offered bytes, or for a reply of its own. */
  write(bytes: Uint8Array, from: number, to: number): void {
    if (this.#closed || this.#target === undefined) return
    this.#target.write(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to))
    if (!this.#offering && this.#target.writableLength > 0) this.#awaitTarget()
  }

  /** The target wants no more: what still comes is read and dropped, so that the source's goodbye is seen. */
  discard(): void {
    if (this.#closed || this.#discarding) return
    this.#discarding = true
    this.#buffer = smallBuffer() // the target may still be writing from the old one
    this.#start = this.#end = 0
    this.#paused = false
    this.#source?.resume()
  }

  /** The session may take more now: a hold is over, a window has opened, a listener is up. */
  resume(): void {
    if (this.#closed || this.#discarding || this.#writing) return
    this.#pump(monotonicMs())
    if (this.#target === undefined || !this.#paused || this.#closed) return
    if (this.#owner.blocked() || this.#writing) return
    this.#paused = false
    this.#source?.resume()
    this.#askKernel()
  }

  /** Ends this direction; nothing is read or written through it any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#start = this.#end = 0
  }

  /** After the sockets are gone: the buffer may serve another connection. */
  recycle(): void {
    if (!this.#writing) giveBack(this.#buffer)
    this.#buffer = NOTHING
  }

  /** The target is still writing from the present buffer: it was not exchanged since. A source with TLS goes on for some reads when paused. */
  get #isLent(): boolean {
    return this.#writing && this.#lent === NOTHING
  }

  #readLimit(): number {
    const reserve = this.#buffer.length - RESERVE_BYTES
    return this.#end < reserve ? reserve : this.#buffer.length
  }

  #pump(nowMs: number): void {
    if (this.#closed) return
    if (this.#target === undefined) {
      if (this.#owner.wantTarget(this.#buffer, this.#view, this.#start, this.#end, nowMs)) this.#pause()
      return
    }
    if (this.#end > this.#start && !this.#writing) {
      this.#offering = true
      this.#start = this.#owner.offer(this.#buffer, this.#view, this.#start, this.#end, nowMs)
      this.#offering = false
    }
    if (this.#closed || this.#discarding) return
    if (this.#target.writableLength > 0) {
      this.#awaitTarget()
      return
    }
    if (this.#owner.blocked()) this.#pause()
    this.#owner.settled()
  }

  /** The target's kernel buffer is full: not a byte more is read until it has taken what it was given. */
  #awaitTarget(): void {
    if (this.#writing) return
    this.#writing = true
    this.writingSinceMs = monotonicMs()
    this.#pause()
    this.#target?.write(NOTHING, () => {
      this.#writing = false
      giveBack(this.#lent)
      this.#lent = NOTHING
      if (this.#discarding) this.#owner.settled()
      else this.resume()
    })
  }

  /**
   * What came while we paused waits in the kernel, and the event loop reads it on its next round. A whole round without a read
   * after a resume proves that nothing waited there. The first immediate may run in the round that is under way.
   */
  #askKernel(): void {
    const resumes = ++this.#resumes
    const unread = (): boolean => this.#resumes === resumes && !this.#paused && this.#pausedSinceRead
    setImmediate(() => {
      if (!unread()) return
      setImmediate(() => {
        if (unread()) this.#pausedSinceRead = false
      })
    })
  }

  #pause(): void {
    this.#pausedSinceRead = true
    if (this.#paused) return
    this.#paused = true
    this.#source?.pause()
  }

  /** Between reads: start over at the front, or move what is left there, or take another buffer. */
  #makeRoom(filled: boolean): void {
    if (this.#closed || this.#discarding) return
    const large = this.#buffer.length === READ_BUFFER_BYTES
    const grow = !large && (filled || this.#end > this.#buffer.length / 2)
    if (this.#isLent) this.#exchange(large || grow)
    else if (grow) this.#exchange(true)
    else if (this.#start === this.#end) this.#start = this.#end = 0
    else if (this.#start > 0 && (this.left <= MOVE_BYTES || this.#end >= this.#buffer.length - RESERVE_BYTES)) {
      this.#buffer.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    }
  }

  /** Goes on in another buffer; the old one is free again once the target has taken what is in it. */
  #exchange(large: boolean): void {
    const old = this.#buffer
    const next = large ? largeBuffer() : smallBuffer()
    next.set(old.subarray(this.#start, this.#end))
    this.#buffer = next
    this.#view = new DataView(next.buffer)
    this.#end -= this.#start
    this.#start = 0
    if (this.#isLent) this.#lent = old
    else giveBack(old)
  }
}
