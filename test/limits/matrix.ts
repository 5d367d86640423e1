/**
 * The matrix of limits on real Kafka: every library, both directions, five limits, 1, 8 and 50 connections, 1 and 3 brokers.
 * Cells run at the same time where the machine bears it, each with a client id, a topic and a quota of its own.
 */
import { createTopic } from '../../src/demo/kafka/index.ts'
import {
  bytesLimit,
  CELL_RECORD_BYTES,
  type Cell,
  type CellLimit,
  type CellResult,
  cellOf,
  countsRecordsOf,
  type Direction,
  FETCH_TOPIC,
  figureOf,
  quotaOf,
  recordsLimit,
  requestsLimit,
  runCell,
} from '../e2e/support/cells.ts'
import { FLOOD_LIBRARIES } from '../e2e/support/flood.ts'
import { isKept, limitScene, type Scene } from '../e2e/support/limits.ts'
import { warmUp } from '../e2e/support/warm-up.ts'
import { startPerfProducer } from '../support/perf-tools.ts'
import { markdownTable } from './document.ts'
import type { Results } from './results.ts'
import { type Scope, scoped } from './scope.ts'

const DIRECTIONS: readonly Direction[] = ['produce', 'fetch']
const LIMITS: readonly CellLimit[] = [...[0.5, 5, 50].map(bytesLimit), recordsLimit(1000), requestsLimit(50)]
const CONNECTIONS = [1, 8, 50] as const
const BROKERS = [1, 3] as const

/** What runs at the same time: megabytes a second, and something for each client and its connections. */
const LOAD_MAX = 60
const AT_ONCE_MAX = 6
const LOAD_OF_CLIENT = 3
const LOAD_OF_CONNECTION = 0.1
/** Burst, window and a bit: how long a consumer reads, with what it may have to try again. */
const FETCH_SECONDS = 40
/** Producers write gigabytes that nobody reads. */
const BROKER_PROPERTIES = {
  'log.retention.check.interval.ms': '10000',
  'log.segment.delete.delay.ms': '1000',
  'log.segment.bytes': '100000000',
}

export const ALL_CELLS: readonly Cell[] = BROKERS.flatMap((brokers) =>
  FLOOD_LIBRARIES.flatMap((library) =>
    DIRECTIONS.flatMap((direction) =>
      LIMITS.flatMap((limit) =>
        CONNECTIONS.map((connections) => cellOf(library, direction, limit, connections, brokers)),
      ),
    ),
  ),
)

export type MatrixResult = CellResult & { readonly at: string }

/** Measures these cells; returns the ids of those that could not be. */
export async function measureCells(
  cells: readonly Cell[],
  results: Results<MatrixResult>,
  { signal, attemptsMax }: { readonly signal: AbortSignal; readonly attemptsMax: number },
): Promise<string[]> {
  const failed: string[] = []
  let done = 0
  const tell = ({ id }: Cell, text: string): void => {
    console.log(`${++done} of ${cells.length}  ${id.padEnd(44)} ${text}`)
  }
  for (const brokers of BROKERS) {
    const some = cells.filter((cell) => cell.brokers === brokers)
    if (some.length === 0 || signal.aborted) continue
    await scoped(signal, async (scope) => {
      const scene = await openScene(scope, some, brokers)
      await atOnce(some, async (cell) => {
        if (signal.aborted) return
        try {
          const result = await scoped(signal, (inner) => runCell(inner, scene, cell, attemptsMax))
          await results.set(cell.id, { ...result, at: new Date().toISOString() })
          tell(cell, resultText(result))
        } catch (error) {
          failed.push(cell.id)
          tell(cell, `not measured: ${(error as Error).message}`)
        }
      })
    })
  }
  return failed
}

async function openScene(scope: Scope, cells: readonly Cell[], brokers: number): Promise<Scene> {
  const options = { brokers, witness: { countsRecordsOf }, properties: BROKER_PROPERTIES }
  const scene = await limitScene(scope, cells.map(quotaOf), options)
  if (scene === undefined) throw new Error('there is no Kafka to be had')
  const { internalBootstrap: bootstrap } = scene.kafka
  const fetches = cells.filter(({ direction }) => direction === 'fetch')
  if (cells.some(({ library }) => library === 'kafkajs')) await warmUp(scene.kafka)
  if (fetches.length === 0) return scene
  await createTopic(bootstrap, { topic: FETCH_TOPIC, partitions: brokers })
  const bytes = FETCH_SECONDS * Math.max(...fetches.map(({ limit }) => limit.bytesPerSecond))
  console.log(`filling a topic with ${Math.ceil(bytes / 1e6)} MB`)
  const filling = { bootstrap, topic: FETCH_TOPIC, records: Math.ceil(bytes / CELL_RECORD_BYTES) }
  const tool = await startPerfProducer({ ...filling, recordBytes: CELL_RECORD_BYTES }, scope.signal)
  if ((await tool.ended) !== 0) throw new Error(`the topic could not be filled: ${tool.lines.at(-1)}`)
  return scene
}

function loadOf({ limit, connections }: Cell): number {
  return limit.bytesPerSecond / 1e6 + LOAD_OF_CLIENT + connections * LOAD_OF_CONNECTION
}

/** Runs all cells, as many at a time as the machine bears. */
async function atOnce(cells: readonly Cell[], run: (cell: Cell) => Promise<void>): Promise<void> {
  const waiting = [...cells]
  const running = new Map<Cell, Promise<void>>()
  const fits = (cell: Cell): boolean => {
    const load = [...running.keys()].reduce((sum, one) => sum + loadOf(one), loadOf(cell))
    return running.size === 0 || (load <= LOAD_MAX && running.size < AT_ONCE_MAX)
  }
  while (waiting.length + running.size > 0) {
    for (let next = waiting.findIndex(fits); next >= 0; next = waiting.findIndex(fits)) {
      const [cell] = waiting.splice(next, 1) as [Cell]
      const done = (): boolean => running.delete(cell)
      running.set(cell, run(cell).finally(done))
    }
    await Promise.race(running.values())
  }
}

function resultText(result: CellResult): string {
  const { ofLimit, excess = 0, belowFloor, attempts, timeouts, disconnects, errors } = result
  const notes = [
    ...(belowFloor > 0 ? ['below its floor'] : []),
    ...(ofLimit !== undefined && belowFloor === 0 && !isKept({ ofLimit, excess }) ? ['NOT KEPT'] : []),
    ...(attempts > 1 ? [`attempt ${attempts}`] : []),
    ...(timeouts + disconnects + errors > 0
      ? [`${timeouts} time-outs, ${disconnects} disconnects, ${errors} errors`]
      : []),
  ]
  return `${figureOf(result)?.toFixed(3) ?? 'no flood'}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`
}

/** Rows: library, direction, limit. Columns: brokers and connections. */
export function matrixTable(results: Results<MatrixResult>): string {
  const columns = BROKERS.flatMap((brokers) => CONNECTIONS.map((connections) => ({ brokers, connections })))
  const head = columns.map(
    ({ brokers, connections }) => `${connections} conn., ${brokers} broker${brokers > 1 ? 's' : ''}`,
  )
  const rows = FLOOD_LIBRARIES.flatMap((library) =>
    DIRECTIONS.flatMap((direction) =>
      LIMITS.map((limit) => [
        ...[library, direction, limit.name],
        ...columns.map(({ connections, brokers }) =>
          cellText(results.get(cellOf(library, direction, limit, connections, brokers).id)),
        ),
      ]),
    ),
  )
  return markdownTable(['library', 'direction', 'limit', ...head], rows)
}

function cellText(result: MatrixResult | undefined): string {
  if (result === undefined) return '·'
  const { ofLimit, excess = 0, belowFloor, timeouts, disconnects, errors } = result
  const harmed = timeouts + disconnects + errors > 0 ? ' ⚠' : ''
  if (ofLimit === undefined) return `–${harmed}`
  const mark = belowFloor > 0 ? ' ▽' : isKept({ ofLimit, excess }) ? '' : ' ✗'
  return `${figureOf(result)?.toFixed(3)}${mark}${harmed}`
}
