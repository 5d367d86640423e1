/** A scrape of `/metrics`, to ask for samples in. */

export class SluiceMetrics {
  readonly #samples: readonly { name: string; labels: Readonly<Record<string, string>>; value: number }[]

  /** As it was printed. */
  readonly text: string

  constructor(text: string) {
    this.text = text
    this.#samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [, name = '', labels = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
        const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])
        return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }
      })
  }

  /** The sum of all series of that name with these labels; 0 where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels)
    return this.#samples
      .filter((sample) => sample.name === name && wanted.every(([key, text]) => sample.labels[key] === text))
      .reduce((sum, sample) => sum + sample.value, 0)
  }

  /** Every series of that name. */
  series(name: string): readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[] {
    return this.#samples.filter((sample) => sample.name === name)
  }
}
