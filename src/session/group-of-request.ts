/**
 * Which consumer group a request names, whether it joins or leaves it: read by the skim from the visible bytes of a body that is not
 * taken yet. One object a session; what it found stands in its fields until the next look.
 */
import {
  API_KEY,
  type ApiName,
  apiSchema,
  compileSkim,
  inRange,
  ProtocolError,
  Skim,
  type SkimPlan,
  type SkimSink,
} from 'kafka-protocol-codec'

/** Where an API names its group, and what tells a join or a leave. */
interface GroupFields {
  readonly group: string
  /** Of the member that asks; '' in a JoinGroup: it joins anew. */
  readonly memberId?: string
  /** 0: joins anew (KIP-848); −1, −2: leaves. */
  readonly memberEpoch?: string
  readonly leaves?: true
  /** Of members that leave, from some version on. */
  readonly leaver?: string
  readonly reason?: string
  /** The partitions that a member says it has. */
  readonly owned?: string
}

const HEARTBEAT: GroupFields = {
  group: 'groupId',
  memberId: 'memberId',
  memberEpoch: 'memberEpoch',
  owned: 'topicPartitions',
}
const MEMBER: GroupFields = { group: 'groupId', memberId: 'memberId' }
const NAMES: GroupFields = { group: 'groupId' }

/** A coordinator's look-up (FindCoordinator) or what tools ask about groups (DescribeGroups …) is no sign of belonging to one. */
const FIELDS: Readonly<Partial<Record<ApiName, GroupFields>>> = {
  JoinGroup: MEMBER,
  SyncGroup: MEMBER,
  Heartbeat: MEMBER,
  LeaveGroup: { ...MEMBER, leaves: true, leaver: 'members.memberId', reason: 'members.reason' },
  OffsetCommit: NAMES,
  OffsetFetch: NAMES,
  TxnOffsetCommit: NAMES,
  ConsumerGroupHeartbeat: HEARTBEAT,
  ShareGroupHeartbeat: HEARTBEAT,
  StreamsGroupHeartbeat: HEARTBEAT,
  ShareFetch: NAMES,
  ShareAcknowledge: NAMES,
}

const FIELDS_BY_KEY: readonly (GroupFields | undefined)[] = fieldsByKey()

function fieldsByKey(): (GroupFields | undefined)[] {
  const byKey: (GroupFields | undefined)[] = []
  for (const [name, fields] of Object.entries(FIELDS)) byKey[API_KEY[name as ApiName]] = fields
  return Array.from(byKey)
}

const W_GROUP = 0
const W_MEMBER_ID = 1
const W_MEMBER_EPOCH = 2
const W_LEAVER = 5
const W_REASON = 6
const W_OWNED = 7
/** OffsetFetch v8+ asks for several groups at once. */
const W_GROUPS = 3
const W_ONE_OF_GROUPS = 4

/** By API and version; compiled at first use. */
const plans: SkimPlan[][] = []

function planOf(apiKey: number, version: number, fields: GroupFields): SkimPlan | undefined {
  const known = plans[apiKey]?.[version]
  if (known !== undefined) return known
  const schema = apiSchema(apiKey)?.request
  if (schema === undefined || !inRange(version, schema.versions)) return undefined
  const { group, memberId = '', memberEpoch = '', leaver = '', reason = '', owned = '' } = fields
  const several = ['groups', `groups.${group}`]
  const plan = compileSkim(schema, version, [group, memberId, memberEpoch, ...several, leaver, reason, owned])
  plans[apiKey] ??= []
  plans[apiKey][version] = plan
  return plan
}

/** Whether requests of this API name a group at all. */
export function namesGroup(apiKey: number): boolean {
  return FIELDS_BY_KEY[apiKey] !== undefined
}

const decoder = new TextDecoder()

/**
 * - `seen`: the fields say what the request names
 * - `more`: its first bytes are not all there yet
 * - `none`: it names no group, or is nothing that the codec can read: the broker's business
 */
export type GroupLook = 'seen' | 'more' | 'none'

export class GroupPeek implements SkimSink {
  /** The groups that the request names: one, but for OffsetFetch v8+. */
  readonly groups: string[] = []
  /** The member that asks, or leaves; '' where the request does not say. Of several that leave, the last. */
  member = ''
  /** With KIP-848: its epoch, and whether it says which partitions it has. */
  epoch = 0
  tells = false
  /** Why it leaves, in its own words. */
  reason = ''
  /** A member joins anew. */
  isJoin = false
  /** A member leaves. */
  isLeave = false
  /** Whether `groups` are all: a long OffsetFetch may name more behind the visible part. */
  complete = false
  readonly #skim: Skim = new Skim()
  /** The last group as bytes, so that a heartbeat makes no string of what it says every time. */
  #lastBytes: Uint8Array = new Uint8Array(0)
  #last = ''
  /** And the last member, likewise. */
  #memberBytes: Uint8Array = new Uint8Array(0)
  #member = ''
  #isJoinGroup = false

  /** The only group, '' where there is none or more than one. */
  get group(): string {
    return this.groups.length === 1 ? this.groups[0]! : ''
  }

  /**
   * Looks at a body of `bodyBytes` bytes that starts at `from` and is visible up to `to`. Nothing is taken.
   */
  look(
    apiKey: number,
    version: number,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    to: number,
    bodyBytes: number,
  ): GroupLook {
    this.groups.length = 0
    this.isJoin = false
    this.isLeave = false
    this.complete = false
    this.member = ''
    this.epoch = 0
    this.tells = false
    this.reason = ''
    this.#isJoinGroup = apiKey === API_KEY.JoinGroup
    const fields = FIELDS_BY_KEY[apiKey]
    const plan = fields === undefined ? undefined : planOf(apiKey, version, fields)
    if (plan === undefined) return 'none'
    try {
      this.#skim.start(plan, bodyBytes)
      this.#skim.run(bytes, view, from, to, this)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.groups.length = 0
      return 'none'
    }
    this.complete = this.#skim.done
    // One of several groups is worth something already; of a single one its other fields are needed too.
    if (!this.complete && (this.groups.length === 0 || !plan.found[W_GROUPS])) return 'more'
    if (this.groups.length === 0) return 'none'
    if (fields?.leaves) this.isLeave = true
    return 'seen'
  }

  value(field: number, value: number): void {
    if (field === W_OWNED) this.tells = value >= 0
    if (field !== W_MEMBER_EPOCH) return
    this.epoch = value
    this.isJoin = value === 0
    this.isLeave = value < 0
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number): void {
    if (field === W_MEMBER_ID || field === W_LEAVER) {
      if (this.#isJoinGroup) this.isJoin = length === 0
      this.member = offset < 0 || length <= 0 ? '' : this.#memberOf(bytes, offset, length)
    } else if (field === W_REASON) {
      this.reason = offset < 0 ? '' : decoder.decode(bytes.subarray(offset, offset + length))
    } else if ((field === W_GROUP || field === W_ONE_OF_GROUPS) && offset >= 0 && length > 0) {
      this.groups.push(this.#textOf(bytes, offset, length))
    }
  }

  tag(): void {}

  batch(): void {}

  #textOf(bytes: Uint8Array, offset: number, length: number): string {
    if (!isSame(this.#lastBytes, bytes, offset, length)) {
      this.#lastBytes = bytes.slice(offset, offset + length)
      this.#last = decoder.decode(this.#lastBytes)
    }
    return this.#last
  }

  #memberOf(bytes: Uint8Array, offset: number, length: number): string {
    if (!isSame(this.#memberBytes, bytes, offset, length)) {
      this.#memberBytes = bytes.slice(offset, offset + length)
      this.#member = decoder.decode(this.#memberBytes)
    }
    return this.#member
  }
}

function isSame(last: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  if (length !== last.length) return false
  for (let i = 0; i < length; i++) if (bytes[offset + i] !== last[i]) return false
  return true
}
