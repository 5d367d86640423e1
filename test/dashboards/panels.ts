/**
 * The kinds of panels that the dashboards are made of, with the same looks everywhere: one colour for one thing, a unit, a
 * description that says what it means and what to do. On top of Grafana's own library of types, of the oldest release that we support.
 */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  type DataSourceRef,
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as StatesBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** The variable that says which Prometheus. */
export const DATA_SOURCE: DataSourceRef = { type: 'prometheus', uid: `\${datasource}` }

/** One query: what it asks, and how its series are called. */
export type Query = readonly [expr: string, legend: string]

export interface PanelText {
  readonly title: string
  /** What it means, and what to do when it looks wrong. */
  readonly description: string
  /** In Grafana's words: `Bps`, `s`, `short`, `percentunit` … */
  readonly unit: string
  readonly width?: number
  /** Where it stands beside panels that are higher, or lower, than its kind. */
  readonly height?: number
}

export interface LinesOptions extends PanelText {
  readonly stacked?: boolean
  /** From which value on the background warns, and alarms. */
  readonly warnAt?: number
  readonly alarmAt?: number
}

export interface StatOptions extends PanelText {
  readonly warnAt?: number
  readonly alarmAt?: number
  /** Fewer than this is bad, instead of more. */
  readonly goodFrom?: number
}

/** What means the same has the same colour on every panel, by the name of its series. */
const COLOURS: Readonly<Record<string, string>> = {
  '^(produced|Produce)\\b': 'blue',
  '^(fetched|Fetch)\\b': 'green',
  '\\bheld$': 'orange',
  '\\bstamped$': 'yellow',
  '\\brefused$': 'red',
  '\\bobserved$': 'purple',
  '\\blimit$': 'red',
}
const GOOD = 'green'
const WARNING = 'orange'
const ALARM = 'red'
export const LINES_HEIGHT = 8
export const STAT_HEIGHT = 4
/** Finest resolution: a scrape every 15 s shows nothing finer. */
const STEP_MIN = '15s'

/** What every kind of panel can be told. */
interface Dressable {
  title(title: string): this
  description(description: string): this
  datasource(reference: DataSourceRef): this
  unit(unit: string): this
  height(rows: number): this
  span(columns: number): this
  interval(step: string): this
}

function dressed<P extends Dressable>(
  panel: P,
  { title, description, unit, width, height }: PanelText,
  usual = { height: LINES_HEIGHT, width: 12 },
): P {
  return panel
    .title(title)
    .description(description)
    .datasource(DATA_SOURCE)
    .unit(unit)
    .height(height ?? usual.height)
    .span(width ?? usual.width)
    .interval(STEP_MIN)
}

/** Series over time. */
export function lines(options: LinesOptions, ...queries: readonly Query[]): Builder<Panel> {
  const { stacked = false, warnAt, alarmAt } = options
  const panel = dressed(new LinesBuilder(), options)
    .min(0)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 10)
    .showPoints(VisibilityMode.Never)
    .spanNulls(false)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .thresholds(thresholds(options))
    .legend(legend())
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .targets(queries.map(range))
  if (stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
  if (warnAt !== undefined || alarmAt !== undefined)
    panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
  for (const [names, colour] of coloursOf(queries)) panel.overrideByRegexp(`/${names}/`, [fixedColour(colour)])
  return panel
}

/** One number, now, with its course behind it. */
export function stat(options: StatOptions, ...queries: readonly Query[]): Builder<Panel> {
  return dressed(new StatBuilder(), options, { height: STAT_HEIGHT, width: 4 })
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(thresholds(options))
    .targets(queries.map(range))
}

/** 1 or 0 over time, in words. */
export function states(options: PanelText, words: Readonly<Record<'1' | '0', string>>, query: Query): Builder<Panel> {
  const mapping: ValueMapping = {
    type: MappingType.ValueToText,
    options: { '1': { text: words[1], color: GOOD }, '0': { text: words[0], color: ALARM } },
  }
  return dressed(new StatesBuilder(), options)
    .mappings([mapping])
    .mergeValues(true)
    .targets([range(query, 0)])
}

export interface Column {
  readonly label: string
  /** What it is called instead. */
  readonly title: string
  readonly unit?: string
  /** Where a click on it leads. */
  readonly link?: { readonly title: string; readonly url: string }
}

/** The newest values, a row for each set of labels; labels that no column names are left out. */
export function table(options: PanelText, columns: readonly Column[], ...queries: readonly Query[]): Builder<Panel> {
  const panel = dressed(new TableBuilder(), options)
    .targets(queries.map(instant))
    .transformations([
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true },
          indexByName: Object.fromEntries(columns.map(({ label }, place) => [label, place])),
          renameByName: Object.fromEntries(columns.map(({ label, title }) => [label, title])),
        },
      },
    ])
  for (const { title, unit, link } of columns) {
    const properties: DynamicConfigValue[] = []
    if (unit !== undefined) properties.push({ id: 'unit', value: unit })
    if (link !== undefined) properties.push({ id: 'links', value: [{ ...link, targetBlank: false }] })
    if (properties.length > 0) panel.overrideByName(title, properties)
  }
  return panel
}

function range(query: Query, index: number): Builder<Dataquery> {
  return target(query, index).range()
}

function instant(query: Query, index: number): Builder<Dataquery> {
  return target(query, index).format(PromQueryFormat.Table).instant()
}

function target([expr, name]: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .expr(expr)
    .legendFormat(name)
}

function thresholds({ warnAt, alarmAt, goodFrom }: Omit<StatOptions, keyof PanelText>): ThresholdsConfigBuilder {
  const steps: Threshold[] = [{ value: null, color: goodFrom === undefined ? GOOD : ALARM }]
  if (goodFrom !== undefined) steps.push({ value: goodFrom, color: GOOD })
  if (warnAt !== undefined) steps.push({ value: warnAt, color: WARNING })
  if (alarmAt !== undefined) steps.push({ value: alarmAt, color: ALARM })
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps)
}

function legend(): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
    .calcs(['mean', 'max', 'lastNotNull'])
    .sortBy('Max')
    .sortDesc(true)
}

/** Of the colours those that a series here may have: its name is known, or is a label's value. */
function coloursOf(queries: readonly Query[]): [names: string, colour: string][] {
  return Object.entries(COLOURS).filter(([names]) =>
    queries.some(([, legend]) => legend.includes('{{') || new RegExp(names, 'u').test(legend)),
  )
}

function fixedColour(fixedColor: string): DynamicConfigValue {
  return { id: 'color', value: { mode: FieldColorModeId.Fixed, fixedColor } }
}
