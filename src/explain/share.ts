/** How a divided bucket is shared: which part of it is a client's, and, in a running sluice, who else draws on it and what waits in its line. */
import type { Applicable, ShareOf } from '../policy/policy-set.ts'
import type { ExplainedShare } from './explanation.ts'

/** One key of a divided bucket: `limiter/share-queue.ts`. */
export interface ShareState {
  readonly key: string
  readonly weight: number
  readonly priority: ShareOf['priority']
  readonly isOverflow: boolean
  readonly holders: number
  readonly queuedUnits: number
  readonly waitMs: number
}

/** @param states all keys of the bucket that are known; undefined where there is no running sluice */
export function explainShare(
  { share, mode }: Applicable,
  states: readonly ShareState[] | undefined,
): ExplainedShare | undefined {
  if (share === undefined) return undefined
  const { key, weight, priority, minimum } = share
  const terms = { key, weight, priority, minimum }
  if (states === undefined || mode === 'observe') return terms // nobody waits where a bucket is only watched
  const drawing = states.filter(({ holders, queuedUnits }) => holders > 0 || queuedUnits > 0)
  const own = states.find((state) => state.key === key && !state.isOverflow)
  return {
    ...terms,
    line: {
      keys: drawing.length,
      weights: drawing.filter((state) => state.priority === priority).reduce((sum, state) => sum + state.weight, 0),
      waiting: drawing.filter(({ queuedUnits }) => queuedUnits > 0).length,
      queuedUnits: drawing.reduce((sum, { queuedUnits }) => sum + queuedUnits, 0),
      ownQueuedUnits: own?.queuedUnits ?? 0,
      waitMs: own?.waitMs ?? 0,
    },
  }
}
