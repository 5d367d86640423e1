/** Offsets of fields that stand behind fixed-size ones only, computed from the schema: Fetch's limits, for one. */
import { FIXED_BYTES, inRange, type MessageSchema } from 'kafka-protocol-codec'

/** The offset of `name` in the body of that version, −1 where the version lacks it or its place is not fixed. */
export function fixedOffset(schema: MessageSchema, version: number, name: string): number {
  let offset = 0
  for (const field of schema.fields) {
    if (!inRange(version, field.versions)) continue
    if (field.tagged !== undefined && inRange(version, field.tagged)) continue
    if (field.name === name) return offset
    const bytes = field.array === true ? undefined : FIXED_BYTES[field.type]
    if (bytes === undefined) return -1
    offset += bytes
  }
  return -1
}
