/** Every command, in the order of the help. */
import { adviseCommand } from './advise.ts'
import { checkConfigCommand } from './check-config.ts'
import { demoCommand } from './demo.ts'
import { diffCommand } from './diff.ts'
import { eventsCommand } from './events.ts'
import { explainCommand } from './explain.ts'
import { hashPasswordCommand } from './hash-password.ts'
import { healthCommand } from './health.ts'
import { importQuotasCommand } from './import-quotas.ts'
import { injectorCommand } from './injector.ts'
import type { MakeCommand } from './program.ts'
import { runCommand } from './run.ts'
import { schemaCommand } from './schema.ts'
import { topCommand } from './top.ts'

export const COMMANDS: readonly MakeCommand[] = [
  runCommand,
  demoCommand,
  checkConfigCommand,
  explainCommand,
  diffCommand,
  topCommand,
  adviseCommand,
  importQuotasCommand,
  hashPasswordCommand,
  injectorCommand,
  healthCommand,
  schemaCommand,
  eventsCommand,
]
