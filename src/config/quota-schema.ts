/** Quotas as zod sees them: shares, overrides, windows. What several keys say together is in `check-quota.ts`. */
import * as z from 'zod'
import {
  OVERRIDES_MAX,
  RAMP_MAX_MS,
  SCHEDULE_WINDOWS_MAX,
  SHARE_MINIMUM_MAX,
  SHARE_MINIMUM_MIN,
  WEIGHT_MAX,
  WEIGHT_MIN,
} from '../bounds.ts'
import { PLAIN_FIELDS } from '../policy/quota-rule.ts'
import type { OverrideDocument, QuotaDocument, WindowDocument } from './document.ts'
import { burst, limitSection } from './limit-schema.ts'
import { exceptions, FIELD_HINTS, field, fields, match, matchShape, NOT_HELP, toMatch } from './match-schema.ts'
import { DURATION, listOf, PERCENT, section, string, text } from './schema-parts.ts'
import { parseDuring, parseTimeZone } from './timetable.ts'
import { parseDuration, parsePercent } from './units.ts'

const weight = z
  .number({ error: `a weight is a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}` })
  .min(WEIGHT_MIN, `a weight is a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}`)
  .max(WEIGHT_MAX, `a weight is a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}`)

const priority = z.enum(['high', 'normal', 'low'], { error: 'the priorities are high, normal and low' })

const share = section({
  by: listOf(field, 'say by what the bucket is divided, as in by: [clientId]').describe(
    'Keys that divide the bucket: each combination of these is one.',
  ),
  weight: weight.optional().describe('Part of a key among those that want more than there is. Default 1.'),
  priority: priority.optional().describe('Who is served first. Default normal.'),
  minimum: text((value) => {
    const part = parsePercent(value)
    if (part >= SHARE_MINIMUM_MIN && part <= SHARE_MINIMUM_MAX) return part
    throw new RangeError(`${value.trim()} is not from ${SHARE_MINIMUM_MIN * 100}% to ${SHARE_MINIMUM_MAX * 100}%`)
  }, PERCENT)
    .optional()
    .describe('What the lower classes together are sure of while a higher one takes all it can. Default 10%.'),
})

const override: z.ZodType<OverrideDocument> = section(
  {
    ...matchShape,
    not: exceptions.optional().describe(NOT_HELP),
    limit: limitSection()
      .optional()
      .describe('Limits of these keys; what is absent stays as in the quota. unlimited lifts one.'),
    burst: burst.optional(),
    per: fields
      .optional()
      .describe('Buckets of their own: one for each combination of these; []: one for all that match here.'),
    weight: weight.optional().describe('Weight of these keys, in a quota with share.'),
    priority: priority.optional().describe('Class of these keys, in a quota with share.'),
  },
  FIELD_HINTS,
).transform(({ not = [], limit, burst: ownBurst, per, weight: ownWeight, priority: ownPriority, ...matched }) => ({
  fields: toMatch(matched),
  not,
  limit,
  burst: ownBurst,
  per,
  weight: ownWeight,
  priority: ownPriority,
}))

const window: z.ZodType<WindowDocument> = section({
  during: string(parseDuring, { examples: ['* 22-23,0-5 * * mon-fri'] }).describe(
    'Minutes in which the window is open, as five cron fields: minute, hour, day of the month, month, day of the week.',
  ),
  timeZone: string(parseTimeZone, { examples: ['Europe/Berlin'] })
    .optional()
    .describe('Whose clock is meant. Default UTC.'),
  limit: limitSection().describe(
    'Limits while the window is open; what is absent stays as it is. unlimited lifts one.',
  ),
  burst: burst.optional(),
})

/** `enforce` or `observe`. */
export const mode: z.ZodEnum<{ enforce: 'enforce'; observe: 'observe' }> = z.enum(['enforce', 'observe'], {
  error: 'the modes are enforce and observe',
})

const QUOTA_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/u

/** One quota. */
export const quota: z.ZodType<QuotaDocument> = section({
  name: string(
    (value) => {
      if (!QUOTA_NAME.test(value))
        throw new RangeError('a name is 1 to 64 letters, digits, - _ . and begins with a letter or digit')
      return value
    },
    { pattern: QUOTA_NAME.source },
  ).describe('Name in metrics, logs and explain.'),
  limit: limitSection().describe(
    'What is limited, and to how much; unlimited where only overrides or windows of the schedule limit.',
  ),
  burst: burst.optional(),
  match: match.optional().describe('Whom it concerns: every field given must match. Absent: all requests.'),
  exempt: exceptions.optional().describe('Whom it does not concern: the same as match.not.'),
  per: fields
    .optional()
    .describe(
      `One bucket for each combination of these: ${PLAIN_FIELDS.join(', ')}, labels.NAME. Absent: one bucket that all who match share.`,
    ),
  share: share.optional().describe('Divides each bucket among keys when they want more than there is.'),
  overrides: z
    .array(override, { error: 'expected a list: each names its keys, as in "- { clientId: a, limit: … }"' })
    .max(OVERRIDES_MAX, `at most ${OVERRIDES_MAX} overrides`)
    .optional()
    .describe('Something of their own for particular keys; the most specific one counts.'),
  mode: mode.optional().describe('observe: compute and report, but slow nobody. Default enforce.'),
  rampIn: text((value) => {
    const rampMs = parseDuration(value)
    if (rampMs > 0 && rampMs <= RAMP_MAX_MS) return rampMs
    throw new RangeError(`"${value}" is ${rampMs > 0 ? 'more than 7 days' : 'no time; leave rampIn out'}`)
  }, DURATION)
    .optional()
    .describe('How long a new or lowered limit takes to come down from what was used: 10m. Default: at once.'),
  schedule: z
    .array(window, { error: 'expected a list: each begins with "- during: …"' })
    .max(SCHEDULE_WINDOWS_MAX, `at most ${SCHEDULE_WINDOWS_MAX} windows`)
    .optional()
    .describe('Other limits at certain times; the first window that is open counts.'),
}).meta({ id: 'quota' })
