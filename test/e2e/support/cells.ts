/**
 * One cell of the matrix of limits: a library that floods in one direction, over some connections and brokers, against one
 * limit. What it takes to set it up, and what is measured of it. `npm test` runs a few, `npm run limits` all of them.
 */
import { createTopic } from '../../../src/demo/kafka/index.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import {
  type Flood,
  type FloodConfig,
  type FloodLibrary,
  REQUEST_FLOOD,
  startConsumers,
  startProducers,
} from './flood.ts'
import {
  FETCH_BYTES,
  FETCH_RECORDS,
  FETCH_REQUESTS,
  isExceeded,
  isKept,
  type Measure,
  measureFlood,
  PRODUCE_BYTES,
  PRODUCE_RECORDS,
  PRODUCE_REQUESTS,
  type Scene,
} from './limits.ts'

export type Direction = 'produce' | 'fetch'

export interface CellLimit {
  /** For people and in ids: `5 MB/s`. */
  readonly name: string
  readonly unit: 'bytes' | 'records' | 'requests'
  readonly perSecond: number
  /** About how many bytes a second that is with the floods here: a cell's load on the machine. */
  readonly bytesPerSecond: number
}

export interface Cell {
  readonly id: string
  readonly library: FloodLibrary
  readonly direction: Direction
  readonly limit: CellLimit
  readonly connections: number
  readonly brokers: number
}

export interface CellResult {
  /** Measured by limit; absent when the client never got to wait for its limit. */
  readonly ofLimit?: number
  /** As `ofLimit`, without what had been saved up when the window began. */
  readonly excess?: number
  readonly attempts: number
  /** Requests that went before their time because holding them longer would have broken the client. */
  readonly belowFloor: number
  readonly frames: number
  readonly seconds: number
  readonly timeouts: number
  readonly disconnects: number
  readonly errors: number
  readonly complaints: readonly string[]
}

/** The topic that all consumers read; producers have one each. */
export const FETCH_TOPIC = 'data'
/** Four go into one of Java's batches, and making them is not the work. */
export const CELL_RECORD_BYTES = 4_000
/** Nobody reads what is produced; the disk need not keep it. */
const PRODUCE_TOPIC_CONFIGS = { 'retention.bytes': '200000000' }
/** For limits on requests: fifty requests a second shall not be many bytes. */
const SMALL_RECORD_BYTES = 500
export const ATTEMPTS_MAX = 5

const MEASURES: Readonly<Record<Direction, Readonly<Record<CellLimit['unit'], Measure>>>> = {
  produce: { bytes: PRODUCE_BYTES, records: PRODUCE_RECORDS, requests: PRODUCE_REQUESTS },
  fetch: { bytes: FETCH_BYTES, records: FETCH_RECORDS, requests: FETCH_REQUESTS },
}

export function cellOf(
  library: FloodLibrary,
  direction: Direction,
  limit: CellLimit,
  connections: number,
  brokers: number,
): Cell {
  const words = [library, direction, limit.name.replaceAll(/[ /]+/g, '-'), `${connections}c`, `${brokers}b`]
  return { id: words.join('_'), library, direction, limit, connections, brokers }
}

export function bytesLimit(megabytes: number): CellLimit {
  const perSecond = megabytes * 1_000_000
  return { name: `${megabytes} MB/s`, unit: 'bytes', perSecond, bytesPerSecond: perSecond }
}

export function recordsLimit(perSecond: number): CellLimit {
  return { name: `${perSecond} records/s`, unit: 'records', perSecond, bytesPerSecond: perSecond * CELL_RECORD_BYTES }
}

export function requestsLimit(perSecond: number): CellLimit {
  // A fetch of 64 kB is the largest of those requests.
  return { name: `${perSecond} requests/s`, unit: 'requests', perSecond, bytesPerSecond: perSecond * 65_536 }
}

/** The quota's dimension in the configuration's words. */
export function dimensionOf({ direction, limit: { unit } }: Pick<Cell, 'direction' | 'limit'>): string {
  return unit === 'requests' ? unit : `${direction}${unit === 'bytes' ? 'Bytes' : 'Records'}`
}

/** A quota for this cell alone; its clients are named after it. */
export function quotaOf(cell: Cell): object {
  const { id, direction, limit } = cell
  const rate = limit.unit === 'bytes' ? `${limit.perSecond} B/s` : `${limit.perSecond}/s`
  // Other requests of the client are not the flood, and the witness does not count them.
  const api = limit.unit === 'requests' ? { api: [direction === 'produce' ? 'Produce' : 'Fetch'] } : {}
  return { name: id, limit: { [dimensionOf(cell)]: rate }, match: { clientId: `${id}.*`, ...api }, per: ['clientId'] }
}

/** Which clients' records the witness is to count. */
export function countsRecordsOf(clientId: string): boolean {
  return clientId.includes('-records-s_')
}

/** What to tell of a cell: its rate, without what it had saved up where only that takes it above the limit. */
export function figureOf({ ofLimit, excess = 0 }: CellResult): number | undefined {
  return ofLimit !== undefined && isExceeded({ excess: ofLimit }) ? excess : ofLimit
}

/** Floods and measures; a client that got no processor to flood with gets another chance, under another client id. */
export async function runCell(
  surroundings: Surroundings,
  scene: Scene,
  cell: Cell,
  attemptsMax: number = ATTEMPTS_MAX,
): Promise<CellResult> {
  const { witness, sluice } = scene
  const { limit, direction, brokers } = cell
  const measure = MEASURES[direction][limit.unit]
  let result: CellResult | undefined
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const clientId = `${cell.id}.${attempt}`
    if (direction === 'produce') {
      await createTopic(scene.kafka.internalBootstrap, {
        ...{ topic: clientId, partitions: brokers, configs: PRODUCE_TOPIC_CONFIGS },
      })
    }
    const flood = await startCell(surroundings, scene, cell, clientId)
    const exchanges = (): ReturnType<typeof witness.of> => witness.of(measure.apiKey, clientId)
    const measured = await measureFlood({
      ...{ name: cell.id, floods: [flood], exchanges, measure, perSecond: limit.perSecond },
    })
    const harm = await flood.stop()
    witness.forget(measure.apiKey, clientId)
    const belowFloor = (await sluice.metrics()).value('sluice_quota_floor_exceeded_total', { quota: cell.id })
    result = {
      ...(measured === undefined ? {} : { ofLimit: measured.ofLimit, excess: measured.excess }),
      ...{ attempts: attempt, belowFloor, frames: measured?.frames ?? 0, seconds: measured?.seconds ?? 0 },
      ...harm,
    }
    if (belowFloor > 0 || (measured !== undefined && (isKept(measured) || isExceeded(measured)))) return result
  }
  return result!
}

function startCell(surroundings: Surroundings, { sluice }: Scene, cell: Cell, clientId: string): Promise<Flood> {
  const { library, direction, limit, connections } = cell
  const ofRequests = limit.unit === 'requests'
  const config: FloodConfig = {
    ...{ library, bootstrap: sluice.bootstrap, clientId, connections },
    topic: direction === 'produce' ? clientId : FETCH_TOPIC,
    recordBytes: ofRequests ? SMALL_RECORD_BYTES : CELL_RECORD_BYTES,
    ...(ofRequests ? { settings: REQUEST_FLOOD[library][direction] } : {}),
  }
  return direction === 'produce' ? startProducers(surroundings, config) : startConsumers(surroundings, config)
}
