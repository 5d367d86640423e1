/** What all sessions of a process share, and the facts of one connection that both of its streams look at. */
import type { AddressBook } from '../cluster/address-book.ts'
import type { GroupBook } from '../cluster/group-book.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import type { BucketTable } from '../limiter/bucket-table.ts'
import type { LevelTable } from '../limiter/level-table.ts'
import type { ClientBehaviour } from '../policy/client-libraries.ts'
import type { PolicySet } from '../policy/policy-set.ts'
import type { Verifier } from './client-login.ts'
import type { Counters } from './counters.ts'
import type { LoginTokens } from './own-login.ts'
import type { SeriesBooks } from './series-books.ts'

/** Shared by every session. */
export interface SessionContext {
  /** The policy in force; a reload swaps it, sessions look at it between frames. */
  policy: PolicySet
  readonly buckets: BucketTable
  readonly levels: LevelTable
  readonly counters: Counters
  readonly book: AddressBook
  readonly topics: TopicBook
  readonly groups: GroupBook
  /** What is told of clients, brokers and groups, each by name. */
  readonly series: SeriesBooks
  readonly behaviourOf: (software: string) => ClientBehaviour
  readonly frameBytesMax: number
  /** What the time that comes in must be added to, to be milliseconds since 1970; looked at anew about once a second. */
  epochMs: number
  /** Of the workload that this process stands beside. */
  readonly labels: Readonly<Record<string, string>>
  /** We log in at the broker ourselves; undefined: clients may. */
  readonly login?: LoginTokens | undefined
  /** Logins of clients are verified here; undefined: they pass, or are refused where we log in ourselves. */
  readonly verifier?: Verifier | undefined
}
