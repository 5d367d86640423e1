/** What is written down of each event of the log. */
import type { MetricName } from '../catalogue/definition.ts'
import type { FieldName, FieldUse } from './fields.ts'

/** Levels of lines, from the most talkative. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** The series that counts the event. */
export interface EventMetric {
  readonly name: MetricName
  /** Labels whose values are the line's fields of the same name. */
  readonly labels?: readonly FieldName[]
  readonly fixed?: Readonly<Record<string, string>>
}

export interface EventDefinition {
  readonly level: EventLevel
  readonly fields: readonly FieldUse[]
  /** What has happened. */
  readonly meaning: string
  /** What to do about it; absent where there is nothing to do. */
  readonly action?: string
  readonly metric?: EventMetric
  /** Who changed or was denied what: written whatever `log.level` is, unless that is `silent`. */
  readonly audit?: true
}
