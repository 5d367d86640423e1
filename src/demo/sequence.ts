/**
 * Records that prove themselves: each carries its number and a checksum, so that its reader can tell whether one was lost,
 * doubled, reordered or changed on the way.
 */
import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { SequenceCounts } from './app-messages.ts'

/** Number (8 bytes) and checksum (4 bytes); the rest is filling. */
export const RECORD_HEAD_BYTES = 12

/** Gaps remembered one by one; beyond, a late record counts as doubled. Only a broken run comes near. */
const MISSING_MAX = 100_000

/** Makes the records of one partition, numbered from 0. */
export class RecordMaker {
  readonly #filling: Buffer
  #next = 0

  constructor(recordBytes: number) {
    this.#filling = Buffer.alloc(Math.max(recordBytes, RECORD_HEAD_BYTES))
    randomFillSync(this.#filling)
  }

  next(): Buffer {
    const record = Buffer.from(this.#filling)
    record.writeBigUInt64BE(BigInt(this.#next++), 0)
    record.writeUInt32BE(checksum(record), 8)
    return record
  }
}

/** Follows the records of one partition. */
export class SequenceCheck {
  #expected = 0
  readonly #missing = new Set<number>()
  #missingUntracked = 0
  #doubled = 0
  #reordered = 0
  #damaged = 0

  see(record: Buffer): void {
    if (record.length < RECORD_HEAD_BYTES || record.readUInt32BE(8) !== checksum(record)) {
      this.#damaged++
      return
    }
    const number = Number(record.readBigUInt64BE(0))
    if (number < this.#expected) {
      if (this.#missing.delete(number)) this.#reordered++
      else this.#doubled++
      return
    }
    for (let gap = this.#expected; gap < number; gap++) {
      if (this.#missing.size >= MISSING_MAX) {
        this.#missingUntracked += number - gap
        break
      }
      this.#missing.add(gap)
    }
    this.#expected = number + 1
  }

  /** What was found so far; `lost` counts gaps, not records that have yet to come. */
  counts(): SequenceCounts {
    return {
      lost: this.#missing.size + this.#missingUntracked,
      doubled: this.#doubled,
      reordered: this.#reordered,
      damaged: this.#damaged,
    }
  }
}

/** Over number and filling, skipping the checksum itself. */
function checksum(record: Buffer): number {
  return crc32(record.subarray(RECORD_HEAD_BYTES), crc32(record.subarray(0, 8)))
}
