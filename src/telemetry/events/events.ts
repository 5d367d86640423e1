/**
 * Every event that the log can have: a closed list, an interface as the names of metrics are. A call of the logger with another
 * event, or with fields that the event has not, does not compile; docs/logs.md is made from this.
 */
import { BROKER_EVENTS } from './broker-events.ts'
import { CONNECTION_EVENTS, ENDING_EVENTS } from './connection-events.ts'
import type { EventDefinition } from './definition.ts'
import type { FieldName, FieldValue } from './fields.ts'
import { INJECTOR_EVENTS } from './injector-events.ts'
import { POLICY_EVENTS } from './policy-events.ts'
import { PROCESS_EVENTS } from './process-events.ts'

type Events = typeof PROCESS_EVENTS &
  typeof POLICY_EVENTS &
  typeof CONNECTION_EVENTS &
  typeof ENDING_EVENTS &
  typeof BROKER_EVENTS &
  typeof INJECTOR_EVENTS

export const EVENTS: Events = {
  ...PROCESS_EVENTS,
  ...POLICY_EVENTS,
  ...CONNECTION_EVENTS,
  ...ENDING_EVENTS,
  ...BROKER_EVENTS,
  ...INJECTOR_EVENTS,
}

export type EventName = keyof typeof EVENTS

type Uses<Name extends EventName> = (typeof EVENTS)[Name]['fields'][number]
type Needed<Use> = Use extends FieldName ? Use : never
type Optional<Use> = Use extends `${infer Name extends FieldName}?` ? Name : never

/** What a line of an event carries. */
export type EventFields<Name extends EventName> = {
  readonly [Field in Needed<Uses<Name>>]: FieldValue<Field>
} & { readonly [Field in Optional<Uses<Name>>]?: FieldValue<Field> | undefined }

/** The event as written down. */
export function eventOf(name: EventName): EventDefinition {
  return EVENTS[name]
}

/** Whether there is an event of that name. */
export function isEvent(name: string): name is EventName {
  return Object.hasOwn(EVENTS, name)
}
