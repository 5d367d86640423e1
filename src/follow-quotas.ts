/** Puts the quotas that the cluster itself has into force beside those of the file (`followKafka`), and tells of it. */
import { formatAddress } from './cluster/address-book.ts'
import type { Config } from './config/config.ts'
import { policyChange } from './explain/audit-words.ts'
import type { Policy } from './explain/policy-document.ts'
import { monotonicMs } from './net/clock.ts'
import { QuotaFollower } from './net/quota-follower.ts'
import { queryQuotas } from './net/quota-query.ts'
import type { Upstream } from './net/upstream.ts'
import type { PolicyKeeper } from './policy-keeper.ts'
import type { Reachability } from './reachability.ts'
import type { Counters } from './session/counters.ts'
import type { LogLimiter } from './telemetry/log-limiter.ts'
import type { Logger } from './telemetry/logger.ts'

export interface FollowOptions {
  readonly config: Pick<Config, 'followKafka' | 'upstream'>
  readonly upstream: Upstream
  readonly reachability: Pick<Reachability, 'bootstrap'>
  readonly policies: Pick<PolicyKeeper, 'follow'>
  /** The policy as it is now, for the audit line. */
  readonly inForce: () => Policy
  /** Sessions are to take the policy that is in force now. */
  readonly policyChanged: () => void
  readonly counters: Counters
  readonly logger: Logger
  readonly limitedLog: LogLimiter
}

/** Undefined where the configuration does not ask for it. */
export function followQuotas(options: FollowOptions): QuotaFollower | undefined {
  const { config, upstream, reachability, policies, inForce, policyChanged, counters, logger } = options
  if (config.followKafka === undefined) return undefined
  const follower: QuotaFollower = new QuotaFollower({
    ...config.followKafka,
    ask: async (signal) => {
      const { quotas } = await queryQuotas({ addresses: reachability.bootstrap(), ...upstream, signal })
      counters.quotaPolls.ok++
      return quotas
    },
    changed: ({ quotas, notes }) => {
      const rules = quotas.map(({ rule }) => rule)
      const before = inForce()
      policies.follow(rules, monotonicMs(), new Date())
      policyChanged()
      const change = policyChange(before, inForce())
      const names = rules.map(({ name }) => name)
      const message = `the cluster's own quotas are in force: ${names.length === 0 ? 'there are none' : names.join(', ')}`
      logger.log('kafka_quotas', { trigger: 'followKafka', quotas: names, notes, ...change }, message)
    },
    failed: (error) => failed(options, error, follower.state().answeredAtMs !== undefined),
    recovered: (failuresInRow) =>
      logger.log('kafka_quotas_recovered', { failuresInRow }, 'the quotas of the cluster can be read again'),
    now: monotonicMs,
    random: Math.random,
  })
  return follower
}

function failed({ config, counters, limitedLog }: FollowOptions, error: Error, isKnown: boolean): void {
  counters.quotaPolls.failed++
  const kept = isKnown ? '; the last ones stay in force' : '; until they are, only those of the file limit'
  const address = config.upstream.bootstrap.map(formatAddress).join(',')
  const message = `the quotas of the cluster cannot be read: ${error.message}${kept}`
  limitedLog.log('kafka_quotas_failed', address, { address }, message)
}
