/**
 * Which client belongs to which consumer group, learnt from the requests that name one (`session/group-of-request.ts`). A Fetch
 * names no group and usually travels on another connection than the heartbeats, so what ties the two is the client id and the
 * principal. Several consumers may share those: then the client is in several groups, and that is what the book says.
 *
 *   heard of within GROUP_AMBIGUITY_MS    the client is in it; two such groups are an ambiguity
 *   not heard of for longer               counts only where no other is heard of: the last one known, for GROUP_MEMORY_MS
 *   left                                  the same, for GROUP_LEAVE_MS: another member with the same client id would have sent a
 *                                         heartbeat by then
 *
 * Time comes in with every call. A heartbeat that tells nothing new finds its entry and writes one number.
 */
import {
  GROUP_AMBIGUITY_MS,
  GROUP_KEY_CHARS_MAX,
  GROUP_LEAVE_MS,
  GROUP_MEMORY_MS,
  GROUP_SWEEP_MS,
  GROUPS_PER_CLIENT_MAX,
  SWEEP_GROUP_CLIENTS,
} from '../bounds.ts'

/** Where a client belongs. */
export type GroupAnswer =
  | { readonly state: 'none' }
  | { readonly state: 'one'; readonly group: string }
  | { readonly state: 'several'; readonly groups: readonly string[] }

/** What is known of one client, for people. */
export interface GroupEntry {
  readonly clientId: string
  readonly principal: string
  readonly answer: GroupAnswer
  /** Newest first. */
  readonly groups: readonly { readonly group: string; readonly heardMsAgo: number; readonly left: boolean }[]
}

interface Membership {
  readonly group: string
  heardAtMs: number
  /** When it was left; undefined once it is heard of again. */
  leftAtMs: number | undefined
}

interface Client {
  readonly clientId: string
  readonly principal: string
  memberships: Membership[]
  answer: GroupAnswer
  /** Before then the answer changes only by what is said. */
  changesAtMs: number
}

const NONE: GroupAnswer = { state: 'none' }

export class GroupBook {
  /** Grows when what `groupOf` says to anybody may have changed. */
  version = 1
  readonly #clientsMax: number
  readonly #clients: Map<string, Map<string, Client>> = new Map()
  /** All of them; when the book is full a hand goes round and takes the place of one that is not heard of. */
  readonly #places: Client[] = []
  #hand = 0
  #sweepAtMs = 0

  constructor(clientsMax: number) {
    this.#clientsMax = clientsMax
  }

  /** How many clients are known. */
  get size(): number {
    return this.#places.length
  }

  /** A request of this client names this group as its own. Names out of all proportion are not kept. */
  learn(clientId: string, principal: string, group: string, nowMs: number): void {
    const client = this.#clients.get(clientId)?.get(principal)
    if (client !== undefined) {
      const known = client.memberships.find((membership) => membership.group === group)
      if (known === undefined) this.#joined(client, group, nowMs)
      else this.#heard(client, known, nowMs)
    } else if (isKept(clientId) && isKept(principal) && isKept(group) && group !== '') {
      this.#joined(this.#add(clientId, principal), group, nowMs)
    }
    if (nowMs >= this.#sweepAtMs) this.sweep(nowMs)
  }

  /** A member with this client's names leaves the group. Others of the same names may stay: a heartbeat takes it back. */
  left(clientId: string, principal: string, group: string, nowMs: number): void {
    const client = this.#clients.get(clientId)?.get(principal)
    const known = client?.memberships.find((membership) => membership.group === group)
    if (client === undefined || known === undefined) return
    known.leftAtMs = nowMs
    this.#update(client, nowMs)
  }

  /** Where the client belongs, as far as is known. */
  groupOf(clientId: string, principal: string, nowMs: number): GroupAnswer {
    const client = this.#clients.get(clientId)?.get(principal)
    if (client === undefined) return NONE
    if (nowMs >= client.changesAtMs) this.#update(client, nowMs)
    return client.answer
  }

  /** Drops what has grown too old. `learn` does so now and then; a caller that wants `version` to grow in time calls it too. */
  sweep(nowMs: number): void {
    this.#sweepAtMs = nowMs + GROUP_SWEEP_MS
    for (let i = this.#places.length - 1; i >= 0; i--) {
      const client = this.#places[i]!
      if (nowMs >= client.changesAtMs) this.#update(client, nowMs)
      if (client.memberships.length === 0) this.#drop(i)
    }
  }

  *entries(nowMs: number): Generator<GroupEntry> {
    for (const { clientId, principal, memberships } of this.#places) {
      const newest = memberships.toSorted((a, b) => b.heardAtMs - a.heardAtMs)
      yield {
        clientId,
        principal,
        answer: this.groupOf(clientId, principal, nowMs),
        groups: newest.map(({ group, heardAtMs, leftAtMs }) => ({
          group,
          heardMsAgo: nowMs - heardAtMs,
          left: leftAtMs !== undefined,
        })),
      }
    }
  }

  #heard(client: Client, membership: Membership, nowMs: number): void {
    const wasHeard = isHeard(membership, nowMs)
    membership.heardAtMs = nowMs
    membership.leftAtMs = undefined
    if (!wasHeard || nowMs >= client.changesAtMs) this.#update(client, nowMs)
  }

  #joined(client: Client, group: string, nowMs: number): void {
    if (!isKept(group) || group === '') return
    if (client.memberships.length >= GROUPS_PER_CLIENT_MAX) {
      const oldest = Math.min(...client.memberships.map(({ heardAtMs }) => heardAtMs))
      client.memberships.splice(
        client.memberships.findIndex(({ heardAtMs }) => heardAtMs === oldest),
        1,
      )
    }
    client.memberships.push({ group, heardAtMs: nowMs, leftAtMs: undefined })
    this.#update(client, nowMs)
  }

  #add(clientId: string, principal: string): Client {
    const client: Client = { clientId, principal, memberships: [], answer: NONE, changesAtMs: Number.POSITIVE_INFINITY }
    if (this.#places.length >= this.#clientsMax) this.#makeRoom()
    this.#places.push(client)
    let ofId = this.#clients.get(clientId)
    if (ofId === undefined) {
      ofId = new Map()
      this.#clients.set(clientId, ofId)
    }
    ofId.set(principal, client)
    return client
  }

  /** The one that was heard of longest ago among a few: a flood of new names must not cost a walk through all. */
  #makeRoom(): void {
    let victim = this.#hand
    let oldest = Number.POSITIVE_INFINITY
    for (let looked = 0; looked < SWEEP_GROUP_CLIENTS; looked++) {
      const place = (this.#hand + looked) % this.#places.length
      const heardAtMs = lastHeardAtMs(this.#places[place]!)
      if (heardAtMs >= oldest) continue
      oldest = heardAtMs
      victim = place
    }
    this.#hand = (this.#hand + SWEEP_GROUP_CLIENTS) % this.#places.length
    this.#drop(victim)
  }

  #drop(place: number): void {
    const client = this.#places[place]!
    const last = this.#places.pop()!
    if (last !== client) this.#places[place] = last
    const ofId = this.#clients.get(client.clientId)
    ofId?.delete(client.principal)
    if (ofId?.size === 0) this.#clients.delete(client.clientId)
    if (client.answer.state !== 'none') this.version++
  }

  /** Works out the answer and until when it holds. */
  #update(client: Client, nowMs: number): void {
    client.memberships = client.memberships.filter((membership) => nowMs < endsAtMs(membership))
    const heard = client.memberships.filter((membership) => isHeard(membership, nowMs))
    const answer = answerOf(heard, client.memberships)
    // Another answer comes when a membership ends, or, where several are heard of, when one of them no longer is.
    client.changesAtMs = Number.POSITIVE_INFINITY
    for (const membership of client.memberships) {
      const quietAtMs = heard.length > 1 ? membership.heardAtMs + GROUP_AMBIGUITY_MS : Number.POSITIVE_INFINITY
      client.changesAtMs = Math.min(
        client.changesAtMs,
        endsAtMs(membership),
        quietAtMs > nowMs ? quietAtMs : Number.POSITIVE_INFINITY,
      )
    }
    if (isSame(answer, client.answer)) return
    client.answer = answer
    this.version++
  }
}

function isKept(text: string): boolean {
  return text.length <= GROUP_KEY_CHARS_MAX
}

function isHeard({ heardAtMs, leftAtMs }: Membership, nowMs: number): boolean {
  return leftAtMs === undefined && nowMs - heardAtMs < GROUP_AMBIGUITY_MS
}

function endsAtMs({ heardAtMs, leftAtMs }: Membership): number {
  return leftAtMs === undefined ? heardAtMs + GROUP_MEMORY_MS : leftAtMs + GROUP_LEAVE_MS
}

function lastHeardAtMs({ memberships }: Client): number {
  return memberships.reduce((last, { heardAtMs }) => Math.max(last, heardAtMs), Number.NEGATIVE_INFINITY)
}

function answerOf(heard: readonly Membership[], all: readonly Membership[]): GroupAnswer {
  if (heard.length > 1) return { state: 'several', groups: heard.map(({ group }) => group).sort() }
  const only = heard[0] ?? all.toSorted((a, b) => b.heardAtMs - a.heardAtMs)[0]
  return only === undefined ? NONE : { state: 'one', group: only.group }
}

function isSame(one: GroupAnswer, other: GroupAnswer): boolean {
  if (one.state === 'one') return other.state === 'one' && one.group === other.group
  if (one.state === 'none' || other.state !== 'several') return one.state === other.state
  return one.groups.length === other.groups.length && one.groups.every((group, i) => group === other.groups[i])
}
