/** `schema`: the JSON Schema of the configuration file, for editors and CI; the same as a page for people. */
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { configJsonSchema } from '../config/json-schema.ts'
import { renderReference } from '../config/reference.ts'
import { EXIT_FAILURE, EXIT_OK, type Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice schema --out sluice.schema.json
      then begin the file with
      # yaml-language-server: $schema=./sluice.schema.json
  $ kafka-sluice schema --markdown --out configuration.md
`

interface SchemaFlags {
  readonly markdown: boolean
  readonly out?: string
}

/** Builds the command. */
export function schemaCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('schema')
    .description('print the JSON Schema of the configuration file (draft 2020-12)')
    .option('--markdown', 'the configuration reference as a page instead', false)
    .option('--out <file>', 'write it to a file')
    .addHelpText('after', EXAMPLES)
    .action(({ markdown, out }: SchemaFlags) => {
      const schema = configJsonSchema()
      const text = markdown ? renderReference(schema) : `${JSON.stringify(schema, undefined, 2)}\n`
      finish(out === undefined ? print(text, terminal) : write(out, text, terminal))
    })
}

function print(text: string, terminal: Terminal): number {
  terminal.out(text)
  return EXIT_OK
}

function write(path: string, text: string, terminal: Terminal): number {
  try {
    writeFileSync(path, text)
    return EXIT_OK
  } catch (error) {
    terminal.err(`cannot write ${path}: ${(error as Error).message}\n`)
    return EXIT_FAILURE
  }
}
