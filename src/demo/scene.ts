/** What is known at a moment of the demo, put together from the applications' figures and the sluice's. */
import { formatAddress } from '../cluster/address-book.ts'
import type { AppProcess } from './app-process.ts'
import type { DemoSluice } from './demo-sluice.ts'
import type { AppResult, DemoResult } from './report.ts'
import type { AppState, DemoPhase, DemoState } from './screen.ts'

/** The live rate looks this far back. */
const LIVE_WINDOW_MS = 3_000

/** What a scene is made of. */
export interface SceneParts {
  readonly sluice: Pick<DemoSluice, 'listen' | 'metricsUrl' | 'notices' | 'throttleMs'>
  readonly apps: readonly Pick<AppProcess, 'config' | 'frames' | 'progress'>[]
  readonly kafka: string
  readonly upstream: string | undefined
  readonly limitBytesPerSecond: number
  readonly limitText: string
  readonly totalSeconds: number
  readonly burstSeconds: number
}

type App = SceneParts['apps'][number]

/** Begins when it is made. Clock times are epoch milliseconds, as the applications stamp their answers. */
export class Scene {
  readonly #parts: SceneParts
  readonly #startMs: number = Date.now()
  /** Payload acknowledged when the measured time began and ended, by application. */
  readonly #payloadAtStart = new Map<string, number>()
  readonly #payloadAtEnd = new Map<string, number>()
  #windowStartMs = 0
  #windowEndMs = 0

  constructor(parts: SceneParts) {
    this.#parts = parts
  }

  elapsedSeconds(): number {
    return (Date.now() - this.#startMs) / 1000
  }

  /** Whether the burst is still being used up; the first call after it begins the measured time. */
  inBurst(): boolean {
    if (this.elapsedSeconds() < this.#parts.burstSeconds) return true
    if (this.#windowStartMs === 0) {
      this.#windowStartMs = Date.now()
      this.#notePayload(this.#payloadAtStart)
    }
    return false
  }

  /** Ends the measured time. */
  endWindow(): void {
    this.#windowEndMs = Date.now()
    this.#notePayload(this.#payloadAtEnd)
  }

  state(phase: DemoPhase): DemoState {
    const { sluice, apps, kafka, limitBytesPerSecond, totalSeconds } = this.#parts
    return {
      kafka,
      listen: formatAddress(sluice.listen),
      metrics: sluice.metricsUrl,
      limitBytesPerSecond,
      elapsedSeconds: this.elapsedSeconds(),
      totalSeconds,
      phase,
      apps: apps.map((app) => this.#appState(app)),
      notices: sluice.notices,
    }
  }

  result(): DemoResult {
    const { apps, kafka, upstream, limitBytesPerSecond, limitText } = this.#parts
    const [steady, flood] = apps.map((app) => this.#appResult(app))
    if (steady === undefined || flood === undefined) throw new Error('the demo has two applications')
    const windowSeconds = (this.#windowEndMs - this.#windowStartMs) / 1000
    return { kafka, upstream, limitBytesPerSecond, limitText, windowSeconds, steady, flood }
  }

  #appState({ config, frames, progress }: App): AppState {
    const nowMs = Date.now()
    return {
      name: config.name,
      wantsBytesPerSecond: config.bytesPerSecond,
      bytesPerSecond: frames.rate(nowMs - LIVE_WINDOW_MS, nowMs),
      throttleMs: this.#parts.sluice.throttleMs(config.name),
      latencyP50Ms: progress.latencyP50Ms,
      latencyP99Ms: progress.latencyP99Ms,
      lagRecords: Math.max(0, progress.ackedRecords - progress.receivedRecords),
    }
  }

  #appResult({ config, frames, progress }: App): AppResult {
    const { name, bytesPerSecond } = config
    const payload = (this.#payloadAtEnd.get(name) ?? 0) - (this.#payloadAtStart.get(name) ?? 0)
    return {
      name,
      wantsBytesPerSecond: bytesPerSecond,
      bytesPerSecond: frames.rate(this.#windowStartMs, this.#windowEndMs),
      payloadBytesPerSecond: (payload / (this.#windowEndMs - this.#windowStartMs)) * 1000,
      throttleMs: this.#parts.sluice.throttleMs(name),
      latencyP50Ms: progress.latencyP50Ms,
      latencyP99Ms: progress.latencyP99Ms,
      producedRecords: progress.ackedRecords,
      consumedRecords: progress.receivedRecords,
      check: progress.check,
      errors: progress.errors,
    }
  }

  #notePayload(noted: Map<string, number>): void {
    for (const { config, progress } of this.#parts.apps) noted.set(config.name, progress.ackedBytes)
  }
}
