/**
 * The levels of Kafka's client quotas, of which the first that exists counts, as one rule. Its overrides stand for the levels, and
 * their specificity keeps Kafka's order:
 *
 *     Kafka's level                    override                          shared by
 *     1  user u, client-id c           principal u, clientId c           all of them
 *     2  user u, default client-id     principal u, clientId ?*          one bucket for each client id of u
 *     3  user u                        principal u, clientId *           all client ids of u
 *     4  default user, client-id c     clientId c                        one bucket for each user of c
 *     5  default user, default c.      clientId ?*, or the rule itself   one for each user and client id
 *     6  default user                  the rule itself                   one for each user
 *     7  client-id c                   clientId c, where 4–6 are absent  all users of c
 *     8  default client-id             the rule itself, without 5 and 6  one for each client id
 *
 * Two oddities of Kafka are kept: an empty client id has no quota but those of levels 3 and 6 (`findQuota` of its
 * ClientQuotaManager), and who does not log in is the user ANONYMOUS.
 */
import type { RateDimension } from './dimensions.ts'
import { exactPattern } from './match.ts'
import type { Burst, Limit, Match, MatchField, Mode, QuotaOverride, QuotaRule } from './quota-rule.ts'

/** One of Kafka's quota keys, and the rule that stands for it. */
export interface KafkaKey {
  readonly key: string
  readonly name: string
  readonly dimension: RateDimension
  readonly burst: Burst
  /** False for what the one active controller counts. */
  readonly isPerBroker: boolean
}

/** A name, null for the default one, undefined where the entity has no such part. */
type Name = string | null | undefined

/** One value of one entity. */
export interface Entry {
  readonly user: Name
  readonly clientId: Name
  readonly ip: Name
  /** Infinity: no limit. */
  readonly perSecond: number
  /** The entity for people: `user alice, default client-id`. */
  readonly words: string
}

/** A rule, and what its parts are in Kafka's words. */
export interface LevelRule {
  readonly rule: QuotaRule
  /** Of the rule itself: `default user`; '' where Kafka has no such quota. */
  readonly from: string
  /** Of its overrides, one each. */
  readonly overridesFrom: readonly string[]
}

/** Kafka's principal of who did not log in; ours is ''. */
const ANONYMOUS = 'ANONYMOUS'

interface Worded {
  readonly override: QuotaOverride
  readonly words: string
}

/** Every entry by its entity. */
class Levels {
  readonly #entries: ReadonlyMap<string, Entry>

  constructor(entries: readonly Entry[]) {
    this.#entries = new Map(entries.map((entry) => [keyOf(entry.user, entry.clientId), entry]))
  }

  at(user: Name, clientId: Name): Entry | undefined {
    return this.#entries.get(keyOf(user, clientId))
  }

  get defaultPair(): Entry | undefined {
    return this.at(null, null)
  }

  get defaultUser(): Entry | undefined {
    return this.at(null, undefined)
  }

  /** The level that the rule itself stands for. */
  get base(): Entry | undefined {
    return this.defaultUser ?? this.defaultPair ?? this.at(undefined, null)
  }

  /** What always comes before this entry; undefined if nothing does. Any user has the quotas of the default user. */
  before({ user, clientId }: Entry): Entry | undefined {
    return user === undefined ? (this.at(null, clientId) ?? this.defaultPair ?? this.defaultUser) : undefined
  }
}

function keyOf(user: Name, clientId: Name): string {
  return JSON.stringify([user ?? (user === null ? 0 : 1), clientId ?? (clientId === null ? 0 : 1)])
}

/** The rule of entities of users and client ids; each entity at most once, no empty names. */
export function userRule(kafka: KafkaKey, entries: readonly Entry[], mode: Mode, notes: string[]): LevelRule {
  const levels = new Levels(entries)
  const overrides: Worded[] = []
  for (const entry of entries) {
    const before = levels.before(entry)
    if (before === undefined) overrides.push(...overridesOf(entry, levels, kafka))
    else notes.push(`${entry.words}: ${kafka.key} never counts in Kafka either, because ${before.words} comes first`)
  }
  const { base } = levels
  if (base !== undefined && base !== levels.defaultUser) {
    const lifted = limitOf(kafka, Number.POSITIVE_INFINITY)
    const words = 'an empty client id, which has no such quota in Kafka'
    overrides.push({ override: { match: { clientId: [''] }, limit: lifted, per: [] }, words })
  }
  return levelRule(kafka, base, perOf(base), overrides, mode)
}

function overridesOf({ user, clientId, perSecond, words }: Entry, levels: Levels, kafka: KafkaKey): Worded[] {
  const override = (match: Match, per: readonly MatchField[]): Worded[] => [
    { override: { match, limit: limitOf(kafka, perSecond), per }, words },
  ]
  if (typeof user === 'string') {
    const principal = [exactPattern(user === ANONYMOUS ? '' : user)]
    if (typeof clientId === 'string') return override({ principal, clientId: [exactPattern(clientId)] }, [])
    if (clientId === null) return override({ principal, clientId: ['?*'] }, ['clientId'])
    // Two fields also here: it ranks above every override of a client id.
    const isForOthers = levels.at(user, null) === undefined
    return override({ principal, clientId: [isForOthers ? '*' : ''] }, [])
  }
  if (typeof clientId === 'string') {
    return override({ clientId: [exactPattern(clientId)] }, user === null ? ['principal'] : [])
  }
  const isPairBesideUser = user === null && clientId === null && levels.defaultUser !== undefined
  return isPairBesideUser ? override({ clientId: ['?*'] }, ['principal', 'clientId']) : []
}

function perOf(base: Entry | undefined): readonly MatchField[] {
  if (base?.user === undefined && base?.clientId === null) return ['clientId']
  return base?.user === null && base.clientId === undefined ? ['principal'] : ['principal', 'clientId']
}

/** The rule of entities of addresses. */
export function addressRule(kafka: KafkaKey, entries: readonly Entry[], mode: Mode): LevelRule {
  const base = entries.find(({ ip }) => ip === null)
  const overrides = entries.flatMap(({ ip, perSecond, words }): Worded[] =>
    typeof ip === 'string'
      ? [{ override: { match: { address: [ip] }, limit: limitOf(kafka, perSecond), per: [] }, words }]
      : [],
  )
  return levelRule(kafka, base, ['address'], overrides, mode)
}

function levelRule(
  kafka: KafkaKey,
  base: Entry | undefined,
  per: readonly MatchField[],
  overrides: readonly Worded[],
  mode: Mode,
): LevelRule {
  const rule: QuotaRule = {
    name: kafka.name,
    limit: limitOf(kafka, base?.perSecond ?? Number.POSITIVE_INFINITY),
    burst: kafka.burst,
    match: {},
    per,
    overrides: overrides.map(({ override }) => override),
    mode,
  }
  return { rule, from: base?.words ?? '', overridesFrom: overrides.map(({ words }) => words) }
}

function limitOf({ dimension }: KafkaKey, perSecond: number): Limit {
  return { [dimension]: perSecond }
}
