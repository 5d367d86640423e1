/**
 * Makes a Config of a text. The schema and all that it is made of come with this module and take megabytes: the bundle of the image
 * (`docker/bundle.ts`) lets go of it when it has answered, and a reload has its own in a thread (`config-worker.ts`).
 */
import { ConfigError } from '../config/config-error.ts'
import type { ConfigAnswer, ConfigTask } from './config-text.ts'
import { loadTask } from './read-config.ts'

/** Never throws for what a user may do wrong. */
export function answerTo(task: ConfigTask): ConfigAnswer {
  try {
    return { kind: 'config', ...loadTask(task) }
  } catch (error) {
    if (error instanceof ConfigError) return { kind: 'faults', faults: error.faults, file: error.file }
    throw error
  }
}
