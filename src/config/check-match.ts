/**
 * What a quota's limits say together with whom it matches: limits that nothing that matches is charged to, and questions that
 * have no answer, such as the topic of a connection.
 */
import { API_KEY } from 'kafka-protocol-codec'
import { API_NAMES, EXEMPT_REASONS } from '../policy/api-classes.ts'
import { DIMENSIONS, type Dimension, isOfConnection, measures } from '../policy/dimensions.ts'
import { compilePattern } from '../policy/match.ts'
import { attempt, type DocumentFault, type Mapping, mappingAt, mappingsAt, oneOrMore, type Placed } from './raw.ts'
import type { Path } from './yaml-file.ts'

type Api = (typeof API_NAMES)[number]

const DIMENSION_NAMES: ReadonlySet<string> = new Set(DIMENSIONS)

/** Dimensions that can be told apart by topic; a request counts once for each topic that it carries. */
const TOPIC_DIMENSIONS: readonly Dimension[] = [
  'produceBytes',
  'fetchBytes',
  'produceRecords',
  'fetchRecords',
  'requests',
]

/** What no connection has: a connection carries requests of many. */
const NOT_OF_CONNECTION = ['topic', 'group', 'api'] as const

/** All faults of a quota's matches; `dimensions` are what it limits. */
export function checkMatches(quota: Mapping, path: Path, dimensions: readonly Dimension[]): DocumentFault[] {
  const matches = matchesOf(quota, path)
  return [
    ...matches.flatMap((match) => checkApis(match, dimensions)),
    ...checkCharged(mappingAt(quota, 'match'), 'match.api', [...path, 'limit'], dimensions),
    ...checkOverrides(quota, path),
    ...checkTopics(quota, path, matches, dimensions),
    ...checkConnections(quota, path, matches, dimensions),
  ]
}

/** Those that the whole policy exempts. */
export function checkExempt(document: Mapping): DocumentFault[] {
  return mappingsAt(document, 'exempt', []).flatMap((match) => {
    const faults = checkApis(match, ['joins'])
    if (match.value['topic'] === undefined) return faults
    const message =
      'a topic cannot be exempt from every quota at once: connections and commits have none; put it into match.not of the quotas that are meant'
    return [...faults, { path: match.path, key: 'topic', message }]
  })
}

/** Everything in a quota that is a match, exceptions and overrides included. */
function matchesOf(quota: Mapping, path: Path): Placed<Mapping>[] {
  return [
    ...mappingsAt(quota, 'match', path),
    ...mappingsAt(mappingAt(quota, 'match'), 'not', [...path, 'match']),
    ...mappingsAt(quota, 'exempt', path),
    ...mappingsAt(quota, 'overrides', path).flatMap((override) => [
      override,
      ...mappingsAt(override.value, 'not', override.path),
    ]),
  ]
}

/** APIs that are never limited; those that join a group are, where joins are. */
function checkApis({ value, path }: Placed<Mapping>, dimensions: readonly Dimension[]): DocumentFault[] {
  return oneOrMore(value, 'api', path).flatMap((written) => {
    const names = apisOf([written])
    if (names.length === 0 || names.some((name) => isLimited(name, dimensions))) return []
    const but = names.some((name) => measures('joins', API_KEY[name])) ? ' (but by joins)' : ''
    return [{ path: written.path, message: `${names.join(', ')} is never limited${but}: ${EXEMPT_REASONS[names[0]!]}` }]
  })
}

function isLimited(name: Api, dimensions: readonly Dimension[]): boolean {
  return EXEMPT_REASONS[name] === undefined || (dimensions.includes('joins') && measures('joins', API_KEY[name]))
}

function apisOf(written: readonly Placed[]): readonly Api[] {
  const patterns = written.flatMap(({ value }) => {
    const pattern = typeof value === 'string' ? attempt(() => compilePattern(value)) : undefined
    return pattern ?? []
  })
  return API_NAMES.filter((name) => patterns.some((pattern) => pattern.matches(name)))
}

/** Names that a message can hold; of more it says what is left. */
const NAMES_SHOWN_MAX = 4

/** A limit on what the match lets none of through would never apply. */
function checkCharged(match: Mapping, where: string, path: Path, dimensions: readonly Dimension[]): DocumentFault[] {
  // Of an API that is never limited it is said where it is named.
  const names = apisOf(oneOrMore(match, 'api', [])).filter((name) => isLimited(name, dimensions))
  if (names.length === 0) return []
  return dimensions
    .filter((dimension) => !isOfConnection(dimension) && !names.some((name) => measures(dimension, API_KEY[name])))
    .map((dimension) => {
      const charged = API_NAMES.filter((name) => measures(dimension, API_KEY[name]))
      const message =
        charged.length <= NAMES_SHOWN_MAX
          ? `${dimension} counts ${charged.join(' and ')} only, which ${where} leaves out`
          : `${dimension} does not count ${names.join(' and ')}, and ${where} lets nothing else through`
      return { path, key: dimension, message }
    })
}

function checkOverrides(quota: Mapping, path: Path): DocumentFault[] {
  return mappingsAt(quota, 'overrides', path).flatMap(({ value, path: at }) =>
    checkCharged(value, 'the api of the override', [...at, 'limit'], dimensionsOf(value['limit'])),
  )
}

/** The dimensions that a limit names, well written or not. */
export function dimensionsOf(limit: unknown): readonly Dimension[] {
  if (typeof limit !== 'object' || limit === null) return []
  return Object.keys(limit).filter((key): key is Dimension => DIMENSION_NAMES.has(key))
}

function checkTopics(
  quota: Mapping,
  path: Path,
  matches: readonly Placed<Mapping>[],
  dimensions: readonly Dimension[],
): DocumentFault[] {
  if (!asks(quota, matches, 'topic')) return []
  return dimensions
    .filter((dimension) => !TOPIC_DIMENSIONS.includes(dimension) && !isOfConnection(dimension))
    .map((dimension) => ({
      path: [...path, 'limit'],
      key: dimension,
      message: `${dimension} cannot be told apart by topic, only ${TOPIC_DIMENSIONS.join(', ')} can; make a quota of its own for it, without topic`,
    }))
}

function checkConnections(
  quota: Mapping,
  path: Path,
  matches: readonly Placed<Mapping>[],
  dimensions: readonly Dimension[],
): DocumentFault[] {
  const asked = NOT_OF_CONNECTION.filter((field) => asks(quota, matches, field))
  if (asked.length === 0) return []
  const fields = asked.join(' or ')
  return dimensions.filter(isOfConnection).map((dimension) => ({
    path: [...path, 'limit'],
    key: dimension,
    message: `a connection has no ${fields}, so ${dimension} cannot be told apart by it; make a quota of its own for it, without ${fields}`,
  }))
}

/** Whether a quota asks about a field anywhere: to match, to except, or to tell buckets apart. */
function asks(quota: Mapping, matches: readonly Placed<Mapping>[], field: string): boolean {
  if (matches.some(({ value }) => value[field] !== undefined)) return true
  const keys = [
    ...oneOrMore(quota, 'per', []),
    ...oneOrMore(mappingAt(quota, 'share'), 'by', []),
    ...mappingsAt(quota, 'overrides', []).flatMap(({ value }) => oneOrMore(value, 'per', [])),
  ]
  return keys.some(({ value }) => value === field)
}
