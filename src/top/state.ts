/** What somebody has chosen in `top`, and what each key makes of it. Pure: a key and a state give a state. */
import { naturalOrder, type SortKey, type StatusQuery } from '../status/status-query.ts'
import { CLIENT_COLUMNS } from './columns.ts'

export const VIEWS = ['clients', 'quotas', 'brokers'] as const
export type View = (typeof VIEWS)[number]

export interface TopState {
  readonly view: View
  readonly sort: SortKey
  readonly order: 'asc' | 'desc'
  readonly filter: string
  /** What is being typed; undefined: nothing is. */
  readonly typing: string | undefined
  /** Only clients that are limited. */
  readonly onlyLimited: boolean
  /** Rows above the first that is shown. */
  readonly skip: number
  readonly isPaused: boolean
  readonly showsHelp: boolean
  readonly isOver: boolean
}

export const FIRST_STATE: TopState = {
  view: 'clients',
  sort: 'throttle',
  order: 'desc',
  filter: '',
  typing: undefined,
  onlyLimited: false,
  skip: 0,
  isPaused: false,
  showsHelp: false,
  isOver: false,
}

const FILTER_CHARS_MAX = 60
const SORTS: readonly SortKey[] = CLIENT_COLUMNS.map(({ sort }) => sort)

/** Names of keys are those of Node's readline; `text` is what the key types. */
export interface Key {
  readonly name: string
  readonly text: string
  readonly ctrl: boolean
}

/** @param page rows on the screen */
export function pressed(state: TopState, key: Key, page: number): TopState {
  if (key.ctrl && (key.name === 'c' || key.name === 'd')) return { ...state, isOver: true }
  if (state.typing !== undefined) return typed(state, key, state.typing)
  return byName(state, key.name, page) ?? byText(state, key.text) ?? state
}

/** The question that a state asks. */
export function queryOf({ sort, order, filter, onlyLimited, skip }: TopState, rows: number): string {
  const query = new URLSearchParams({ sort, order, top: String(rows), skip: String(skip) })
  if (filter !== '') query.set('filter', filter)
  if (onlyLimited) query.set('state', 'limited' satisfies StatusQuery['state'])
  return query.toString()
}

function typed(state: TopState, { name, text, ctrl }: Key, before: string): TopState {
  if (name === 'return' || name === 'enter') return { ...state, typing: undefined, filter: before.trim(), skip: 0 }
  if (name === 'escape') return { ...state, typing: undefined }
  if (name === 'backspace') return { ...state, typing: [...before].slice(0, -1).join('') }
  if (ctrl && name === 'u') return { ...state, typing: '' }
  if (ctrl || text === '' || /\p{Cc}/u.test(text)) return state
  return { ...state, typing: (before + text).slice(0, FILTER_CHARS_MAX) }
}

function byName(state: TopState, name: string, page: number): TopState | undefined {
  switch (name) {
    case 'tab':
      return toView(state, VIEWS[(VIEWS.indexOf(state.view) + 1) % VIEWS.length]!)
    case 'down':
      return { ...state, skip: state.skip + 1 }
    case 'up':
      return { ...state, skip: Math.max(0, state.skip - 1) }
    case 'pagedown':
      return { ...state, skip: state.skip + page }
    case 'pageup':
      return { ...state, skip: Math.max(0, state.skip - page) }
    case 'home':
      return { ...state, skip: 0 }
    case 'left':
      return sortedBy(state, -1)
    case 'right':
      return sortedBy(state, 1)
    case 'escape':
      return { ...state, showsHelp: false, filter: '', onlyLimited: false, skip: 0 }
    case 'space':
      return { ...state, isPaused: !state.isPaused }
    default:
      return undefined
  }
}

function byText(state: TopState, text: string): TopState | undefined {
  switch (text) {
    case 'q':
      return { ...state, isOver: true }
    case '1':
    case '2':
    case '3':
      return toView(state, VIEWS[Number(text) - 1]!)
    case 's':
      return sortedBy(state, 1)
    case 'S':
      return sortedBy(state, -1)
    case 'r':
      return { ...state, order: state.order === 'asc' ? 'desc' : 'asc', skip: 0 }
    case 'l':
      return { ...state, onlyLimited: !state.onlyLimited, skip: 0 }
    case 'p':
      return { ...state, isPaused: !state.isPaused }
    case '/':
      return { ...state, typing: state.filter }
    case '?':
    case 'h':
      return { ...state, showsHelp: !state.showsHelp }
    default:
      return undefined
  }
}

function toView(state: TopState, view: View): TopState {
  return { ...state, view, skip: 0, showsHelp: false }
}

function sortedBy(state: TopState, step: 1 | -1): TopState {
  const sort = SORTS[(SORTS.indexOf(state.sort) + step + SORTS.length) % SORTS.length]!
  return { ...state, sort, order: naturalOrder(sort), skip: 0 }
}
