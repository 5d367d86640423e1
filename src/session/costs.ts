/** What one request costs in each dimension that a rate can measure. Mutable, one object a stream, filled in as things become known. */
import type { RateDimension } from '../policy/dimensions.ts'

export interface Costs {
  /** The request's whole frame, or the part of it that is of one topic. */
  requestBytes: number
  /** Likewise of the answer: an estimate until it is there. */
  answerBytes: number
  /** An estimate until the request has passed. */
  producedRecords: number
  /** An estimate until the answer has passed. */
  fetchedRecords: number
  /** Partitions created or deleted. */
  mutations: number
  /** 1, or 0 for a part that nothing was reserved for. */
  requests: number
}

export function noCosts(): Costs {
  return { requestBytes: 0, answerBytes: 0, producedRecords: 0, fetchedRecords: 0, mutations: 0, requests: 0 }
}

/** The cost in one dimension. */
export function costOf(dimension: RateDimension, costs: Costs): number {
  switch (dimension) {
    case 'produceBytes':
      return costs.requestBytes
    case 'fetchBytes':
      return costs.answerBytes
    case 'produceRecords':
      return costs.producedRecords
    case 'fetchRecords':
      return costs.fetchedRecords
    case 'mutations':
      return costs.mutations
    default:
      return costs.requests
  }
}

/** Dimensions whose cost is known only when the answer has come. */
export function isOfAnswer(dimension: RateDimension): boolean {
  return dimension === 'fetchBytes' || dimension === 'fetchRecords'
}
