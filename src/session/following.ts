/** What one connection is followed for, where its answers and requests tell of a group: made when the first such request comes. */

import { CommitFollower } from './commit-follower.ts'
import type { SessionContext } from './context.ts'
import { FetchFollower } from './fetch-follower.ts'
import { GroupMeter } from './group-series.ts'
import { OffsetFollower } from './offset-follower.ts'

export class Following {
  readonly group: GroupMeter
  fetches: FetchFollower | undefined
  commits: CommitFollower | undefined
  offsets: OffsetFollower | undefined
  readonly #context: SessionContext

  constructor(context: SessionContext) {
    this.#context = context
    this.group = new GroupMeter(context.series.groups)
  }

  /** Undefined where lag is not followed. */
  ofFetches(): FetchFollower | undefined {
    const { series, topics } = this.#context
    if (series.limits.partitionsMax > 0) this.fetches ??= new FetchFollower(series.lags, topics)
    return this.fetches
  }

  /** Likewise. */
  ofCommits(): CommitFollower | undefined {
    const { series, topics } = this.#context
    if (series.limits.partitionsMax > 0) this.commits ??= new CommitFollower(series.lags, topics)
    return this.commits
  }

  /** Likewise. */
  ofOffsets(): OffsetFollower | undefined {
    const { series, topics } = this.#context
    if (series.limits.partitionsMax > 0) this.offsets ??= new OffsetFollower(series.lags, topics)
    return this.offsets
  }
}
