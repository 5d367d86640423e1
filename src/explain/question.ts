/** A question on its way over HTTP: as the query of `/api/explain`. */
import { suggestion } from '../config/suggest.ts'
import { API_NAMES } from '../policy/api-classes.ts'
import type { Question } from './explanation.ts'

const FIELDS = ['principal', 'group', 'topic', 'api', 'software', 'softwareVersion', 'address', 'sni'] as const
const LABEL = 'label.'

/** Writes a question; what is absent is left out. */
export function questionQuery(question: Question): string {
  const query = new URLSearchParams({ clientId: question.clientId })
  for (const field of FIELDS) if (question[field] !== undefined) query.set(field, question[field])
  for (const [key, value] of Object.entries(question.labels ?? {})) query.set(LABEL + key, value)
  return query.toString()
}

/**
 * Reads a question.
 * @returns undefined where it does not say which client
 * @throws RangeError for what is no field of a question, or no API
 */
export function questionOf(query: URLSearchParams): Question | undefined {
  const known = ['clientId', ...FIELDS]
  const labels: Record<string, string> = {}
  const question: Record<string, unknown> = {}
  for (const [name, value] of query) {
    if (name.startsWith(LABEL)) labels[name.slice(LABEL.length)] = value
    else if (known.includes(name)) question[name] = value
    else
      throw new RangeError(`"${name}" is nothing that can be asked about${suggestion(name, [...known, 'label.KEY'])}`)
  }
  const { api } = question
  if (api !== undefined && !API_NAMES.some((name) => name === api)) {
    throw new RangeError(
      `Kafka has no API ${JSON.stringify(api)}; the names are those of Kafka: Produce, Fetch, Metadata …`,
    )
  }
  return question['clientId'] === undefined ? undefined : ({ ...question, labels } as unknown as Question)
}
