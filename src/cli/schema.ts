/** `schema`: the JSON Schema of the configuration file, for editors and CI; the same as a page for people. */
import { Command } from 'commander'
import { configJsonSchema } from '../config/json-schema.ts'
import { renderReference } from '../config/reference.ts'
import type { Finish } from './exit-code.ts'
import type { Terminal } from './terminal.ts'
import { writeText } from './write-text.ts'

const EXAMPLES = `
Examples:
  $ kafka-sluice schema --out sluice.schema.json
      then begin the file with
      # yaml-language-server: $schema=./sluice.schema.json
  $ kafka-sluice schema --markdown --out configuration.md
`

interface SchemaFlags {
  readonly markdown?: boolean
  readonly out?: string
}

/** Builds the command. */
export function schemaCommand(terminal: Terminal, finish: Finish): Command {
  return new Command('schema')
    .description('print the JSON Schema of the configuration file (draft 2020-12)')
    .option('--markdown', 'the configuration reference as a page instead')
    .option('--out <file>', 'write it to a file')
    .addHelpText('after', EXAMPLES)
    .action(({ markdown, out }: SchemaFlags) => {
      const schema = configJsonSchema()
      const text = markdown ? renderReference(schema) : `${JSON.stringify(schema, undefined, 2)}\n`
      finish(writeText(out, text, terminal))
    })
}
