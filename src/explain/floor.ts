/**
 * The least rate that a client can be held to: its largest request ÷ the longest hold of its library × its connections. A limit
 * below it cannot be kept without breaking the client (design.md §5).
 */
import type { ClientBehaviour } from '../policy/client-libraries.ts'
import type { Dimension } from '../policy/dimensions.ts'
import { floorAdvice } from '../policy/floor-advice.ts'
import type { ExplainedFloor, ExplainedLimit, SeenClient } from './explanation.ts'

/** Largest Produce request at default settings, where a single setting bounds it: the size, and the setting. */
const DEFAULT_LARGEST: Readonly<Record<string, { readonly bytes: number; readonly setting: string }>> = {
  java: { bytes: 1_048_576, setting: 'max.request.size' },
  librdkafka: { bytes: 1_000_000, setting: 'message.max.bytes' },
  'kafka-python': { bytes: 1_048_576, setting: 'max_request_size' },
}

/** The setting that bounds a library's Produce requests by default. */
export function defaultLargestSetting(library: string): string | undefined {
  return DEFAULT_LARGEST[library]?.setting
}

/** Undefined where the floor is not known, or there is none to speak of. */
export function floorOf(
  { dimension, limit, state }: ExplainedLimit,
  apiKey: number,
  behaviour: ClientBehaviour,
  seen: SeenClient | undefined,
): ExplainedFloor | undefined {
  const holdMs = behaviour.holdMs(apiKey)
  const cost = largestCost(dimension, behaviour.library, seen)
  if (cost === undefined || holdMs === 0) return undefined
  const connections = Math.max(1, state?.connections || seen?.connections || 1)
  const perSecond = floorPerSecond(cost.largest, holdMs, connections)
  const settings = cost.from === 'request' ? undefined : floorAdvice(behaviour.library, apiKey)
  return { ...cost, perSecond, holdMs, connections, canBeKept: perSecond <= limit, settings }
}

/** Units a second. */
export function floorPerSecond(largest: number, holdMs: number, connections: number): number {
  return (largest / holdMs) * 1000 * connections
}

type Cost = Pick<ExplainedFloor, 'largest' | 'from'>

/** What one request costs at most. Records are counted, not measured by request: as many as its bytes had on the average. */
function largestCost(dimension: Dimension, library: string, seen: SeenClient | undefined): Cost | undefined {
  if (dimension === 'requests' || dimension === 'commits') return { largest: 1, from: 'request' }
  if (dimension === 'fetchBytes') return ofSeen(seen?.largestFetchBytes)
  if (dimension === 'fetchRecords')
    return ofSeen(recordsIn(seen?.largestFetchBytes, seen?.fetchedBytes, seen?.fetchedRecords))
  if (dimension === 'produceRecords') {
    return ofSeen(recordsIn(seen?.largestProduceBytes, seen?.producedBytes, seen?.producedRecords))
  }
  if (dimension !== 'produceBytes') return undefined
  const bytes = DEFAULT_LARGEST[library]?.bytes
  return ofSeen(seen?.largestProduceBytes) ?? (bytes === undefined ? undefined : { largest: bytes, from: 'default' })
}

/** About how many records the largest frame had. */
function recordsIn(largest = 0, bytes = 0, records = 0): number {
  return bytes === 0 ? 0 : Math.ceil((largest * records) / bytes)
}

function ofSeen(bytes: number | undefined): Cost | undefined {
  return bytes === undefined || bytes === 0 ? undefined : { largest: bytes, from: 'seen' }
}
