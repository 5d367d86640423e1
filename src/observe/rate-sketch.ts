/**
 * The distribution of a rate in little memory: a histogram whose buckets grow with the value (16 to an octave, so that a
 * bucket is at most 1/16 of its values wide and its middle at most 3.2 % from any of them). Only the stretch of buckets between the
 * least and the greatest value is kept: 64 bytes for each doubling.
 */
const BUCKETS_PER_OCTAVE = 16
/** Below it all is alike: one unit in a quarter of an hour. */
const VALUE_MIN = 2 ** -10
const VALUE_MAX = 2 ** 50

export class RateSketch {
  /** Bucket of `#counts[0]`. */
  #first = 0
  #counts: Uint32Array = new Uint32Array(0)
  #count = 0
  #max = 0

  /** Values added. */
  get count(): number {
    return this.#count
  }

  /** The largest value, exactly. */
  get max(): number {
    return this.#max
  }

  /** Adds a value; those that are not positive are not of interest. */
  add(value: number): void {
    if (!(value > 0)) return
    this.#count++
    this.#max = Math.max(this.#max, value)
    const bucket = bucketOf(value)
    this.#makeRoom(bucket)
    const at = bucket - this.#first
    this.#counts[at] = this.#counts[at]! + 1
  }

  /** The value that `share` (0.99) of all values do not exceed, within 3.2 %; 0 without values. */
  quantile(share: number): number {
    if (this.#count === 0) return 0
    let left = Math.max(1, Math.ceil(share * this.#count))
    for (let i = 0; i < this.#counts.length; i++) {
      left -= this.#counts[i]!
      if (left <= 0) return Math.min(middleOf(this.#first + i), this.#max)
    }
    return this.#max
  }

  #makeRoom(bucket: number): void {
    const end = this.#first + this.#counts.length
    if (this.#counts.length > 0 && bucket >= this.#first && bucket < end) return
    const octave = bucket - (bucket % BUCKETS_PER_OCTAVE)
    const first = this.#counts.length === 0 ? octave : Math.min(this.#first, octave)
    const newEnd = Math.max(this.#counts.length === 0 ? 0 : end, octave + BUCKETS_PER_OCTAVE)
    const counts = new Uint32Array(newEnd - first)
    counts.set(this.#counts, this.#counts.length === 0 ? 0 : this.#first - first)
    this.#first = first
    this.#counts = counts
  }
}

function bucketOf(value: number): number {
  const clamped = Math.min(Math.max(value, VALUE_MIN), VALUE_MAX) / VALUE_MIN
  const octave = Math.floor(Math.log2(clamped))
  // The logarithm may be off by one at a power of two.
  const part = clamped / 2 ** octave
  if (part >= 2) return (octave + 1) * BUCKETS_PER_OCTAVE
  if (part < 1) return octave * BUCKETS_PER_OCTAVE - 1
  return octave * BUCKETS_PER_OCTAVE + Math.floor((part - 1) * BUCKETS_PER_OCTAVE)
}

function middleOf(bucket: number): number {
  const octave = Math.floor(bucket / BUCKETS_PER_OCTAVE)
  const part = 1 + ((bucket % BUCKETS_PER_OCTAVE) + 0.5) / BUCKETS_PER_OCTAVE
  return VALUE_MIN * part * 2 ** octave
}
