/** What several keys of one quota say together: bursts beside limits, overrides that could never match, shares of what cannot be shared. */
import { DIMENSIONS, type Dimension, isLevel } from '../policy/dimensions.ts'
import { PLAIN_FIELDS } from '../policy/quota-rule.ts'
import { parseBurst } from './burst.ts'
import { checkMatches, dimensionsOf } from './check-match.ts'
import { parseLimitOrNone } from './limit-schema.ts'
import {
  attempt,
  type DocumentFault,
  faultOf,
  isMapping,
  type Mapping,
  mappingAt,
  mappingsAt,
  oneOrMore,
  type Placed,
} from './raw.ts'
import type { Path } from './yaml-file.ts'

type Limits = Readonly<Partial<Record<Dimension, number>>>

/** A quota as its parts see it. */
interface Scene {
  readonly quota: Mapping
  readonly path: Path
  /** What it limits; the rates and levels that are well written. */
  readonly dimensions: readonly Dimension[]
  readonly limit: Limits
  readonly per: readonly string[]
  /** Undefined: no share. */
  readonly shareBy: readonly string[] | undefined
}

/** All faults of a quota beyond its single values. */
export function checkQuota(quota: Mapping, path: Path): DocumentFault[] {
  const share = quota['share']
  const scene: Scene = {
    quota,
    path,
    dimensions: dimensionsOf(quota['limit']),
    limit: readLimit(quota['limit']),
    per: fieldsAt(quota, 'per'),
    shareBy: isMapping(share) ? fieldsAt(share, 'by') : undefined,
  }
  return [
    ...checkEmpty(quota['limit'], [...path, 'limit']),
    ...checkLimitsSomebody(scene),
    ...checkBurst(quota, scene, scene.limit, path),
    ...checkTwice(quota, 'per', path),
    ...checkMatches(quota, path, scene.dimensions),
    ...checkShare(scene),
    ...mappingsAt(quota, 'overrides', path).flatMap((override) => checkOverride(override, scene)),
    ...mappingsAt(quota, 'schedule', path).flatMap((window) => checkOwnLimits(window.value, window.path, scene)),
  ]
}

function fieldsAt(mapping: Mapping, key: string): readonly string[] {
  const fields = oneOrMore(mapping, key, []).map(({ value }) => value)
  return [...new Set(fields.filter((field) => typeof field === 'string'))]
}

/** The limits that are well written. */
function readLimit(written: unknown): Limits {
  const limit: Partial<Record<Dimension, number>> = {}
  if (!isMapping(written)) return limit
  for (const dimension of DIMENSIONS) {
    const value = written[dimension]
    if (typeof value !== 'string' && typeof value !== 'number') continue
    const most = attempt(() => parseLimitOrNone(dimension, String(value)))
    if (most !== undefined) limit[dimension] = most
  }
  return limit
}

function checkEmpty(limit: unknown, path: Path): DocumentFault[] {
  const isEmpty = isMapping(limit) && Object.keys(limit).length === 0
  return isEmpty ? [{ path, message: 'an empty limit; give produceBytes, fetchBytes, requests or another' }] : []
}

/** What the quota itself does not limit, something in it must. */
function checkLimitsSomebody({ quota, path, limit }: Scene): DocumentFault[] {
  const parts = [...mappingsAt(quota, 'overrides', path), ...mappingsAt(quota, 'schedule', path)]
  const limits = parts.map(({ value }) => readLimit(value['limit']))
  return DIMENSIONS.filter((dimension) => limit[dimension] === Number.POSITIVE_INFINITY)
    .filter((dimension) => !limits.some((own) => Number.isFinite(own[dimension])))
    .map((dimension) => ({
      path: [...path, 'limit'],
      key: dimension,
      message: `unlimited, and no override or window limits ${dimension} either; give one a limit, or leave it out here`,
    }))
}

function checkBurst(mapping: Mapping, { dimensions }: Scene, limit: Limits, path: Path): DocumentFault[] {
  const burst = mapping['burst']
  if (typeof burst !== 'string' && typeof burst !== 'number') return []
  if (dimensions.length > 0 && dimensions.every(isLevel)) {
    const message = `${dimensions.join(' and ')} is a number at a time and has no burst; leave it out`
    return [{ path, key: 'burst', message }]
  }
  const message = faultOf(() => parseBurst(burst, limit))
  return message === undefined ? [] : [{ path: [...path, 'burst'], message }]
}

function checkTwice(mapping: Mapping, key: string, path: Path): DocumentFault[] {
  const fields = oneOrMore(mapping, key, path)
  return fields.flatMap(({ value, path: at }, i) =>
    fields.findIndex((other) => other.value === value) < i
      ? [{ path: at, message: `${String(value)} is there twice` }]
      : [],
  )
}

function checkShare({ quota, path, dimensions, per, shareBy }: Scene): DocumentFault[] {
  if (shareBy === undefined) return []
  const at = [...path, 'share']
  const levels = dimensions.filter(isLevel).map((dimension) => ({
    path: [...path, 'limit'],
    key: dimension,
    message: `share divides rates, and ${dimension} is a number at a time; make a quota of its own for it, without share`,
  }))
  const overlaps = shareBy
    .filter((field) => per.includes(field))
    .map((field) => ({
      path: at,
      key: 'by',
      message: `${field} is in per too, so each bucket is of one ${field} and has nothing to divide by it; leave it out of per`,
    }))
  return [...levels, ...overlaps, ...checkTwice(mappingAt(quota, 'share'), 'by', at)]
}

function checkOverride({ value: override, path }: Placed<Mapping>, scene: Scene): DocumentFault[] {
  return [
    ...checkWho(override, path, scene),
    ...checkWhat(override, path, scene),
    ...checkOwnLimits(override, path, scene),
    ...checkTwice(override, 'per', path),
  ]
}

/** One bucket cannot have two rates: an override must name whole buckets, or have buckets of its own. */
function checkWho(override: Mapping, path: Path, { per, shareBy }: Scene): DocumentFault[] {
  const fields = PLAIN_FIELDS.filter((field) => override[field] !== undefined)
  const isForSome = fields.length > 0 || override['labels'] !== undefined || override['not'] !== undefined
  if (!isForSome) {
    const known = [...per, ...(shareBy ?? [])]
    const wanted = known.length > 0 ? known.join(' or ') : 'clientId, which must be in per as well'
    return [{ path, message: `this override is for nobody; give ${wanted}` }]
  }
  if (override['per'] !== undefined) return []
  const excepted = mappingsAt(override, 'not', path).flatMap(({ value, path: at }) =>
    PLAIN_FIELDS.filter((field) => value[field] !== undefined).map((field) => ({ field, at })),
  )
  return [...fields.map((field) => ({ field, at: path })), ...excepted]
    .filter(({ field }) => !per.includes(field) && shareBy?.includes(field) !== true)
    .map(({ field, at }) => ({ path: at, key: field, message: noBucket(field, per, shareBy) }))
}

function noBucket(field: string, per: readonly string[], shareBy: readonly string[] | undefined): string {
  if (shareBy !== undefined) {
    return `the quota has no share for each ${field}; add ${field} to its share.by: [${[...shareBy, field].join(', ')}]`
  }
  return `the quota has no bucket for each ${field}; add ${field} to its per: [${[...per, field].join(', ')}], or give the override a per of its own`
}

const SHARED =
  'a quota with share is one bucket with one rate, which its keys divide; give these keys a weight instead, or a per of their own'

function checkWhat(override: Mapping, path: Path, { shareBy }: Scene): DocumentFault[] {
  const has = (key: string): boolean => override[key] !== undefined
  if (!['limit', 'burst', 'per', 'weight', 'priority'].some(has)) {
    const what = shareBy === undefined ? 'limit, burst or per' : 'weight, priority or per'
    return [{ path, message: `this override changes nothing; give it ${what}` }]
  }
  if (shareBy === undefined) {
    return ['weight', 'priority'].filter(has).map((key) => ({
      path,
      key,
      message: `${key} is of a bucket that is divided; give the quota share: { by: [clientId] }`,
    }))
  }
  return ['limit', 'burst'].filter((key) => has(key) && !has('per')).map((key) => ({ path, key, message: SHARED }))
}

function checkOwnLimits(override: Mapping, path: Path, scene: Scene): DocumentFault[] {
  return [
    ...checkUnknownLimits(override['limit'], path, scene),
    ...checkEmpty(override['limit'], [...path, 'limit']),
    ...checkBurst(override, scene, { ...scene.limit, ...readLimit(override['limit']) }, path),
  ]
}

/** Limits of an override or a window that the quota itself does not have. */
function checkUnknownLimits(limit: unknown, path: Path, { quota, dimensions }: Scene): DocumentFault[] {
  if (!isMapping(quota['limit'])) return []
  return dimensionsOf(limit)
    .filter((dimension) => !dimensions.includes(dimension))
    .map((dimension) => ({
      path: [...path, 'limit'],
      key: dimension,
      message: `the quota itself does not limit ${dimension}; add it there, or make a quota of its own`,
    }))
}
