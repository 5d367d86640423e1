/**
 * The life of a session. Everything that affects a transition is in this table; an event that it lacks is a bug and throws.
 *
 *     fresh ── firstFrame ──▶ forwarding ── drain ──▶ draining ── idle, deadline ──▶ closed
 *       └────────── drain, gone ───────────────────────────────────────────────────────▲
 */

export type State = 'fresh' | 'forwarding' | 'draining' | 'closed'
export type Trigger = 'firstFrame' | 'drain' | 'idle' | 'deadline' | 'gone'

export const TRANSITIONS: Readonly<Record<State, Partial<Record<Trigger, State>>>> = {
  fresh: { firstFrame: 'forwarding', drain: 'closed', gone: 'closed' },
  forwarding: { drain: 'draining', gone: 'closed' },
  draining: { idle: 'closed', deadline: 'closed', gone: 'closed' },
  closed: { gone: 'closed' },
}

/** The state after `trigger`. */
export function transition(state: State, trigger: Trigger): State {
  const next = TRANSITIONS[state][trigger]
  if (next === undefined) throw new Error(`a session that is ${state} cannot meet ${trigger}`)
  return next
}
