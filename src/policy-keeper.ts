/**
 * The policy in force, and what it is made of: the quotas of the configuration, those of the cluster where they are followed,
 * the windows of time that are open, the limits that are still coming down. Makes a new one only when something changed.
 */
import type { Config } from './config/config.ts'
import { effectiveRules } from './config/timetable.ts'
import { PolicySet } from './policy/policy-set.ts'
import type { QuotaRule } from './policy/quota-rule.ts'
import { rampEnds } from './policy/ramp-in.ts'

/** What quotas are taken from. */
export type QuotaSources = Pick<Config, 'quotas' | 'mode'> & Partial<Pick<Config, 'exempt'>>

export class PolicyKeeper {
  #sources: QuotaSources
  /** Quotas of the cluster itself, as it tells them, and with whom the configuration exempts. */
  #followed: readonly QuotaRule[] = []
  #followedExempting: readonly QuotaRule[] = []
  #rules: readonly QuotaRule[] | undefined
  #open: ReadonlyMap<string, number> = new Map()
  #rampEndsAtMs: ReadonlyMap<string, number> = new Map()
  /** The minute for which the windows were asked last. */
  #minute = Number.NaN
  #policy: PolicySet

  constructor(sources: QuotaSources, nowMs: number, at: Date) {
    this.#sources = sources
    this.#policy = this.#compile(nowMs, at)
  }

  get policy(): PolicySet {
    return this.#policy
  }

  /** The rules in force: what the windows that are open now make of them. */
  get rules(): readonly QuotaRule[] {
    return this.#rules ?? []
  }

  /** By quota: the index of the window of its schedule that is open. */
  get openWindows(): ReadonlyMap<string, number> {
    return this.#open
  }

  /** Whether quotas only observe, whatever their own mode. */
  get isObserving(): boolean {
    return this.#sources.mode === 'observe'
  }

  /** Other quotas of the configuration. */
  configure(sources: QuotaSources, nowMs: number, at: Date): void {
    this.#sources = sources
    this.#exempt()
    this.#policy = this.#compile(nowMs, at)
  }

  /** Other quotas of the cluster. */
  follow(followed: readonly QuotaRule[], nowMs: number, at: Date): void {
    this.#followed = followed
    this.#exempt()
    this.#policy = this.#compile(nowMs, at)
  }

  /** The time has come on; true if a window has opened or closed and there is another policy. They do so with the minute. */
  tick(nowMs: number, at: Date): boolean {
    if (minuteOf(at) === this.#minute) return false
    this.#minute = minuteOf(at)
    const { rules } = effectiveRules(this.#written(), at)
    const before = this.rules
    if (rules.length === before.length && rules.every((rule, i) => rule === before[i])) return false
    this.#policy = this.#compile(nowMs, at)
    return true
  }

  #written(): readonly QuotaRule[] {
    return [...this.#sources.quotas, ...this.#followedExempting]
  }

  /** Quotas of the configuration name their exceptions themselves. */
  #exempt(): void {
    const { exempt = [] } = this.#sources
    this.#followedExempting = this.#followed.map((rule) => ({ ...rule, except: [...(rule.except ?? []), ...exempt] }))
  }

  #compile(nowMs: number, at: Date): PolicySet {
    this.#minute = minuteOf(at)
    const { rules, open } = effectiveRules(this.#written(), at)
    this.#rampEndsAtMs = rampEnds(this.#rules, rules, this.#rampEndsAtMs, nowMs)
    this.#rules = rules
    this.#open = open
    return new PolicySet(rules, { observe: this.isObserving, rampEndsAtMs: this.#rampEndsAtMs })
  }
}

function minuteOf(at: Date): number {
  return Math.floor(at.getTime() / 60_000)
}
