/** A recipe and what was recorded of it, as the picture in docs/cookbook.md. */
import { type Chart, drawChart } from './chart.ts'
import type { Recipe } from './recipe.ts'
import type { Recording } from './record.ts'

/** The SVG. */
export function pictureOf(recipe: Recipe, recording: Recording): string {
  const { title, description, seconds } = recipe
  const chart: Chart = {
    title,
    description,
    seconds,
    moments: recipe.acts.flatMap(({ label }, i) => {
      const second = recording.moments[i]
      return label === undefined || second === undefined ? [] : [{ second, label }]
    }),
    panels: recipe.panels.map(({ title: panelTitle, levels = [], lines }, p) => ({
      title: panelTitle,
      levels,
      lines: lines.map(({ label }, i) => ({ label, points: recording.panels[p]?.[i] ?? [] })),
    })),
  }
  return drawChart(chart)
}
