/** What the schema finds, as faults for people: each unknown key its own, the branch of a union that was meant, what is missing. */
import type { z } from 'zod'
import type { DocumentFault } from './raw.ts'

/** One issue of the schema as faults: a key that is not known each, the branch of a union that was meant. */
export function faultsOf(issue: z.core.$ZodIssue, raw: unknown, base: readonly PropertyKey[]): DocumentFault[] {
  const path = [...base, ...issue.path]
  if (path.length > 0 && isMissing(raw, path)) return [missing(path)]
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, i) => ({ path, key, message: messages[i] ?? 'unknown key' }))
  }
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => ({ path, message }))
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find(
      (branch) => branch.length > 0 && branch.every((inner) => inner.path.length > 0 || isKindRight(inner)),
    )
    if (meant !== undefined) return meant.flatMap((inner) => faultsOf(inner, raw, path))
    return [{ path, message: issue.message === 'Invalid input' ? unionMessage(issue.errors) : issue.message }]
  }
  if (path.length === 0 || !isMissing(raw, path))
    return [{ path, message: issue.message.replace('Invalid input: ', '') }]
  return [missing(path)]
}

/** Whether a branch of a union took the value for what it is and found fault with its content. */
function isKindRight(issue: z.core.$ZodIssue): boolean {
  return (
    issue.code === 'custom' ||
    issue.code === 'too_small' ||
    issue.code === 'too_big' ||
    issue.code === 'unrecognized_keys' ||
    issue.code === 'invalid_key'
  )
}

function unionMessage(branches: readonly (readonly z.core.$ZodIssue[])[]): string {
  const messages = branches.flatMap((branch) => branch.map((issue) => issue.message))
  return [...new Set(messages)].join(', or ')
}

function isMissing(raw: unknown, path: readonly PropertyKey[]): boolean {
  let value = raw as Record<PropertyKey, unknown> | undefined
  for (const part of path) value = value?.[part] as Record<PropertyKey, unknown> | undefined
  return value === undefined
}

function missing(path: readonly PropertyKey[]): DocumentFault {
  if (path[0] !== 'upstream' || (path.length > 1 && path[1] !== 'bootstrap'))
    return { path, message: `${String(path.at(-1))} is missing` }
  const message = 'where is Kafka? Give --upstream HOST:PORT, SLUICE_UPSTREAM, or upstream.bootstrap in the file'
  return { path: ['upstream', 'bootstrap'], message }
}
