/**
 * Watches one file for a new content, however it comes: written in place, renamed over, or by the symbolic links that Kubernetes
 * swaps for a ConfigMap. The directory is watched and not the file, because a file that is replaced takes its watch along; and
 * the file is looked at every few seconds as well, because some mounts send no events. What is told is only that the file has
 * another stamp and has stood still since; whether its text is another one is the caller's to see.
 */
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CONFIG_POLL_MS, CONFIG_SETTLE_MAX_MS, CONFIG_SETTLE_MS } from '../bounds.ts'

export interface WatchOptions {
  readonly path: string
  /** The file has changed, has gone, or is back. Also called once at the start, for what changed before that. */
  readonly changed: () => void
  /** Events cannot be had; the file is looked at every `pollMs` only. */
  readonly unwatched?: (error: Error) => void
  readonly settleMs?: number
  readonly settleMaxMs?: number
  readonly pollMs?: number
}

/** A file under watch. It keeps no process alive. */
export class FileWatch {
  readonly #options: Required<WatchOptions>
  #watcher: FSWatcher | undefined
  readonly #poll: NodeJS.Timeout
  #settle: NodeJS.Timeout | undefined
  /** The stamp that was last told. */
  #told: string | undefined
  /** A stamp that is not told yet: it must be the same a moment later. */
  #seen: string | undefined
  #unrestSinceMs = 0
  #looking = false
  #again = false
  #closed = false

  constructor({
    settleMs = CONFIG_SETTLE_MS,
    settleMaxMs = CONFIG_SETTLE_MAX_MS,
    pollMs = CONFIG_POLL_MS,
    ...options
  }: WatchOptions) {
    this.#options = { unwatched: () => undefined, settleMs, settleMaxMs, pollMs, ...options }
    this.#poll = setInterval(() => this.#look(), pollMs).unref()
    this.#watch()
    this.#look()
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#poll)
    clearTimeout(this.#settle)
    this.#watcher?.close()
  }

  #watch(): void {
    const failed = (error: Error): void => {
      this.#watcher?.close()
      this.#watcher = undefined
      this.#options.unwatched(error)
    }
    try {
      // Any event counts: which name a swap of links touches is Kubernetes' affair, and a look is cheap.
      this.#watcher = watch(dirname(this.#options.path), { persistent: false }, () => this.#look())
      this.#watcher.on('error', failed)
    } catch (error) {
      failed(error as Error)
    }
  }

  #look(): void {
    if (this.#closed || this.#settle !== undefined) return
    if (this.#looking) {
      this.#again = true
      return
    }
    this.#looking = true
    void stampOf(this.#options.path).then((stamp) => {
      this.#looking = false
      const again = this.#again
      this.#again = false
      if (this.#closed) return
      this.#judge(stamp)
      if (again) this.#look()
    })
  }

  #judge(stamp: string): void {
    const nowMs = performance.now()
    if (stamp === this.#told) {
      this.#seen = undefined
      return
    }
    if (this.#seen === undefined) this.#unrestSinceMs = nowMs
    if (stamp === this.#seen || nowMs - this.#unrestSinceMs >= this.#options.settleMaxMs) {
      this.#told = stamp
      this.#seen = undefined
      this.#options.changed()
      return
    }
    this.#seen = stamp
    this.#settle = setTimeout(() => {
      this.#settle = undefined
      this.#look()
    }, this.#options.settleMs).unref()
  }
}

/** Differs whenever the file is another one or was written; that it is not there is a stamp too. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
