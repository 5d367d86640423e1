/**
 * Joins a message of the current release with the versions of it that only the legacy release has (KIP-896).
 * The result is proved: every version of it has exactly the layout that its own release gives it.
 */

import { deepStrictEqual } from 'node:assert'
import type { Field, MessageSchema, VersionRange } from '../src/schema.ts'
import { inRange, NONE } from '../src/schema.ts'

/** The union of two ranges that follow each other, or undefined when there is a gap between them. */
function join(older: VersionRange = NONE, newer: VersionRange = NONE): VersionRange | undefined {
  if (older[1] < older[0]) return newer
  if (newer[1] < newer[0]) return older
  return older[1] + 1 === newer[0] ? [older[0], newer[1]] : undefined
}

/** One field out of two of the same name, or undefined when their ranges or types do not fit together. */
function joinField(older: Field, newer: Field): Field | undefined {
  const versions = join(older.versions, newer.versions)
  const nullable = join(older.nullable, newer.nullable)
  const tagged = join(older.tagged, newer.tagged)
  const flexible = join(older.flexible, newer.flexible)
  if (versions === undefined || nullable === undefined || tagged === undefined || flexible === undefined)
    return undefined
  if (older.type !== newer.type || older.array !== newer.array || older.tag !== newer.tag) return undefined
  return {
    ...newer,
    versions,
    ...(nullable === NONE ? {} : { nullable }),
    ...(tagged === NONE ? {} : { tagged }),
    ...(newer.flexible === undefined ? {} : { flexible }),
    ...(newer.fields === undefined ? {} : { fields: joinFields(older.fields ?? [], newer.fields) }),
  }
}

/** Both lists in one, each in its own order. A field that does not fit its namesake stays a field of its own. */
function joinFields(older: readonly Field[], newer: readonly Field[]): Field[] {
  const joined: Field[] = []
  let taken = 0
  for (const field of older) {
    const at = newer.findIndex((candidate, index) => index >= taken && candidate.name === field.name)
    const both = at < 0 ? undefined : joinField(field, newer[at]!)
    if (both === undefined) {
      joined.push(field)
    } else {
      joined.push(...newer.slice(taken, at), both)
      taken = at + 1
    }
  }
  return [...joined, ...newer.slice(taken)]
}

/** What is on the wire in one version, for comparison. */
function layoutAt(fields: readonly Field[], version: number): unknown[] {
  return fields
    .filter((field) => inRange(version, field.versions))
    .map((field) => ({
      name: field.name,
      type: field.type,
      array: field.array === true,
      nullable: inRange(version, field.nullable ?? NONE),
      tag: inRange(version, field.tagged ?? NONE) ? field.tag : undefined,
      flexible: field.flexible === undefined ? undefined : inRange(version, field.flexible),
      fields: layoutAt(field.fields ?? [], version),
    }))
}

function prove(part: MessageSchema, whole: MessageSchema): void {
  for (let version = part.versions[0]; version <= part.versions[1]; version++) {
    deepStrictEqual(layoutAt(whole.fields, version), layoutAt(part.fields, version), `${part.name} v${version}`)
    deepStrictEqual(inRange(version, whole.flexible), inRange(version, part.flexible), `${part.name} v${version}`)
  }
}

/**
 * `newer` with the versions of `older` put before its own.
 * @throws Error when the two cannot be one message (a gap between the versions, or a layout that came out different).
 */
export function mergeVersions(older: MessageSchema, newer: MessageSchema): MessageSchema {
  const versions = join(older.versions, newer.versions)
  const flexible = join(older.flexible, newer.flexible)
  if (versions === undefined || flexible === undefined) throw new Error(`${newer.name}: versions do not join`)
  const merged: MessageSchema = { ...newer, versions, flexible, fields: joinFields(older.fields, newer.fields) }
  prove(older, merged)
  prove(newer, merged)
  return merged
}
