/** Names of Kafka's error codes. */

import { ERROR_CODE } from './generated/error-codes.ts'

/** Kafka's name of an error: `NOT_LEADER_OR_FOLLOWER`. */
export type ErrorName = keyof typeof ERROR_CODE

/** The name of each error code; -1 is `UNKNOWN_SERVER_ERROR`, 0 is `NONE`. */
export const ERROR_NAMES: ReadonlyMap<number, ErrorName> = new Map(
  Object.entries(ERROR_CODE).map(([name, code]) => [code, name as ErrorName]),
)

/** Kafka's name for an error code; undefined for a code that the release of these tables does not have. */
export function errorName(code: number): ErrorName | undefined {
  return ERROR_NAMES.get(code)
}
