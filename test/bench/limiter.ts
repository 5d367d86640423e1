/**
 * What the limiter costs, in nanoseconds each: a reservation, a turn in a divided bucket with and without a line, a place in a
 * gauge. `node -C source test/bench/limiter.ts`
 */
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { LevelTable } from '../../src/limiter/level-table.ts'

const ROUNDS = 300_000
const ATTEMPTS = 7

/** The best of some attempts, as nanoseconds for one `run`. */
function measure(name: string, run: (round: number) => void): void {
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const start = process.hrtime.bigint()
    for (let round = 0; round < ROUNDS; round++) run(round)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / ROUNDS)
  }
  console.log(`${best.toFixed(0).padStart(6)} ns  ${name}`)
}

function benchBuckets(): void {
  const table = new BucketTable(1000)
  const slots = Array.from({ length: 1000 }, (_, i) => table.acquire('q', 'produceBytes', `k${i}`, 1e6, 1000, 0))
  let nowMs = 0
  measure('reserve in a plain bucket, one of 1,000', (round) => {
    nowMs += 0.001
    table.reserve(slots[round % 1000]!, 100, nowMs)
  })
  measure('debtMs of a plain bucket', (round) => {
    nowMs += 0.001
    table.debtMs(slots[round % 1000]!, nowMs)
  })
  measure('acquire and release of a bucket that exists', (round) => {
    table.release(table.acquire('q', 'produceBytes', `k${round % 1000}`, 1e6, 1000, nowMs))
  })
}

/** A divided bucket in which each flow has `waiting` frames in line beside the one that is measured. */
function benchShares(name: string, flowCount: number, waiting: number): void {
  const table = new BucketTable(10)
  const slot = table.acquire('q', 'produceBytes', '', 1000, 100, 0)
  const flows = Array.from({ length: flowCount }, (_, i) =>
    table.acquireShare(slot, { key: `k${i}`, weight: 1 + (i % 4), priority: 'normal', minimum: 0.1 }, 0),
  )
  const { shares } = table
  const cost = 1000
  let nowMs = 0
  const line: number[] = []
  for (let i = 0; i < waiting; i++) line.push(shares.enqueue(flows[i % flowCount]!, cost, nowMs))
  measure(name, (round) => {
    nowMs += cost / 1000 // exactly one turn
    const ticket = shares.enqueue(flows[round % flowCount]!, cost, nowMs)
    if (waiting === 0) {
      if (shares.startAtMs(ticket, nowMs) > nowMs) throw new Error('held')
      return shares.start(ticket, nowMs)
    }
    line.push(ticket)
    // Whoever's turn it is asks; the others ask seldom.
    for (let i = 0; i < line.length; i++) {
      const at = (round + i) % line.length
      if (shares.startAtMs(line[at]!, nowMs) > nowMs) continue
      shares.start(line[at]!, nowMs)
      line[at] = line[line.length - 1]!
      line.pop()
      return
    }
  })
}

function benchAsks(waiting: number): void {
  const table = new BucketTable(10)
  const slot = table.acquire('q', 'produceBytes', '', 1000, 100, 0)
  const terms = { weight: 1, priority: 'normal', minimum: 0.1 } as const
  const flows = Array.from({ length: 100 }, (_, i) => table.acquireShare(slot, { key: `k${i}`, ...terms }, 0))
  table.reserve(slot, 1e9, 0)
  const tickets = Array.from({ length: waiting }, (_, i) => table.shares.enqueue(flows[i % 100]!, 1000, 0))
  measure(`startAtMs of a frame whose turn is not yet, ${waiting} waiting`, (round) => {
    table.shares.startAtMs(tickets[round % waiting]!, 0)
  })
}

function benchLevels(): void {
  const table = new LevelTable()
  const slots = Array.from({ length: 1000 }, (_, i) => table.acquire('q', 'inFlight', `k${i}`, 5))
  measure('tryEnter and leave of a gauge with room, one of 1,000', (round) => {
    table.tryEnter(slots[round % 1000]!)
    table.leave(slots[round % 1000]!)
  })
}

benchBuckets()
benchShares('enqueue, startAtMs and start in a divided bucket without a line', 8, 0)
benchShares('the same with 100 waiting, its asks until the frame is found included', 8, 100)
benchAsks(100)
benchAsks(10_000)
benchLevels()
